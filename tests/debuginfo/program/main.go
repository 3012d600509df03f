// Functions and types of every kind that the debug-information reader has to tell apart.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"
)

type Status uint8

type Celsius float64

type Names []string

type Lookup map[string]*Item

type Handler func(int, string) (bool, error)

type Pipe chan Item

type Empty struct{}

type Shape interface{ Area() float64 }

type Base struct {
	ID   uint64
	Name string
}

type Item struct {
	Base
	*sync.Mutex
	Next   *Item
	Tags   []string
	Attrs  map[string]int
	In     <-chan Status
	Done   func()
	Any    any
	Err    error
	Shape  Shape
	Grid   [3][4]int32
	Z      complex128
	Raw    unsafe.Pointer
	When   time.Time
	For    time.Duration
	Inline struct {
		X, Y int
		Ok   bool
	}
	Nothing Empty
	_       [0]int
	State   Status
	Temp    Celsius
}

type Square struct{ side float64 }

func (s Square) Area() float64 { return s.side * s.side }

type List[T any] struct {
	head *node[T]
	n    int
}

type node[T any] struct {
	value T
	next  *node[T]
}

//go:noinline
func (l *List[T]) Put(v T) *List[T] {
	l.head = &node[T]{v, l.head}
	l.n++
	return l
}

//go:noinline
func gen[T any](x T, n int) []T {
	r := make([]T, 0, n)
	for i := 0; i < n; i++ {
		r = append(r, x)
	}
	return r
}

func tiny(a int) int { return middle(a) + 1 }

func middle(b int) int {
	c := b * 2
	if c > limit {
		d := c - limit
		return inner(d)
	}
	return inner(c)
}

func inner(e int) int {
	for i := range 3 {
		e += i * limit
	}
	return e
}

var (
	limit   = 100
	items   []*Item
	lookup  = Lookup{}
	handler Handler
	status  Status
	names   Names
	pipe    Pipe
	shape   Shape
	anyone  any
)

//go:noinline
func outer(x int, s string, b []byte) (total int, err error) {
	total = tiny(x) + len(s)
	{
		x := "shadow" + s
		total += len(x)
		use(&x)
	}
	if len(b) > 3 {
		return 0, errors.New(s)
	}
	return total + tiny(len(b)), nil
}

//go:noinline
func use(p any) { anyone = p }

//go:noinline
func escape(n int) *int {
	moved := n + 1
	items = append(items, &Item{Base: Base{ID: uint64(moved)}})
	return &moved
}

//go:noinline
func closures(prefix string, n int) func(string) string {
	count := 0
	return func(s string) string {
		count++
		n += len(s)
		return prefix + s + fmt.Sprint(count, n)
	}
}

//go:noinline
func switches(v any) int {
	switch x := v.(type) {
	case int:
		return x
	case string:
		return len(x)
	case *Item:
		return int(x.ID)
	}
	return -1
}

//go:noinline
func locals(ctx context.Context, it Item) (n int) {
	first := it.ID
	use(first)
	second := it.Name
	use(second)
	for i, tag := range it.Tags {
		size := len(tag) + i
		use(size)
		n += size
	}
	if ctx.Err() != nil {
		third := time.Since(it.When)
		use(third)
	}
	return n
}

//go:noinline
func both(n int) int { return middle(n) }

func main() {
	fmt.Println(outer(len(os.Args), os.Args[0], []byte(os.Args[0])))
	fmt.Println(*escape(3), closures("a", 1)("b"), switches(os.Args), both(4))
	fmt.Println(gen(1, 2), gen("x", 2), gen(&Item{}, 1), gen(Base{}, 1))
	l := (&List[int]{}).Put(3)
	m := (&List[string]{}).Put("x")
	fmt.Println(l, m, (&List[*Item]{}).Put(nil))
	fmt.Println(locals(context.Background(), Item{}), lookup, handler, status, names, pipe)
	shape = Square{2}
	fmt.Println(shape.Area(), inner, middle)
}
