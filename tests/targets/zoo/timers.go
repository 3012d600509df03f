package main

import (
	"context"
	"time"
)

func startTimers() {
	start(sleep, timerReceive, tickerReceive, afterFunc, contextTimeout, contextAfterFunc)
}

func sleep() {
	arrived.Done()
	time.Sleep(24 * time.Hour)
}

func timerReceive() {
	timer := time.NewTimer(24 * time.Hour)
	arrived.Done()
	<-timer.C
}

func tickerReceive() {
	ticker := time.NewTicker(24 * time.Hour)
	defer ticker.Stop()
	arrived.Done()
	for range ticker.C {
	}
}

// afterFunc ends; the goroutine that its timer starts stays.
func afterFunc() {
	time.AfterFunc(time.Millisecond, func() {
		arrived.Done()
		<-forever
	})
}

func contextTimeout() {
	ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
	defer cancel()
	arrived.Done()
	<-ctx.Done()
}

// contextAfterFunc ends; the goroutine that the end of its context starts stays.
func contextAfterFunc() {
	ctx, cancel := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() {
		arrived.Done()
		<-forever
	})
	cancel()
}
