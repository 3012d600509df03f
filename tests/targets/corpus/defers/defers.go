// Package defers holds goroutines in deferred functions, in panics and after recovery.
package defers

import (
	"errors"
	"fmt"

	"example.org/corpus/hold"
)

// Start lets goroutines wait in deferred calls.
func Start() {
	hold.Go(func() { _ = normal("file") })
	hold.Go(func() { _ = panicking([]int{1, 2}, 5) })
	hold.Go(func() { recovered(errors.New("bad")) })
}

//go:noinline
func normal(name string) (err error) {
	closed := 0
	defer func() {
		closed++
		hold.Here()
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	err = errors.New("early")
	return err
}

//go:noinline
func panicking(values []int, at int) (n int) {
	defer func(when string) {
		hold.Here()
		hold.Use(when)
		if r := recover(); r != nil {
			n = -1
		}
	}("later")
	n = 1
	return values[at]
}

//go:noinline
func recovered(cause error) {
	caught := guard(cause)
	text := fmt.Sprint(caught)
	hold.Here()
	hold.Use(text)
	hold.Use(caught)
}

func guard(cause error) (caught any) {
	defer func() { caught = recover() }()
	panic(cause)
}
