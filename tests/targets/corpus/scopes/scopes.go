// Package scopes holds variables of one name in nested blocks, and type switches.
package scopes

import "example.org/corpus/hold"

// Start lets goroutines wait where names mean several things.
func Start() {
	hold.Go(func() { shadow(1) })
	hold.Go(func() { after(2) })
	hold.Go(func() { kinds("text") })
	hold.Go(func() { kinds(42) })
	hold.Go(func() { kinds([]byte("bytes")) })
	hold.Go(func() { early(3) })
	hold.Go(func() { loop([]string{"p", "q"}) })
}

//go:noinline
func shadow(x int) {
	if x := x + 10; x > 0 {
		x := "inner"
		{
			x := []string{x, "innermost"}
			hold.Here()
			hold.Use(x)
		}
		hold.Use(x)
	}
	hold.Use(x)
}

//go:noinline
func after(x int) {
	{
		x := "gone"
		hold.Use(x)
	}
	hold.Here()
	hold.Use(x)
	{
		x := 2.5
		hold.Use(x)
	}
}

//go:noinline
func kinds(v any) {
	switch x := v.(type) {
	case string:
		hold.Here()
		hold.Use(x)
	case int:
		y := x * 2
		hold.Here()
		hold.Use(x)
		hold.Use(y)
	case []byte:
		hold.Here()
		hold.Use(x)
	}
	hold.Use(v)
}

// early waits before some of its variables are declared.
//
//go:noinline
func early(n int) {
	first := n * 2
	hold.Here()
	second := first * 2
	text := "late"
	list := []int{second}
	hold.Use(first)
	hold.Use(second)
	hold.Use(text)
	hold.Use(list)
}

//go:noinline
func loop(words []string) {
	for i := 0; i < len(words); i++ {
		word := words[i]
		for j, r := range word {
			if i == 1 {
				hold.Here()
			}
			hold.Use(j)
			hold.Use(r)
		}
	}
}
