package main

// startRunning starts n goroutines that never wait, of each kind in turn. With fewer processors than goroutines some are
// runnable at any time, most of them preempted by a signal.
func startRunning(n int) {
	kinds := []func(){func() { callLeaf(5) }, func() { allocate(5) }, func() { callTiny(5) }}
	kinds = append(kinds, runningCgo...)
	for i := 0; i < n; i++ {
		go kinds[i%len(kinds)]()
	}
}

// leaf has no frame of its own.
//
//go:noinline
func leaf(n int) int {
	for i := 0; ; i++ {
		n ^= i
		if n == -123456789 {
			return n
		}
	}
}

//go:noinline
func callLeaf(n int) int { return leaf(n) + 1 }

var sink []int

//go:noinline
func allocate(n int) {
	for {
		sink = make([]int, 100+len(sink)&3+n)
	}
}

//go:noinline
func callTiny(n int) {
	for {
		n = tiny(n)
	}
}

//go:noinline
func tiny(n int) int { return tinier(n, 3) + 1 }

//go:noinline
func tinier(a, b int) int { return a*b + 7 }
