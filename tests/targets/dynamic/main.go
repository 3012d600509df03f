// Dynamic holds interfaces with values of every sort in them: kept in the interface itself or behind a pointer.
//
// It prints "ready {}" and ends with its input.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	others "example.com/dynamic/other/shapes"
	"example.com/dynamic/shapes"
)

type point struct{ X, Y int }

type holder struct{ at *point }

type one [1]*point

type code int

type failure struct {
	Code   code
	Reason string
	Cause  error
}

func (f *failure) Error() string { return f.Reason }

type refusal struct{ Reason string }

func (r refusal) Error() string { return r.Reason }

type table map[string]int

var (
	forever   = make(chan int)
	parked    sync.WaitGroup
	kept      any   = opaque(any(&point{7, 8}))
	keptError error = opaque(error(refusal{"kept"}))

	// Go 1.21 describes no types that are in interfaces alone.
	aHolder holder
	aOne    one
	aTable  table
)

//go:noinline
func opaque[T any](value T) T { return value }

//go:noinline
func use(...any) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

// values holds its interfaces in memory, so that each is there as a whole.
//
//go:noinline
func values(v *[20]any) {
	park()
	use(v)
}

//go:noinline
func failures(e *[5]error) {
	park()
	use(e)
}

// parameters come in registers and are spilled.
//
//go:noinline
func parameters(err error, value any) {
	park()
	use(err, value)
}

func main() {
	parked.Add(3)
	at := &point{1, 2}
	root := &failure{Code: 42, Reason: "no luck", Cause: refusal{"asked too often"}}
	go values(&[20]any{
		at, point{3, 4}, 5, "six", []int{7, 8}, holder{at}, one{at}, table{"a": 9}, code(10), 11.5, true, nil, (*point)(nil),
		time.Duration(12), struct{}{}, shapes.Square{Side: 13, Depth: 14}, others.Square{Side: 15}, &others.Alone{Name: "alone"},
		uint8(200), func() {},
	})
	go failures(&[5]error{root, fmt.Errorf("more: %w", root), refusal{"not today"}, errors.New("plain"), nil})
	go parameters(fmt.Errorf("again: %w", root), point{16, 17})
	parked.Wait()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
	use(kept, keptError, &aHolder, &aOne, &aTable)
}
