// Calls functions that are inlined, each time a line comes in on stdin, and then says how often, and with which values.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
)

var (
	sink  atomic.Int64
	cells [64]int64
	state atomic.Bool
)

//go:noinline
func keep(x int64) { sink.Add(x) }

//go:noinline
func text(s string) { sink.Add(int64(len(s))) }

// What is inlined: calls, stores and branches, or nothing of the kind.

func calls(x int64) { keep(x + 1) }

func stores(x int64) { cells[x&63] = x }

func early(x int64) {
	if x%5 == 0 {
		return
	}
	keep(x)
}

func computes(x int64) int64 { return x*x + 3 }

type node struct {
	value int64
	next  *node
}

func (n *node) load() int64 { return n.value }

func (n *node) bump(by int64) { n.value += by }

func (n node) sum(by int64) int64 { keep(by); return n.value + by }

func isSet() bool { return state.Load() }

func inLoop(x int64) { keep(x) }

func left(x int64) { cells[1] += x }

func guarded(x int64) { keep(x * 2) }

func flips(x int64) int64 { return x ^ 21 }

func below(x int64) bool { return x < 40 }

func notNil(n *node) bool { return n != nil && n.value > 3 }

func inner(x int64) { cells[2] += x }

func middle(x int64) { inner(x + 1) }

func outer(x int64) { middle(x * 2) }

func both(x int64) {
	if x > 7 {
		keep(x)
	} else {
		cells[3]++
	}
}

func less(x, n int64) bool { cells[4] = x; return x < n }

func lessPure(x, n int64) bool { return x < n }

func generic[T int64 | string](x T) T { cells[5]++; return x }

func loops(xs []int64) {
	for _, x := range xs {
		keep(x)
	}
}

func counts(n int64) {
	for n > 0 {
		cells[6]++
		n--
	}
}

func changes(x int64) int64 {
	x++
	cells[7] = x
	return x
}

func replaces(x, y int64) int64 {
	for x < 10 {
		x += 7
		cells[17] = y << 1
	}
	cells[18] = x ^ y
	x = y
	return x + y
}

//go:noinline
func forgets(x, y int64) int64 {
	x = y
	for x < 18 {
		x += 7
		keep(x + 1)
	}
	return x + y
}

func changesMuch(x int64) {
	for x < 100 {
		x += 30
		keep(x)
	}
}

func afterMax(n *node) int64 {
	if n.next != nil || cells[8] == 1 {
		return n.value
	}
	return cells[9]
}

func throws(x int64) {
	if x%4 == 0 {
		panic("thrown")
	}
	cells[10]++
}

func words(s string, b []byte, f float64) { text(s); cells[11] += int64(len(b)) + int64(f) }

func boxed(v any) { sink.Add(int64(len(fmt.Sprint(v)))) }

func deferred(x int64) { cells[12] += x }

func started(x int64) { atomic.AddInt64(&cells[13], x) }

func cases(x int64) { cells[14] += x }

func recursive(x int64) {
	cells[15]++
	if x > 0 {
		recursive(x - 1)
	}
}

func pointer(n *node) { n.next = n }

func swapped(a, b int64) (int64, int64) { cells[16] = a; return b, a }

// Where they are inlined. What is said of a function are the values that it is called with.

//go:noinline
func plainly(xs []int64) (total int64) {
	for _, x := range xs {
		calls(x)
		stores(x)
		early(x)
		total += computes(x)
		if isSet() {
			total++
		}
	}
	return total
}

//go:noinline
func methods(xs []int64) (total int64) {
	n := &node{value: 1}
	for _, x := range xs {
		total += n.load()
		n.bump(x)
		if x&1 == 1 {
			total += n.sum(x)
		}
	}
	return total
}

//go:noinline
func inLoops(xs []int64) {
	for i := 0; i < len(xs); i++ {
		for j := int64(0); j < 3; j++ {
			inLoop(xs[i] + j)
		}
	}
	for {
		if len(xs) == 0 {
			break
		}
		left(xs[0])
		left(xs[0] + 1)
		xs = xs[1:]
	}
}

//go:noinline
func conditions(xs []int64, nodes []*node) (total int64) {
	for i, x := range xs {
		if x%3 == 0 {
			guarded(x)
		}
		y := x
		if x > 20 {
			y = flips(x)
		}
		total += y
		if x >= 10 && below(x) {
			total += 5
		}
		if notNil(nodes[i%len(nodes)]) {
			keep(x)
		}
		both(x)
	}
	return total
}

//go:noinline
func nested(xs []int64) {
	for _, x := range xs {
		if x > 3 {
			outer(x)
		}
	}
}

//go:noinline
func inForConditions(n int64) (rounds int64) {
	for i := int64(0); less(i, n); i++ {
		rounds++
	}
	for i := int64(0); lessPure(i, n); i++ {
		rounds++
		keep(i)
	}
	return rounds
}

