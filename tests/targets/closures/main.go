// A program whose func values hold things: by value, by reference, receivers, what generic code has.
package main

import (
	"fmt"
	"os"
	"time"
)

type State uint8

const (
	Idle State = iota
	Busy
	Done
	Ended = Done // A second name of one value: neither is shown.
)

type Level int32

const (
	Low  Level = -2
	High Level = 1 << 20
)

type Mask uint64

const (
	Bit  Mask = 1
	Most Mask = 1 << 63
)

type Doer interface{ Do(n int) int }

type Worker struct {
	name  string
	state State
	level Level
	mask  Mask
}

//go:noinline
func (w *Worker) Do(n int) int { return n + len(w.name) }

//go:noinline
func (w Worker) Copy(n int) int { return n + int(w.level) }

//go:noinline
func counter(start int, name string) func(int) int {
	total := start
	return func(n int) int {
		total += n
		return total + len(name)
	}
}

//go:noinline
func holder[T any](value T, times int) func() T {
	return func() T {
		fmt.Fprint(os.Stderr, times)
		return value
	}
}

var held []any

func main() {
	w := &Worker{name: "w", state: Busy, level: Low, mask: Most}
	var d Doer = w
	held = []any{counter(3, "c"), w.Do, w.Copy, d.Do, holder("x", 2), holder(w, 3), func() time.Month { return time.May }}
	fmt.Fprintln(os.Stderr, len(held), Idle, Done, Ended, High, Bit)
	fmt.Println("ready {}")
	time.Sleep(time.Hour)
	fmt.Println(held...)
}
