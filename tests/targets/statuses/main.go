// Statuses holds a value for every reason that there is for a value to be missing.
//
// It prints "ready {}" and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"
)

type node struct {
	Number int
	Next   *node
}

type point struct{ X, Y int }

// odd is made a type of no kind that Go has, in the debug information of a copy of the program.
type odd uint16

type samples struct {
	Number  int
	Nil     *node
	NoItems []int
	Items   []int
	Tags    map[string]int
	Any     any
	Strange any
	Lying   string
	Bad     *node
	Long    string
	Many    []int
	Chain   *node
	Huge    [40000]byte
	Odd     odd
}

var (
	forever = make(chan int)
	parked  sync.WaitGroup
)

//go:noinline
func opaque[T any](value T) T { return value }

//go:noinline
func use(...any) {}

//go:noinline
func useInt(int) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

// holds has its samples in memory, a variable that is over before it waits, and a small struct of which compilers up to
// Go 1.26 keep no trace.
//
//go:noinline
func holds(s *samples) {
	over := opaque(s.Number)
	useInt(over)
	lost := opaque(point{1, 2})
	useInt(below(&lost))
	use(s)
}

//go:noinline
func below(p *point) int {
	park()
	return p.X
}

func main() {
	parked.Add(1)
	s := &samples{
		Number: 7, Items: []int{1, 2, 3}, Tags: map[string]int{"a": 1}, Any: 5, Strange: 6, Lying: "short",
		Long: strings.Repeat("é", 1000), Many: make([]int, 100), Chain: &node{1, &node{2, &node{3, &node{4, &node{5, nil}}}}},
	}
	// An address of no memory, and a length that reaches into none; neither is of the heap, so no collector minds.
	*(*uintptr)(unsafe.Pointer(&s.Bad)) = 0x1000_0000_1000
	*(*uintptr)(unsafe.Add(unsafe.Pointer(&s.Lying), 0)) = 0x1000_0000_2000
	// A dynamic type that is none: the word points to a number.
	*(**int)(unsafe.Pointer(&s.Strange)) = opaque(new(int))
	go holds(s)
	parked.Wait()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
}
