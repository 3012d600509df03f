// Busy has goroutines that are hardly ever at rest: they hand over to each other, yield, are created and end, and their
// stacks grow, while a profiler's signals interrupt them. Whoever looks meets each in the middle of something.
//
// It prints "ready {...}" and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"time"
)

//go:noinline
func ping(a, b chan int) {
	for {
		a <- 1
		<-b
	}
}

//go:noinline
func pong(a, b chan int) {
	for {
		<-a
		b <- 1
	}
}

//go:noinline
func yield() {
	for {
		runtime.Gosched()
	}
}

// clock asks for the time without end, which the kernel's vDSO tells on the stack of g0.
//
//go:noinline
func clock() {
	for start := time.Now(); time.Since(start) >= 0; {
	}
}

// grow starts goroutines whose stacks are copied twice.
//
//go:noinline
func grow() {
	for {
		done := make(chan int)
		go func() { done <- deep(20, [32]int{}) }()
		<-done
	}
}

//go:noinline
func deep(levels int, pad [32]int) int {
	if levels == 0 {
		return pad[0]
	}
	return deep(levels-1, pad) + pad[3]
}

func main() {
	runtime.SetCPUProfileRate(4000)
	for i := 0; i < 3; i++ {
		a, b := make(chan int), make(chan int)
		go ping(a, b)
		go pong(a, b)
	}
	go yield()
	go yield()
	go clock()
	go grow()
	go grow()
	fmt.Printf("ready {\"pid\": %d}\n", os.Getpid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
	}
}
