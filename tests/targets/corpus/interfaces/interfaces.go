// Package interfaces holds interfaces and errors.
package interfaces

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"example.org/corpus/hold"
)

type shape interface{ Area() float64 }
type square struct{ side float64 }
type circle struct{ r float64 }
type number int

func (s square) Area() float64  { return s.side * s.side }
func (c *circle) Area() float64 { return c.r }
func (n number) Area() float64  { return float64(n) }

type failure struct {
	op   string
	code int
	err  error
}

func (f *failure) Error() string { return f.op }
func (f *failure) Unwrap() error { return f.err }

// Start lets goroutines wait with interfaces.
func Start() {
	hold.Go(func() { shapes(square{2}, &circle{3}, number(4), nil) })
	hold.Go(func() { anything(1, "two", 3.0, []int{4}, nil, struct{}{}, &number0, map[string]int{"a": 1}) })
	hold.Go(func() { failures(io.EOF) })
	hold.Go(func() { reader(strings.NewReader("text"), os.Stdout) })
	hold.Go(func() { typed(nil) })
}

var number0 number = 7

//go:noinline
func shapes(a, b, c, none shape) {
	all := []shape{a, b, c, none}
	total := 0.0
	for _, s := range all[:3] {
		total += s.Area()
	}
	hold.Here()
	hold.Use(a)
	hold.Use(b)
	hold.Use(c)
	hold.Use(none)
	hold.Use(all)
	hold.Use(total)
}

//go:noinline
func anything(values ...any) {
	first, last := values[0], values[len(values)-1]
	inside := any(&first)
	hold.Here()
	hold.Use(values)
	hold.Use(last)
	hold.Use(inside)
}

//go:noinline
func failures(cause error) error {
	wrapped := fmt.Errorf("reading: %w", cause)
	own := &failure{"open", 2, wrapped}
	joined := errors.Join(own, errors.New("second"))
	var none error
	var typedNil error = (*failure)(nil)
	_, missing := os.Open("/nonexistent/file")
	hold.Here()
	hold.Use(cause)
	hold.Use(wrapped)
	hold.Use(own)
	hold.Use(none)
	hold.Use(typedNil)
	hold.Use(missing)
	return joined
}

//go:noinline
func reader(r io.Reader, w io.Writer) {
	both := struct {
		io.Reader
		io.Writer
	}{r, w}
	hold.Here()
	hold.Use(r)
	hold.Use(w)
	hold.Use(both)
}

//go:noinline
func typed(p *circle) {
	var s shape = p
	hold.Here()
	hold.Use(s)
	hold.Use(p)
}
