// Package closures holds functions, closures, method values, and what closures capture.
package closures

import (
	"sort"
	"strings"

	"example.org/corpus/hold"
)

type counter struct {
	name  string
	count int
}

func (c *counter) add(n int)     { c.count += n }
func (c counter) String() string { return c.name }

type handler func(string) int

// Start lets goroutines wait in and with closures.
func Start() {
	hold.Go(func() { functions(&counter{"hits", 3}) })
	hold.Go(capturing("outer", 10))
	hold.Go(func() { callback([]string{"b", "a", "c"}) })
	hold.Go(func() { (&counter{"deep", 1}).run(func(c *counter) { hold.Here(); hold.Use(c) }) })
	hold.Go(freed(20))
}

//go:noinline
func functions(c *counter) {
	plain := strings.ToUpper
	method := c.add
	value := c.String
	expression := (*counter).add
	var null func()
	total := 5
	closure := handler(func(s string) int { total += len(s); return total })
	constant := func() int { return 1 }
	table := map[string]handler{"len": func(s string) int { return len(s) }}
	hold.Here()
	hold.Use(plain)
	hold.Use(method)
	hold.Use(value)
	hold.Use(expression)
	hold.Use(null)
	hold.Use(closure)
	hold.Use(constant)
	hold.Use(table)
}

func capturing(text string, number int) func() {
	list := []int{number, number + 1}
	var shared int
	inner := func(n int) { shared += n }
	return func() {
		local := number * 2
		inner(local)
		hold.Here()
		inner(len(text))
		hold.Use(list)
		hold.Use(shared)
		hold.Use(local)
	}
}

//go:noinline
func callback(words []string) {
	calls := 0
	sort.Slice(words, func(i, j int) bool {
		calls++
		if calls == 2 {
			hold.Here()
		}
		return words[i] < words[j]
	})
}

//go:noinline
func (c *counter) run(f func(*counter)) {
	c.count++
	f(c)
	c.count--
}

// freed calls a function that it needs no more while it runs.
func freed(n int) func() {
	work := func() { hold.Use(n); hold.Here() }
	return func() {
		f := work
		work = nil
		f()
	}
}
