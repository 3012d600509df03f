package main

import "runtime"

func startDeferred() {
	start(deferOnReturn, deferInLoop, deferWhilePanicking, deferAfterRecover, deferAfterFault, deferAfterDivide, deferInGoexit)
	start(deferInPanicInDefer, deferInGoexitInPanic)
}

func waitDeferred() {
	arrived.Done()
	<-forever
}

//go:noinline
func deferOnReturn() {
	defer waitDeferred()
}

// deferInLoop can't use open-coded defers.
//
//go:noinline
func deferInLoop() {
	for i := 0; i < 3; i++ {
		i := i // A variable for each turn, up to Go 1.21 too.
		defer func() {
			if i == 2 {
				arrived.Done()
				<-forever
			}
		}()
	}
}

//go:noinline
func deferWhilePanicking() {
	defer waitDeferred()
	panic("with a value")
}

//go:noinline
func deferAfterRecover() {
	defer func() {
		reason := recover()
		arrived.Done()
		<-forever
		_ = reason
	}()
	panic("recovered")
}

//go:noinline
func deferAfterFault() {
	defer waitDeferred()
	writeThrough(nil)
}

// writeThrough faults: a signal's frame is between it and the deferred function.
//
//go:noinline
func writeThrough(b *boxed) { b.weight = 3 }

//go:noinline
func deferAfterDivide() {
	defer waitDeferred()
	divide(1, 0)
}

//go:noinline
func divide(a, b int) int { return a / b }

//go:noinline
func deferInGoexit() {
	defer waitDeferred()
	runtime.Goexit()
}

// deferInPanicInDefer has two panics on its stack, the outer one of which is in a deferred function.
//
//go:noinline
func deferInPanicInDefer() {
	defer func() {
		defer waitDeferred()
		panic("second")
	}()
	panic("first")
}

// deferInGoexitInPanic ends the goroutine while it panics.
//
//go:noinline
func deferInGoexitInPanic() {
	defer waitDeferred()
	defer runtime.Goexit()
	panic("goes nowhere")
}
