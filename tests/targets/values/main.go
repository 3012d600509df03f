// Values holds values of every kind in the variables of functions that wait, and says what they are.
//
// It prints "ready {...}" once every goroutine is parked, then answers commands on stdin, one a line:
//
//	expected  [{"function", "goid", "variables": {NAME: {"type", "value"}}}], the form of value being that of encode.go
//	globals   {NAME: {"type", "value"}}
//	addresses {NAME: address} of some variables, for `&x` and for interfaces
//	dump      runtime.Stack of all goroutines
//	quit      end
//
// Every answer is "answer COMMAND BYTES\n" followed by exactly that many bytes. End of input is the same as quit.
//
// Each value comes out of opaque or opaqueRef and goes into use after the wait, both never inlined: so the compiler neither knows it nor drops
// it, and it is alive where the goroutine waits.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// vars are the variables of one frame, by name.
type vars map[string]any

// held is what one frame holds.
type held struct {
	Function  string             `json:"function"`
	Goid      int64              `json:"goid"`
	Variables map[string]encoded `json:"variables"`
}

var (
	forever  = make(chan int)
	parked   sync.WaitGroup
	mu       sync.Mutex
	expected []held
	places   = map[string]uintptr{}
)

//go:noinline
func opaque[T any](value T) T { return value }

// opaqueRef is for small structs: the compiler keeps no trace of a local variable of such a type that takes several registers.
// One too large for registers has a location if it contains pointers.
//
//go:noinline
func opaqueRef[T any](value T) *T { return &value }

//go:noinline
func use[T any](T) {}

// start runs functions that end in park, each on its own goroutine.
func start(functions ...func()) {
	parked.Add(len(functions))
	for _, function := range functions {
		go function()
	}
}

// park notes what its caller holds, and waits forever.
//
//go:noinline
func park(variables vars) {
	note(caller(2), variables)
	parked.Done()
	<-forever
}

// expect notes what the function called `name` holds, on this goroutine.
//
//go:noinline
func expect(name string, variables vars) { note(name, variables) }

func note(function string, variables vars) {
	frame := held{function, goid(), map[string]encoded{}}
	for name, value := range variables {
		frame.Variables[name] = encode(value)
	}
	mu.Lock()
	defer mu.Unlock()
	expected = append(expected, frame)
}

func caller(skip int) string {
	pcs := make([]uintptr, 1)
	runtime.Callers(skip+1, pcs)
	frame, _ := runtime.CallersFrames(pcs).Next()
	return frame.Function
}

func goid() int64 {
	text := make([]byte, 64)
	words := strings.Fields(string(text[:runtime.Stack(text, false)]))
	id, _ := strconv.ParseInt(words[1], 10, 64)
	return id
}

func main() {
	spinning := flag.Bool("spin", true, "have a goroutine that runs, with its values in registers")
	flag.Parse()
	start(integers, floats, booleans, stringsOfAllSorts, byteSlices, arrays, structs, pointers, slices, interfaces, times)
	start(func() { parameters(opaque(41), opaque("parameter"), &point{7, 8}, opaque([]int{1, 2, 3}), opaque(2.5)) })
	start(func() { opaque(&counter{label: "receiver", hits: 12}).method(opaque(uint8(200))) })
	start(references, escaped, shadowed, dead, inlined, closures, onTheStackBelow)
	start(func() {
		inPieces(*opaqueRef(point{31, 32}), *opaqueRef(inner{33, "in pieces"}), *opaqueRef(time.Unix(1e9, 5).UTC()), opaque(any(34)))
	})
	start(func() {
		onTheStack([5]int16{-1, 0, 1, 2, 3}, [2][3]uint8{{1, 2, 3}, {4, 5, 6}}, [2]point{{1, 2}, {3, 4}}, [200]int32{0: 1, 199: -1})
	})
	start(func() { generic(opaque("key"), opaque(3.5)) }, func() { generic(opaque(77), opaque(point{1, 2})) })
	start(func() { manyParameters(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "twelve", point{13, 14}) })
	if *spinning {
		expect("main.spin", vars{"id": 42, "step": uint32(2), "scale": 0.5})
		go spin(opaque(42), opaque(uint32(2)), opaque(0.5))
	}
	parked.Wait()
	time.Sleep(50 * time.Millisecond)
	greeting, _ := json.Marshal(map[string]any{"pid": os.Getpid(), "go": runtime.Version()})
	fmt.Printf("ready %s\n", greeting)
	serve(bufio.NewScanner(os.Stdin))
}

func serve(lines *bufio.Scanner) {
	for lines.Scan() {
		switch command := strings.TrimSpace(lines.Text()); command {
		case "expected":
			sort.Slice(expected, func(i, j int) bool { return expected[i].Function < expected[j].Function })
			answer(command, expected)
		case "globals":
			answer(command, globals())
		case "addresses":
			answer(command, places)
		case "dump":
			text := make([]byte, 1<<20)
			text = text[:runtime.Stack(text, true)]
			fmt.Printf("answer %s %d\n%s", command, len(text), text)
		case "quit":
			return
		default:
			answer("error", "unknown command "+command)
		}
	}
}

func answer(command string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		text, _ = json.Marshal(err.Error())
	}
	fmt.Printf("answer %s %d\n%s", command, len(text), text)
}
