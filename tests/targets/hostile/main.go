// Hostile holds values that no one should follow blindly: endless, huge, and false ones made by unsafe.
//
//	hostile [-list NODES] [-map ENTRIES] [-buffered ELEMENTS] [-waiting GOROUTINES]
//
// It prints "ready {}" and answers each line "sum" with what a walk over its honest values gives, after a
// collection of garbage: the false values are such as the collector doesn't mind.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

type node struct {
	ID   int64
	Next *node
}

// vertex is one of a graph in which every one leads to every other, in three ways.
type vertex struct {
	ID    int64
	Edges []*vertex
	Named map[int64]*vertex
	Any   any
}

type record struct {
	Name string
	At   *node
}

// Honest values, more than anyone wants to see.
var (
	list     *node
	circle   *node
	graph    *vertex
	table    map[int64]string
	buffered chan int64
	crowded  chan int64
	chained  error
	endless  error
)

// Pointers to nowhere.
var (
	unmapped, nonCanonical, kernel, small, misaligned, atEnd *record
	throughUnmapped                                          **record
	addresses                                                []*node
)

// Texts and lists whose lengths lie, or that are nowhere.
var (
	hugeString, negativeString, unmappedString, pastEndString string
	hugeSlice, negativeSlice, unmappedSlice, pastEndSlice     []record
	hugeEmpty                                                 []struct{}
	hugeBytes                                                 []byte
)

// What the runtime made, with headers that are no headers.
var (
	typeless, dataTyped, unmappedTyped, oddTyped any
	methodless, dataMethods                      error
	randomMap, zeroMap, textMap, unmappedMap     map[int64]string
	randomChan, textChan, unmappedChan           chan int64
	dataFunc, unmappedFunc, textFunc             func(int) int
	falseDirectory, falseTable                   map[int64]string
	falseCount, endlessQueue                     chan int64
	endlessMaps                                  []map[int64]string
)

const (
	nowhere = 0x10_0000_0000 // Nothing is mapped there: the heap starts at 0xc000000000, the program at 0x400000.
	strange = 0x8000_0000_0000_0000 | 0x1234_5678_9abc
)

// noise is what a header read at random holds.
var noise [1024]uint64

func set[T any](variable *T, words ...uintptr) {
	at := unsafe.Slice((*uintptr)(unsafe.Pointer(variable)), len(words))
	copy(at, words)
}

func address[T any](variable *T) uintptr { return uintptr(unsafe.Pointer(variable)) }

