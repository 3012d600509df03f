// A program whose func values hold things: by value, by reference, receivers, what generic code has.
package main

import (
	"bufio"
	"fmt"
	"io"
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

// Large has so many parts that compilers keep it in memory.
type Large struct {
	Names         []string
	A, B, C, D, E int
}

// large holds what compilers keep in memory: by value, and what it changes by reference. The last one is by value.
//
//go:noinline
func large(none struct{}, count int, first Large, ends [2]int, changed [2]int, last Large) func(int) int {
	return func(n int) int {
		fmt.Fprint(io.Discard, none)
		count++
		n += first.E + len(first.Names) + ends[n%2]
		changed[n%2] += n
		return n + changed[0] + last.A
	}
}

var held []any

func main() {
	w := &Worker{name: "w", state: Busy, level: Low, mask: Most}
	var d Doer = w
	held = []any{counter(3, "c"), w.Do, w.Copy, d.Do, holder("x", 2), holder(w, 3), func() time.Month { return time.May }}
	made := large(struct{}{}, 3, Large{[]string{"x"}, 1, 2, 3, 4, 5}, [2]int{6, 7}, [2]int{8, 9}, Large{A: 10})
	held = append(held, made)
	fmt.Fprintln(os.Stderr, len(held), Idle, Done, Ended, High, Bit)
	fmt.Println("ready {}")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text := fmt.Sprint(made(0))
		fmt.Printf("answer %s %d\n%s", lines.Text(), len(text), text)
	}
	time.Sleep(time.Hour)
	fmt.Println(held...)
}
