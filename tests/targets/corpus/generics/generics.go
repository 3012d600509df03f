// Package generics holds generic functions and types of several shapes.
package generics

import "example.org/corpus/hold"

type number interface {
	~int | ~int32 | ~float64
}

type list[T any] struct {
	head, tail *element[T]
	size       int
}

type element[T any] struct {
	value T
	next  *element[T]
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

type meters float64
type point struct{ X, Y int }

// Start lets goroutines wait in generic code.
func Start() {
	hold.Go(func() { var l list[string]; l.push("a"); l.push("b"); l.each("x") })
	hold.Go(func() { var l list[*point]; l.push(&point{1, 2}); l.each(&point{3, 4}) })
	hold.Go(func() { reduce([]int{1, 2, 3}, 10) })
	hold.Go(func() { reduce([]meters{1.5, 2.5}, 0.25) })
	hold.Go(func() { lookup(map[string]point{"k": {5, 6}}, "k") })
	hold.Go(func() { lookup(map[int]error{7: nil}, 7) })
	hold.Go(func() { pointer(&point{7, 8}) })
	hold.Go(func() { pointer(new(string)) })
}

func (l *list[T]) push(value T) {
	e := &element[T]{value: value}
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
	l.size++
}

//go:noinline
func (l *list[T]) each(extra T) {
	for e := l.head; e != nil; e = e.next {
		v := e.value
		if e.next == nil {
			hold.Here()
		}
		hold.Use(v)
		hold.Use(extra)
	}
}

//go:noinline
func reduce[T number](values []T, start T) T {
	total := start
	for _, v := range values {
		total += v
	}
	hold.Here()
	hold.Use(values)
	return total + start
}

//go:noinline
func lookup[K comparable, V any](m map[K]V, k K) pair[K, V] {
	v, ok := m[k]
	p := pair[K, V]{k, v}
	hold.Here()
	hold.Use(ok)
	hold.Use(m)
	return p
}

//go:noinline
func pointer[T any](p *T) {
	value := *p
	many := []T{value, value}
	hold.Here()
	hold.Use(p)
	hold.Use(value)
	hold.Use(many)
}
