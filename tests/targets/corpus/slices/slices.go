// Package slices holds arrays and slices, of anything.
package slices

import "example.org/corpus/hold"

type point struct{ X, Y int16 }
type grid [2][3]int32

// Start lets goroutines wait with slices and arrays.
func Start() {
	hold.Go(func() { shapes(7) })
	hold.Go(func() { nested([][]int{{1}, nil, {}, {2, 3}}) })
	hold.Go(func() { arrays([3]string{"a", "", "c"}, [1]int{9}, [0]int{}) })
	hold.Go(func() { search([]int{1, 3, 5, 7, 9, 11}, 9) })
	hold.Go(func() { fill(make([]point, 100)) })
}

//go:noinline
func shapes(n int) {
	var null []int
	none := []int{}
	made := make([]int, n, 2*n)
	for i := range made {
		made[i] = i * i
	}
	middle := made[2:4]
	limited := made[1:2:3]
	empty := make([]struct{}, n)
	hold.Here()
	hold.Use(null)
	hold.Use(none)
	hold.Use(made)
	hold.Use(middle)
	hold.Use(limited)
	hold.Use(empty)
}

//go:noinline
func nested(rows [][]int) {
	points := []point{{1, -1}, {2, -2}}
	refs := []*point{&points[0], nil, &points[1]}
	matrix := grid{{1, 2, 3}, {4, 5, 6}}
	pairs := [][2]string{{"a", "b"}, {"c", "d"}}
	hold.Here()
	hold.Use(rows)
	hold.Use(points)
	hold.Use(refs)
	hold.Use(matrix)
	hold.Use(pairs)
}

//go:noinline
func arrays(texts [3]string, one [1]int, zero [0]int) {
	bits := [4]bool{true, false, true, true}
	var large [200]int
	for i := range large {
		large[i] = -i
	}
	hold.Here()
	hold.Use(texts)
	hold.Use(one)
	hold.Use(zero)
	hold.Use(bits)
	hold.Use(large)
}

//go:noinline
func search(sorted []int, wanted int) int {
	low, high := 0, len(sorted)
	for low < high {
		middle := int(uint(low+high) >> 1)
		switch {
		case sorted[middle] < wanted:
			low = middle + 1
		case sorted[middle] > wanted:
			high = middle
		default:
			hold.Here()
			return middle
		}
	}
	return -1
}

//go:noinline
func fill(points []point) {
	for i := range points {
		p := &points[i]
		p.X, p.Y = int16(i), int16(-i)
		if i == 50 {
			rest := points[i:]
			hold.Here()
			hold.Use(rest)
			hold.Use(p)
		}
	}
}
