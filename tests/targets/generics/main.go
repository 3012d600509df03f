// A program that waits in generic code whose instantiations share their machine code: only the dictionary that each
// call is given tells them apart.
package main

import (
	"fmt"
	"time"
)

type point struct{ X, Y int }

type user struct{ name string }

func (u *user) Name() string { return u.name }

type host struct {
	id   int
	name string
}

func (h *host) Name() string { return h.name }

type namer interface{ Name() string }

type pair[K, V any] struct {
	key K
	val V
}

type list[T any] struct {
	items []T
	last  T
}

type wide[T any] struct {
	head T
	room [20]int
	tail T
}

var forever = make(chan int)

//go:noinline
func hold() { <-forever }

//go:noinline
func use[T any](value T) {}

//go:noinline
func one[T any](v T, n int) {
	many := []T{v, v}
	hold()
	use(many)
	use(v)
	use(n)
}

//go:noinline
func constrained[T namer](v T) string {
	hold()
	return v.Name()
}

//go:noinline
func two[A, B any](a A, b B) {
	whole := pair[A, B]{a, b}
	swapped := pair[B, A]{b, a}
	hold()
	use(whole)
	use(swapped)
	use(a)
	use(b)
}

//go:noinline
func keyed[K comparable, V any](m map[K]V, k K) V {
	v := m[k]
	hold()
	use(m)
	use(k)
	return v
}

//go:noinline
func (l *list[T]) each(extra T) {
	for i, v := range l.items {
		if i == 1 {
			hold()
		}
		use(v)
	}
	l.last = extra
	use(l)
}

//go:noinline
func (p pair[K, V]) part(more V) {
	hold()
	use(p)
	use(more)
}

//go:noinline
func closure[T any](v T) func(T) T {
	return func(w T) T {
		hold()
		use(w)
		return v
	}
}

//go:noinline
func escaped[T any](v T) *T {
	w := v
	p := &w
	hold()
	use(v)
	return p
}

//go:noinline
func large[T any](v T) wide[T] {
	w := wide[T]{head: v, tail: v}
	w.room[7] = 7
	hold()
	use(&w)
	use(v)
	return w
}

// Nested calls of one function: each frame has its own dictionary.
//
//go:noinline
func nested[T, U any](t T, u U, depth int) {
	if depth == 0 {
		hold()
	} else {
		nested(u, t, depth-1)
	}
	use(t)
	use(u)
}

// Nothing in it needs the dictionary, so that optimized code keeps it nowhere.
//
//go:noinline
func careless[T any](v T, to *T) {
	hold()
	*to = v
}

//go:noinline
func careful[T any](v T, to *T) {
	use(v)
	*to = v
}

// Where careless could have its dictionary, the stack still has that of another call.
//
//go:noinline
func stale() {
	careful(&user{"stale"}, new(*user))
	careless(&host{2, "fresh"}, new(*host))
}

//go:noinline
func spin[T any](v T) {
	for {
		use(v)
	}
}

func main() {
	origin := &point{1, 2}
	someone, home := &user{"u"}, &host{1, "h"}
	go one(origin, 1)
	go one(someone, 2)
	go one((*point)(nil), 3)
	go one("text", 4)
	go one(time.Second, 5)
	go constrained(someone)
	go constrained(home)
	go two(origin, someone)
	go two(home, origin)
	go keyed(map[string]*point{"k": origin}, "k")
	go keyed(map[*user]*host{someone: home}, someone)
	go (&list[*point]{items: []*point{origin, {3, 4}}}).each(&point{5, 6})
	go (&list[*user]{items: []*user{someone, {"v"}}}).each(&user{"w"})
	go pair[*point, *user]{origin, someone}.part(&user{"more"})
	go closure(origin)(&point{7, 8})
	go closure(someone)(&user{"x"})
	go escaped(origin)
	go escaped(home)
	go large(someone)
	go nested(someone, home, 3)
	go stale()
	go spin(home)
	time.Sleep(50 * time.Millisecond)
	fmt.Println("ready {}")
	time.Sleep(time.Hour)
}
