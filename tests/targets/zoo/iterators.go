//go:build go1.23

package main

import (
	"iter"
	"runtime"
)

func startIterators() {
	start(pullInside, pullOutside, rangeOverFunc, rangeOverFuncNested, rangeOverFuncDefer, pullLocked)
}

// pullInside waits in the sequence; who called next waits for it.
func pullInside() {
	next, stop := iter.Pull(func(yield func(int) bool) {
		yield(1)
		arrived.Done()
		<-forever
	})
	defer stop()
	next()
	next()
}

// pullOutside waits between two calls of next; the sequence waits in yield.
func pullOutside() {
	next, stop := iter.Pull2(func(yield func(int, string) bool) {
		for i := 0; yield(i, "pulled"); i++ {
		}
	})
	defer stop()
	next()
	arrived.Done()
	<-forever
}

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func rangeOverFunc() {
	for i := range count(10) {
		if i == 5 {
			arrived.Done()
			<-forever
		}
	}
}

func rangeOverFuncNested() {
	for i := range once(10) {
		for j := range once(20) {
			if i == 10 && j == 20 {
				arrived.Done()
				<-forever
			}
		}
	}
}

// once yields n; kept out of line, so that its frame is between the loop and its body.
//
//go:noinline
func once(n int) iter.Seq[int] {
	return func(yield func(int) bool) { yield(n) }
}

// rangeOverFuncDefer runs a deferred function that the body of a loop left with its function.
func rangeOverFuncDefer() {
	for range once(30) {
		defer waitDeferred()
	}
}

// pullLocked switches between two goroutines that have a thread to themselves.
func pullLocked() {
	runtime.LockOSThread()
	next, stop := iter.Pull(func(yield func(int) bool) {
		yield(1)
		arrived.Done()
		<-forever
	})
	defer stop()
	next()
	next()
}
