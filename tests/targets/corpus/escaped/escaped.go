// Package escaped holds variables, parameters and results that live on the heap.
package escaped

import "example.org/corpus/hold"

type item struct {
	name string
	next *item
}

var kept []any

// Start lets goroutines wait with escaped variables.
func Start() {
	hold.Go(func() { locals(4) })
	hold.Go(func() { parameters(item{name: "param"}, []int{1}) })
	hold.Go(func() { r, n := results(); hold.Use(r); hold.Use(n) })
	hold.Go(func() { loops([]item{{name: "a"}, {name: "b"}}) })
}

//go:noinline
func locals(n int) {
	counter := n
	text := "escaped"
	it := item{name: "it"}
	it.next = &it
	var table [3]*int
	for i := range table {
		table[i] = &counter
	}
	keep(&counter)
	keep(&text)
	keep(&it)
	counter++
	hold.Here()
	hold.Use(table)
	hold.Use(text)
}

//go:noinline
func keep(p any) { kept = append(kept[:0], p) }

//go:noinline
func parameters(it item, list []int) {
	keep(&it)
	keep(&list)
	it.name = "changed"
	list = append(list, 2)
	hold.Here()
	hold.Use(it)
	hold.Use(list)
}

//go:noinline
func results() (it item, n int) {
	defer func() { n++; it.name += "!" }()
	it.name = "result"
	n = 41
	hold.Here()
	return it, n
}

//go:noinline
func loops(items []item) {
	for _, it := range items {
		keep(&it)
		if it.name == "b" {
			hold.Here()
		}
	}
}
