//go:build go1.23

// Package ranges holds loops over functions.
package ranges

import "example.org/corpus/hold"

func count(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func pairs(words []string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for i, w := range words {
			if !yield(i, w) {
				return
			}
		}
	}
}

// Start lets goroutines wait in bodies of such loops.
func Start() {
	hold.Go(func() { outer(3) })
	hold.Go(func() { find([]string{"a", "b", "c"}, "b") })
}

//go:noinline
func outer(n int) int {
	total := 0
	for i := range count(n) {
		for j := range count(i) {
			total += i * j
			if i == 2 && j == 1 {
				hold.Here()
			}
		}
	}
	return total
}

//go:noinline
func find(words []string, wanted string) (at int, err error) {
	seen := []string{}
	for i, word := range pairs(words) {
		seen = append(seen, word)
		if word == wanted {
			hold.Here()
			return i, nil
		}
	}
	hold.Use(seen)
	return -1, nil
}
