//go:build go1.25

package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func init() { testing.Init() } // Its flags, before main parses them.

// startBubble leaves the goroutines of a test in a synctest bubble that doesn't end: one waits for what is outside.
func startBubble() {
	arrived.Add(4)
	bubble := func(t *testing.T) {
		inside := make(chan int)
		go func() {
			arrived.Done()
			<-inside
		}()
		go func() {
			arrived.Done()
			time.Sleep(24 * time.Hour)
		}()
		go func() {
			arrived.Done()
			<-forever
		}()
		arrived.Done()
		synctest.Wait()
	}
	test := testing.InternalTest{Name: "bubble", F: func(t *testing.T) { synctest.Test(t, bubble) }}
	everything := func(_, _ string) (bool, error) { return true, nil }
	go testing.Main(everything, []testing.InternalTest{test}, nil, nil)
}
