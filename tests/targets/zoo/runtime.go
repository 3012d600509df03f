package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"syscall"
)

func startRuntime() {
	start(lockedThread, labelled, labelledChild, signals, finalizer, parent)
	start(func() { manyLabels(12) }, func() { manyLabels(24) })
}

func lockedThread() {
	runtime.LockOSThread()
	arrived.Done()
	<-forever
}

func labelled() {
	labels := pprof.Labels("customer", "acme", "request", "42")
	pprof.Do(context.Background(), labels, func(context.Context) {
		arrived.Done()
		<-forever
	})
}

// manyLabels has n labels. Up to Go 1.23 they are a map, of as many entries as its 2 or 4 buckets take before it grows.
func manyLabels(n int) {
	var pairs []string
	for i := 0; i < n; i++ {
		pairs = append(pairs, "key"+strconv.Itoa(i), "value"+strconv.Itoa(i))
	}
	pprof.Do(context.Background(), pprof.Labels(pairs...), func(context.Context) {
		arrived.Done()
		<-forever
	})
}

// labelledChild ends; the goroutine it starts inherits its labels.
func labelledChild() {
	pprof.Do(context.Background(), pprof.Labels("inherited", "yes"), func(context.Context) {
		go func() {
			arrived.Done()
			<-forever
		}()
	})
}

func signals() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	arrived.Done()
	<-got
}

// finalizer ends; the runtime's finalizer goroutine waits in what it set.
func finalizer() {
	var reached atomic.Bool
	runtime.SetFinalizer(&boxed{label: "finalized"}, func(*boxed) {
		reached.Store(true)
		arrived.Done()
		<-forever
	})
	for !reached.Load() {
		runtime.GC()
	}
}

// parent ends too: its child's creator is a goroutine that is gone.
func parent() {
	go func() {
		arrived.Done()
		<-forever
	}()
}
