// Command frames prints, at places reached in many ways, its return addresses beside what Go's own runtime makes of
// them: the frames of runtime.CallersFrames and the dump of runtime.Stack. One JSON object a line, the first with
// the entry of main.main and /proc/self/maps.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"

	"example.com/frames/fp"
)

type frame struct {
	Function string
	File     string
	Line     int
	Inlined  bool
	Entry    uintptr
}

type place struct {
	Name   string
	PCs    []uintptr
	Frames []frame
	Dump   string
}

var (
	mu  sync.Mutex
	out = json.NewEncoder(os.Stdout)
)

//go:noinline
func record(name string) int {
	mu.Lock()
	defer mu.Unlock()
	p := place{Name: name, PCs: fp.Callers()}
	pcs := make([]uintptr, 200)
	iter := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := iter.Next()
		p.Frames = append(p.Frames, frame{f.Function, f.File, f.Line, f.Func == nil, f.Entry})
		if !more {
			break
		}
	}
	buf := make([]byte, 1<<16)
	p.Dump = string(buf[:runtime.Stack(buf, false)])
	if err := out.Encode(p); err != nil {
		panic(err)
	}
	return len(p.PCs)
}

func inner(name string) int  { return record(name) + 1 }
func middle(name string) int { return inner(name) + 1 }
func outer(name string) int  { return middle(name) + 1 }

//go:noinline
func recurse(depth int) int {
	if depth == 0 {
		return outer("recurse")
	}
	if depth%2 == 0 {
		return hop(depth) + 1
	}
	return recurse(depth-1) + 1
}

func hop(depth int) int { return recurse(depth - 1) }

type pair[K comparable, V any] struct {
	key   K
	value V
}

//go:noinline
func (p *pair[K, V]) visit(f func(K, V) int) int { return f(p.key, p.value) }

func small[T any](x T, f func(T) int) int { return f(x) }

//go:noinline
func big[T any](x T) int {
	return small(x, func(T) int { return outer("generic closure") })
}

type number int

//go:noinline
func (n number) Do(name string) int { return outer(name) + int(n) }

type doer interface{ Do(string) int }

type embedded struct {
	pad int
	number
}

type panicky struct{ n *int }

// The functions that fault also call, so that they have a frame: else a walk by frame pointers loses their caller.
//
//go:noinline
func (p panicky) Do(name string) int {
	n := *p.n
	return n + outer(name)
}

//go:noinline
func deref(p *int) int {
	n := *p
	return n + outer("never")
}

func recovering(name string, f func()) {
	defer func() {
		outer(name + ", in the deferred function")
		if recover() == nil {
			panic("no panic in " + name)
		}
	}()
	f()
}

func seq(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

//go:noinline
func ranged() int {
	total := 0
	for i := range seq(2) {
		for j := range seq(1) {
			total += outer("range over func") + i + j
		}
	}
	return total
}

func goroutines() {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		outer("goroutine")
	}()
	go started(&wg)
	wg.Wait()
}

func started(wg *sync.WaitGroup) {
	defer wg.Done()
	middle("goroutine with an argument")
}

func finalized() {
	done := make(chan bool)
	x := &[4]int{1, 2, 3, 4}
	runtime.SetFinalizer(x, func(*[4]int) {
		outer("finalizer")
		close(done)
	})
	x = nil
	runtime.GC()
	<-done
}

func main() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	first := map[string]any{"main": reflect.ValueOf(main).Pointer(), "maps": string(maps)}
	if err := out.Encode(first); err != nil {
		panic(err)
	}
	outer("plain")
	recurse(20)
	func() { func() { outer("closures") }() }()
	(&pair[string, int]{"a", 1}).visit(func(string, int) int { return middle("generic method") })
	(&pair[int, *int]{}).visit(func(int, *int) int { return inner("generic method, pointer shape") })
	big("x")
	big(1.5)
	big(map[string][]int{})
	method := number(3).Do
	method("method value")
	for _, d := range []doer{number(1), &embedded{number: 2}, embedded{number: 3}} {
		d.Do("interface " + strings.TrimPrefix(fmt.Sprintf("%T", d), "*"))
	}
	values := []int{3, 1, 2}
	sort.Slice(values, func(i, j int) bool {
		inner("sort.Slice")
		return values[i] < values[j]
	})
	slices.SortFunc(values, func(a, b int) int {
		middle("slices.SortFunc")
		return a - b
	})
	reflect.ValueOf(outer).Call([]reflect.Value{reflect.ValueOf("reflect.Call")})
	reflect.ValueOf(number(2)).MethodByName("Do").Call([]reflect.Value{reflect.ValueOf("reflect method")})
	ranged()
	recovering("panic", func() { panic("on purpose") })
	recovering("nil pointer", func() { deref(nil) })
	recovering("wrapper of a nil pointer", func() {
		var e *embedded
		doer(e).Do("never")
	})
	recovering("index", func() { values = values[len(values)+1:] })
	recovering("panic in a wrapped method", func() { doer(&panicky{}).Do("never") })
	recovering("nested", func() {
		recovering("inner", func() { panic("first") })
		panic("second")
	})
	new(sync.Once).Do(func() { outer("sync.Once") })
	goroutines()
	finalized()
}
