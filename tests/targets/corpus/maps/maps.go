// Package maps holds maps of many shapes.
package maps

import (
	"fmt"
	"math"

	"example.org/corpus/hold"
)

type key struct {
	host string
	port uint16
}

type counts map[string]int

type large struct{ words [20]int64 }

// Start lets goroutines wait with maps.
func Start() {
	hold.Go(func() { small(map[string]int{"a": 1, "b": 2}) })
	hold.Go(func() { many(60) })
	hold.Go(func() { odd() })
	hold.Go(func() { growing(3000) })
	hold.Go(func() { nested() })
}

//go:noinline
func small(m map[string]int) {
	var null map[int]int
	empty := map[int]bool{}
	c := counts(m)
	set := map[rune]struct{}{'x': {}, 'y': {}}
	behind := &m
	hold.Here()
	hold.Use(m)
	hold.Use(null)
	hold.Use(empty)
	hold.Use(c)
	hold.Use(set)
	hold.Use(behind)
}

//go:noinline
func many(n int) {
	squares := make(map[int]int, n)
	names := map[string]string{}
	for i := 0; i < n; i++ {
		squares[i] = i * i
		names[fmt.Sprint("name", i)] = fmt.Sprint("value", i)
	}
	for i := 0; i < n; i += 3 {
		delete(squares, i)
	}
	hold.Here()
	hold.Use(squares)
	hold.Use(names)
}

//go:noinline
func odd() {
	floats := map[float64]string{math.NaN(): "nan", 0: "zero", math.Inf(1): "inf"}
	floats[math.NaN()] = "another"
	structs := map[key]*key{{"a", 1}: {"b", 2}, {"c", 3}: nil}
	arrays := map[[2]int8][]int{{1, 2}: {3}, {4, 5}: nil}
	anything := map[any]any{1: "one", "two": 2, key{"k", 1}: 2.5, nil: nil}
	wide := map[large]large{{}: {[20]int64{1}}, {[20]int64{2}}: {}}
	bools := map[bool]int8{true: 1, false: -1}
	hold.Here()
	hold.Use(floats)
	hold.Use(structs)
	hold.Use(arrays)
	hold.Use(anything)
	hold.Use(wide)
	hold.Use(bools)
}

//go:noinline
func growing(n int) {
	m := map[uint32]uint32{}
	for i := 0; i < n; i++ {
		m[uint32(i)*7] = uint32(i)
	}
	half := map[int]string{}
	for i := 0; i < 14; i++ { // Go 1.23's maps have just begun to grow here.
		half[i] = "x"
	}
	hold.Here()
	hold.Use(m)
	hold.Use(half)
}

//go:noinline
func nested() {
	routes := map[string]map[string][]int{"a": {"x": {1, 2}, "y": nil}, "b": nil}
	list := []map[int]int{{1: 2}, nil, {}}
	hold.Here()
	hold.Use(routes)
	hold.Use(list)
}