//go:noinline
func generics(xs []int64) {
	for _, x := range xs {
		keep(generic(x))
		text(generic("word"))
	}
}

//go:noinline
func withLoops(xs []int64) {
	for range xs {
		loops(xs[:3])
	}
	for _, x := range xs {
		counts(x & 3)
	}
	for _, x := range xs {
		changesMuch(x)
	}
}

//go:noinline
func changing(xs []int64) (total int64) {
	for _, x := range xs {
		y := x + 1
		total += changes(x) + y
		total += replaces(5, x&15) + forgets(x, 6)
	}
	return total
}

//go:noinline
func maximum(n *node, xs []int64) (total int64) {
	most := n.value
	for _, x := range xs {
		if x > most {
			most = x
		}
		total += most + afterMax(n)
	}
	return total
}

//go:noinline
func throwing(x int64) (err any) {
	defer func() { err = recover() }()
	throws(x)
	return nil
}

//go:noinline
func kinds(s string, b []byte, n *node) {
	for i := range s {
		words(s[i:], b[:i], float64(i))
		boxed(n.value)
		pointer(n)
		n.value, n.next.value = swapped(n.value, int64(i))
	}
}

//go:noinline
func deferring(x int64) {
	defer deferred(x)
	keep(1)
}

//go:noinline
func starting(x int64) {
	var done sync.WaitGroup
	done.Add(1)
	go func() { started(x); done.Done() }()
	done.Wait()
}

//go:noinline
func choosing(xs []int64) {
	for _, x := range xs {
		switch x {
		case 1:
			cells[20]++
		case 2:
			cells[21]++
			cases(x)
		case 3:
			keep(x)
		case 4:
			keep(x + 1)
		case 5:
			cases(x + 7)
		case 6:
			cells[22]--
		case 7:
			cells[23] = x
		case 8:
			keep(2)
		case 9:
			cells[24] = 1
		default:
			cells[25]++
		}
	}
}

//go:noinline
func closures(xs []int64) {
	total := int64(0)
	add := func(x int64) { cells[30] += x; total += x }
	for _, x := range xs {
		add(x)
		func(x int64) { keep(x - 1) }(x + total)
	}
	keep(total)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		told := round()
		out, _ := json.Marshal(told)
		fmt.Println(string(out))
	}
}

// round makes all calls once; it says with which first argument each function was called, in order.
func round() map[string][]int64 {
	told := map[string][]int64{}
	note := func(name string, values ...int64) { told[name] = append(told[name], values...) }
	xs := []int64{}
	for i := int64(0); i < 50; i++ {
		xs = append(xs, i*7%50)
	}
	nodes := []*node{nil, {value: 2}, {value: 9}}
	plainly(xs)
	methods(xs)
	inLoops(xs)
	conditions(xs, nodes)
	nested(xs)
	inForConditions(20)
	generics(xs)
	withLoops(xs)
	changing(xs)
	maximum(nodes[2], xs)
	for _, x := range xs {
		throwing(x)
		deferring(x)
		starting(x)
	}
	kinds("characters", []byte("0123456789"), &node{value: 5})
	choosing(xs)
	closures(xs)
	recursive(9)
	total := int64(0)
	for i, x := range xs {
		for _, name := range []string{"calls", "stores", "early", "computes", "both", "flips*", "changes", "throws", "deferred", "started", "cases*", "changesMuch"} {
			switch {
			case name == "flips*":
				if x > 20 {
					note("flips", x)
				}
			case name == "cases*":
				if x == 2 {
					note("cases", x)
				} else if x == 5 {
					note("cases", 12)
				}
			default:
				note(name, x)
			}
		}
		note("(*node).load", 0)
		note("isSet", 0)
		note("replaces", 5)
		note("forgets", x)
		note("(*node).bump", x)
		if x&1 == 1 {
			note("node.sum", x)
		}
		note("inLoop", x, x+1, x+2)
		note("left", x, x+1)
		if x%3 == 0 {
			note("guarded", x)
		}
		if x >= 10 {
			note("below", x)
		}
		note("notNil", int64(i%3))
		if x > 3 {
			note("outer", x)
			note("middle", 2*x)
			note("inner", 2*x+1)
		}
		note("generic[...]", x, 0)
		note("loops", 3)
		note("counts", x&3)
		note("afterMax", 9)
		note("closures.func1", x)
		total += x
		note("closures.func2", x+total)
	}
	for i := int64(0); i <= 20; i++ {
		note("less", i)
		note("lessPure", i)
	}
	for i := int64(0); i < 10; i++ {
		note("words", 10-i)
		note("recursive", 9-i)
		note("boxed", 0)
		note("pointer", 0)
		note("swapped", 0)
	}
	for _, values := range told {
		sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	}
	return told
}