// lastBytes is a page behind which nothing is mapped, and its end.
func lastBytes() uintptr {
	pages, err := syscall.Mmap(-1, 0, 8192, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	if err := syscall.Mprotect(pages[4096:], syscall.PROT_NONE); err != nil {
		panic(err)
	}
	return address(&pages[0]) + 4096
}

func makeHonest(nodes, entries, elements, waiters int) {
	for i := 0; i < nodes; i++ {
		list = &node{int64(i), list}
	}
	circle = &node{ID: 1}
	circle.Next = &node{2, &node{3, circle}}
	vertices := make([]*vertex, 12)
	for i := range vertices {
		vertices[i] = &vertex{ID: int64(i), Edges: vertices, Named: map[int64]*vertex{}}
	}
	for i, v := range vertices {
		v.Any = vertices[(i+1)%len(vertices)]
		for _, other := range vertices {
			v.Named[other.ID] = other
		}
	}
	graph = vertices[0]
	table = make(map[int64]string)
	for i := 0; i < entries; i++ {
		table[int64(i)] = "entry"
	}
	buffered = make(chan int64, elements)
	for i := 0; i < elements; i++ {
		buffered <- int64(i)
	}
	crowded = make(chan int64)
	for i := 0; i < waiters; i++ {
		go func() { <-crowded }()
	}
	time.Sleep(100 * time.Millisecond) // All of them wait.
	chained = fmt.Errorf("the first")
	for i := 0; i < 10_000; i++ {
		chained = fmt.Errorf("%w", chained)
	}
	endless = fmt.Errorf("round: %w", chained)
	inside := (*struct {
		message string
		err     error
	})((*[2]unsafe.Pointer)(unsafe.Pointer(&endless))[1])
	inside.err = endless
}

func makeFalse() {
	seed := uint64(88172645463325252)
	for i := range noise {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		noise[i] = seed
	}
	end, data, text := lastBytes(), address(&noise[0]), **(**uintptr)(unsafe.Pointer(&codeOf))
	set(&unmapped, nowhere)
	set(&nonCanonical, strange)
	set(&kernel, 0xffff_ffff_ffff_f000)
	set(&small, 8)
	set(&misaligned, data+3)
	set(&atEnd, end-8)
	set(&throughUnmapped, address(&unmapped))
	addresses = make([]*node, 4096)
	for i := range addresses {
		set(&addresses[i], uintptr(noise[i%len(noise)])|strange)
	}
	const most, negative = 1<<62 - 1, ^uintptr(0)
	set(&hugeString, data, most)
	set(&negativeString, data, negative)
	set(&unmappedString, nowhere, 10)
	set(&pastEndString, end-4, 10)
	set(&hugeSlice, data, most, most)
	set(&negativeSlice, data, negative, negative)
	set(&unmappedSlice, nowhere, 3, 3)
	set(&pastEndSlice, end-24, 3, 3)
	set(&hugeEmpty, data, most, most)
	set(&hugeBytes, data, most, most)
	set(&typeless, strange, data)
	set(&dataTyped, data, data)
	set(&unmappedTyped, nowhere, data)
	set(&oddTyped, text+1, data)
	set(&methodless, nowhere, data)
	set(&dataMethods, data, data)
	set(&randomMap, data+256)
	set(&zeroMap, address(&zeros[0]))
	set(&textMap, text)
	set(&unmappedMap, nowhere)
	set(&randomChan, data+512)
	set(&textChan, text)
	set(&unmappedChan, nowhere)
	set(&dataFunc, data)
	set(&unmappedFunc, nowhere)
	set(&textFunc, text)
	headers = make([][8]uintptr, 64)
	directory = make([]uintptr, 1<<17)
	for i := range directory {
		directory[i] = address(&tables[i%2])
	}
	for i := range tables {
		tables[i] = [4]uintptr{0, 0, address(&emptyGroup[0]), 0}
	}
	for i := range emptyGroup {
		emptyGroup[i] = 0x80
	}
	endlessMaps = make([]map[int64]string, len(headers))
	for i := range headers {
		headers[i] = [8]uintptr{1 << 40, 7, address(&directory[0]), 1 << 40}
		set(&endlessMaps[i], address(&headers[i]))
	}
	nullTables, nowhereHeader = [4096]uintptr{}, [8]uintptr{1 << 40, 7, nowhere}
	nullHeader = [8]uintptr{1 << 40, 7, address(&nullTables[0]), 1 << 40}
	set(&falseDirectory, address(&nullHeader[0]))
	set(&falseTable, address(&nowhereHeader[0]))
	makeFalseChannels(data)
}

// makeFalseChannels copies a channel's header and makes it say what can't be.
func makeFalseChannels(data uintptr) {
	honest := make(chan int64, 4)
	chanHeaders[0] = **(**[16]uintptr)(unsafe.Pointer(&honest))
	chanHeaders[1] = chanHeaders[0]
	chanHeaders[0][0], chanHeaders[0][2] = 10, data // More elements than it has room for.
	set(&falseCount, address(&chanHeaders[0]))
	for i := range sudog { // A sudog whose next is itself: every word of it leads there.
		sudog[i] = address(&sudog[0])
	}
	crowd := *(**[16]uintptr)(unsafe.Pointer(&crowded))
	for i := 4; i < len(crowd); i++ {
		if crowd[i] != 0 && chanHeaders[1][i] == 0 { // Where it says who waits.
			chanHeaders[1][i] = address(&sudog[0])
		}
	}
	set(&endlessQueue, address(&chanHeaders[1]))
}

var (
	zeros                     [4096]byte
	headers                   [][8]uintptr
	directory                 []uintptr
	tables                    [2][4]uintptr
	emptyGroup                [256]byte
	nullTables                [4096]uintptr
	nullHeader, nowhereHeader [8]uintptr
	chanHeaders               [2][16]uintptr
	sudog                     [64]uintptr
	codeOf                    = code
)

//go:noinline
func code(n int) int { return n + 1 }

// sum walks the honest values, and reads no false one.
func sum() map[string]int64 {
	runtime.GC()
	total, entries := int64(0), int64(0)
	for at := list; at != nil; at = at.Next {
		total += at.ID
	}
	for key := range table {
		entries += key
	}
	return map[string]int64{"list": total, "map": entries, "buffered": int64(len(buffered)), "graph": graph.Edges[11].ID}
}

func main() {
	nodes := flag.Int("list", 2_000_000, "nodes of the list")
	entries := flag.Int("map", 1_000_000, "entries of the map")
	elements := flag.Int("buffered", 100_000, "elements in the channel")
	waiters := flag.Int("waiting", 2_000, "goroutines that wait on one channel")
	flag.Parse()
	makeHonest(*nodes, *entries, *elements, *waiters)
	makeFalse()
	fmt.Println("ready {}")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text, _ := json.Marshal(sum())
		fmt.Printf("answer %s %d\n%s", lines.Text(), len(text), text)
	}
	// Keep the compiler from dropping what nobody reads.
	fmt.Println(circle, chained, len(addresses), codeOf(1))
}
