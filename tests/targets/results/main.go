// Returns again and again from functions whose results come in registers and on the stack.
//
// It prints "ready {}" and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
)

type point struct{ x, y int }

var (
	sink    any
	corner  = &point{3, 4}
	counted int
)

//go:noinline
func count() { counted++ }

// Results in registers of both kinds, and an array, which comes on the stack.
//
//go:noinline
func answer(n int) (string, float64, [2]int, *point, bool) {
	count()
	return "seven and " + "more", float64(n) / 2, [2]int{n, -n}, corner, n == 7
}

// A named result that has a slot before it is returned, and one that moves to the heap.
//
//go:noinline
func named(n int) (total int, moved string) {
	total = n
	sink = &moved
	count()
	total += 100
	moved = "on the heap"
	return
}

func main() {
	go func() {
		for {
			answer(7)
			named(7)
		}
	}()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString(0)
}
