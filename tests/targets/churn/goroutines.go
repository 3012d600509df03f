package main

import "sync/atomic"

// grown counts the goroutines whose stack grew, was copied, and ended.
var grown atomic.Int64

// churnGoroutines has a hundred goroutines at a time, each with a stack that grows to some 100 KiB and goes with it: the
// lists of goroutines and the addresses of their stacks never stay the same for long.
func churnGoroutines() {
	done := make(chan int)
	for {
		for range 100 {
			go func() { done <- deepen(400, [16]int{}) }()
		}
		for range 100 {
			<-done
			grown.Add(1)
		}
	}
}

//go:noinline
func deepen(levels int, pad [16]int) int {
	if levels == 0 {
		return pad[0]
	}
	pad[levels&15] = levels
	return deepen(levels-1, pad) + pad[15]
}
