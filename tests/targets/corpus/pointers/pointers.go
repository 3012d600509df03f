// Package pointers holds lists, trees, cycles and pointers to anything.
package pointers

import "example.org/corpus/hold"

type node struct {
	value int
	next  *node
}

type tree struct {
	left, right *tree
	key         string
}

type ring struct {
	self  *ring
	list  []*ring
	label string
}

// Start lets goroutines wait with pointers.
func Start() {
	hold.Go(func() { list(&node{1, &node{2, &node{3, nil}}}, nil) })
	hold.Go(func() { cycle("round") })
	hold.Go(func() { walk(&tree{&tree{nil, nil, "l"}, &tree{&tree{nil, nil, "rl"}, nil, "r"}, "root"}, 0) })
	hold.Go(func() { indirect(5) })
}

//go:noinline
func list(head, none *node) {
	last := head
	for last.next != nil {
		last = last.next
	}
	hold.Here()
	hold.Use(head)
	hold.Use(none)
	hold.Use(last)
}

//go:noinline
func cycle(label string) {
	r := &ring{label: label}
	r.self, r.list = r, []*ring{r, nil, {label: "other"}}
	two := &node{value: 1}
	two.next = &node{2, two}
	hold.Here()
	hold.Use(r)
	hold.Use(two)
}

func walk(t *tree, depth int) int {
	if t == nil {
		return 0
	}
	if t.key == "rl" {
		hold.Here()
	}
	left := walk(t.left, depth+1)
	right := walk(t.right, depth+1)
	return left + right + len(t.key) + depth
}

//go:noinline
func indirect(n int) {
	p := &n
	pp := &p
	ppp := &pp
	s := &[]string{"behind"}
	a := &[2]int{n, n}
	text := new(string)
	var null **int
	hold.Here()
	hold.Use(ppp)
	hold.Use(pp)
	hold.Use(s)
	hold.Use(a)
	hold.Use(text)
	hold.Use(null)
}
