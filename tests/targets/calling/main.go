// Calls functions of every shape, on small stacks that grow, and prints how often each was called and returned:
// {"main.name": [calls, returns]}. Counts are kept by the callers, so that the functions are as they are. Lines that say
// how many times are run so often.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type count [2]int

var counts = map[string]*count{}

// Counts a call; what it returns counts its return.
func call(name string) func() {
	found := counts[name]
	if found == nil {
		found = &count{}
		counts[name] = found
	}
	found[0]++
	return func() { found[1]++ }
}

//go:noinline
func big(n, depth int) int {
	var room [3000]byte
	room[n%3000] = byte(depth)
	if depth > 0 {
		returned := call("main.big")
		defer returned()
		return big(n, depth-1) + int(room[(n+1)%3000])
	}
	return int(room[n%3000])
}

//go:noinline
func huge(n int) int {
	var room [100000]byte
	fill(room[:], n)
	return int(room[n])
}

//go:noinline
func fill(room []byte, n int) { room[n] = byte(n) }

// Down and up again; the check of its frame is the shortest.
//
//go:noinline
func down(n int) int { // 20100 times
	if n == 0 {
		return 0 // 100 times
	}
	if n%2 == 0 {
		return down(n-1) + 1 // 10000 times
	}
	return down(n-1) + 2 // 10000 times
}

//go:noinline
func leaf(n int) int { return n*3 + 1 }

//go:noinline
func sum(from []int) (total int) {
	for _, n := range from {
		total += n // 300 times
	}
	return total
}

//go:nosplit
//go:noinline
func framed(n int) int {
	var room [4]int
	room[n&3] = leaf(n) // 100 times
	return room[1] + room[n&3]
}

type thing struct{ n int }

//go:noinline
func (t *thing) several(n int) (int, error) {
	switch {
	case n%3 == 0:
		return t.n, nil // 34 times
	case n%3 == 1:
		return 0, fmt.Errorf("%d is one more", n) // 33 times
	}
	return leaf(n), nil // 33 times
}

// Returns by its deferred call, every second time.
//
//go:noinline
func recovers(n int) (result int) {
	defer func() {
		if recover() != nil {
			result = -1 // 50 times
		}
	}()
	return panics(n)
}

//go:noinline
func panics(n int) int {
	if n%2 == 0 {
		panic("even") // 50 times
	}
	return n
}

//go:noinline
func generic[T any](of []T) int { return len(of) + cap(of) }

func on(stack func()) {
	done := make(chan bool)
	go func() { defer close(done); stack() }()
	<-done
}

func main() {
	for i := 0; i < 100; i++ {
		i := i
		on(func() { returned := call("main.big"); big(i, 4); returned() })
		on(func() { returned := call("main.huge"); huge(i); returned() })
		on(func() {
			down(200)
			for n := 0; n <= 200; n++ {
				call("main.down")()
			}
		})
		on(func() {
			call("main.leaf")()
			leaf(i)
			call("main.sum")()
			sum([]int{1, 2, i})
			call("main.framed")()
			call("main.leaf")()
			framed(i) // 100 times
			if i%3 == 2 {
				call("main.leaf")()
			}
			call("main.(*thing).several")()
			(&thing{i}).several(i)
			call("main.recovers")()
			returned := call("main.panics")
			if i%2 == 1 {
				returned()
			}
			recovers(i)
			call("main.generic[...]")()
			call("main.generic[...]")()
			generic([]int{i})
			generic([]string{"one"})
			closure := func(n int) int { return leaf(n) + i }
			call("main.main.func4.1")()
			call("main.leaf")()
			apply(closure)
		})
	}
	json.NewEncoder(os.Stdout).Encode(counts)
}

//go:noinline
func apply(to func(int) int) int { return to(1) }
