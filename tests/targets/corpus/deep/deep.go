// Package deep holds goroutines that wait at several depths, in inlined and in recursive functions.
package deep

import "example.org/corpus/hold"

type request struct {
	id   int
	path string
}

type server struct {
	name  string
	stats map[string]int
}

// Start lets goroutines wait at depths of their own.
func Start() {
	s := &server{"srv", map[string]int{"hits": 1}}
	for i := 0; i < 4; i++ {
		i := i
		hold.Go(func() { s.serve(&request{i, "/"}, i) })
	}
	hold.Go(func() { recurse(6, "r") })
	hold.Go(func() { inlining(5, "in") })
}

//go:noinline
func (s *server) serve(r *request, layers int) int {
	before := s.stats["hits"]
	if layers > 0 {
		inner := *r
		inner.path += "x"
		return s.serve(&inner, layers-1) + before
	}
	return s.handle(r, func(code int) int { return code + r.id }) + before
}

//go:noinline
func (s *server) handle(r *request, finish func(int) int) int {
	status := 200
	header := map[string][]string{"A": {"b"}}
	hold.Here()
	hold.Use(header)
	return finish(status) + len(s.name)
}

//go:noinline
func recurse(n int, text string) int {
	local := n * n
	if n == 0 {
		hold.Here()
		return 0
	}
	return recurse(n-1, text+"!") + local + len(text)
}

func inlining(a int, text string) int {
	b := a + 1
	return second(b, text) + a
}

func second(c int, text string) int {
	d := c * c
	third(d, text[1:])
	return d + c
}

func third(e int, part string) {
	f := []int{e, e + 1}
	hold.Here()
	hold.Use(f)
	hold.Use(part)
	hold.Use(e)
}
