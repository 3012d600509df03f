// Edges holds what captures stumble over: memory that isn't there, values too large, ends of slices, and operands of every
// kind for expressions.
//
// It prints "ready {"page": address of memory that can't be read}" and ends with its input.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type node struct {
	Value int
	Next  *node
	Name  string
}

type pair struct {
	node
	*node2
	list []int
}

type node2 struct{ Deep int }

var (
	forever = make(chan int)
	parked  sync.WaitGroup
)

//go:noinline
func opaque[T any](value T) T { return value }

//go:noinline
func use(...any) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

// unreadable has pointers into memory that was given back.
//
//go:noinline
func unreadable(page uintptr) {
	at := *(*unsafe.Pointer)(unsafe.Pointer(&page))
	pointer := opaque((*node)(at))
	text := opaque(unsafe.String((*byte)(at), 10))
	list := opaque(unsafe.Slice((*int)(at), 3))
	behind := opaque(&node{Value: 5, Next: pointer, Name: text})
	park()
	use(pointer, text, list, behind)
}

//go:noinline
func huge(table [5000]int64, small int) {
	park()
	use(table[small], small)
}

//go:noinline
func operands(i8 int8, u8 uint8, i16 int16, i32 int32, u32 uint32, i64 int64, u64 uint64, n int, zero int) {
	park()
	use(i8, u8, i16, i32, u32, i64, u64, n, zero)
}

//go:noinline
func floats(f64 float64, nan float64, negzero float64, f32 float32, yes bool, no bool) {
	park()
	use(f64, nan, negzero, f32, yes, no)
}

//go:noinline
func texts(text string, empty string, long string, bytes []byte, span time.Duration) {
	park()
	use(text, empty, long, bytes, span)
}

// some is met by four goroutines: with a chain of two, of one, an empty node, and nil.
//
//go:noinline
func some(at *node, which int) {
	park()
	use(at, which)
}

//go:noinline
func lists(list []int, none []int, empty []int, nested [][]string, p *pair, whole *[4]uint16, table map[string]int, pipe chan int) {
	park()
	use(list, none, empty, nested, p, whole, table, pipe)
}

func start(functions ...func()) {
	parked.Add(len(functions))
	for _, function := range functions {
		go function()
	}
}

func main() {
	memory, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	page := uintptr(unsafe.Pointer(&memory[0]))
	two := &node{10, &node{20, nil, "twenty"}, "ten"}
	long := make([]byte, 5000)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	start(
		func() { unreadable(page) },
		func() { huge([5000]int64{1}, 7) },
		func() {
			operands(-128, 255, math.MaxInt16, math.MinInt32, math.MaxUint32, math.MaxInt64, math.MaxUint64, -7, 0)
		},
		func() { floats(2.5, math.NaN(), math.Copysign(0, -1), 0.1, true, false) },
		func() { texts("grüße", "", string(long), []byte("bytes"), 1500*time.Millisecond) },
		func() { some(two, 0) },
		func() { some(two.Next, 1) },
		func() { some(&node{}, 2) },
		func() { some(nil, 3) },
		func() {
			lists(
				append(make([]int, 0, 10), 1, 2, 3), nil, []int{}, [][]string{{"a", "b"}, nil, {}},
				&pair{node: *two, list: []int{7}}, &[4]uint16{1, 2, 3, 4}, map[string]int{"a": 1, "b": 2}, make(chan int, 3),
			)
		},
	)
	parked.Wait()
	time.Sleep(20 * time.Millisecond)
	fmt.Printf("ready {\"page\": %d}\n", page)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
	}
}
