//go:build go1.25

package main

import (
	"runtime"
	"sync/atomic"
)

// startCleanups leaves a goroutine of the runtime in a function that ran because an object was gone. Before Go 1.25
// there is but one for these and for finalizers.
func startCleanups() {
	start(func() {
		var reached atomic.Bool
		runtime.AddCleanup(&boxed{label: "cleaned up"}, func(n int) { waitInCleanup(n, &reached) }, 5)
		for !reached.Load() {
			runtime.GC()
		}
	})
}

//go:noinline
func waitInCleanup(n int, reached *atomic.Bool) {
	reached.Store(true)
	arrived.Done()
	<-forever
}
