// Calls functions a known number of times with known values, each time a line comes in on stdin, and then says how often.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type point struct {
	X, Y int64
	Name string
}

type server struct {
	name  string
	calls int
}

type stored struct {
	ID   int
	Tags map[string]string
}

var (
	entered  sync.Map // by function: *atomic.Int64
	returned sync.Map
	sink     atomic.Int64
)

func add(to *sync.Map, name string) {
	counter, ok := to.Load(name)
	if !ok {
		counter, _ = to.LoadOrStore(name, new(atomic.Int64))
	}
	counter.(*atomic.Int64).Add(1)
}

// called notes a call that returns.
func called(name string) {
	add(&entered, name)
	add(&returned, name)
}

//go:noinline
func plain(a int, s string, p *point) (int, error) {
	if a%3 == 0 {
		return a, fmt.Errorf("plain %d of %s: %w", a, s, errors.ErrUnsupported)
	}
	return a + int(p.X), nil
}

//go:noinline
func registers(a int8, b uint16, c int32, d uint64, e bool, f *point, g string, h []int) (n int, s string, ok bool) {
	if len(h) > 3 {
		sink.Add(int64(h[0] + cap(h)))
	}
	return int(a) + int(b) + int(c) + int(d) + len(h), g + "!", e && f != nil
}

type wide struct {
	A, B, C, D, E, F, G, H, I, J, K, L int64
}

//go:noinline
func onStack(w wide, tail [3]int64) (wide, int64) {
	w.A, w.L = w.L, w.A
	return w, tail[0] + tail[2]
}

// renames returns what it was given, changed.
//
//go:noinline
func renames(p *point, by int) *point {
	p.X += int64(by)
	p.Name = fmt.Sprint(p.Name, by)
	return p
}

//go:noinline
func leaf(x int) int { return x*3 + 1 }

// nothing is one instruction, by which it returns.
//
//go:noinline
func nothing(x int) {}

// unnamed has a parameter that debug information of Go 1.21 leaves out, on the stack before its result.
//
//go:noinline
func unnamed(x int64, _ [2]int64) ([2]int64, int64) { return [2]int64{x, 7}, x }

//go:noinline
func (s *server) handle(id int, what any) (out stored, err error) {
	s.calls++
	out = stored{id, map[string]string{"name": s.name, "id": fmt.Sprint(id)}}
	if text, ok := what.(string); ok && text == "fail" {
		err = errors.New("asked to fail")
	}
	return out, err
}

//go:noinline
func (p point) sum() int64 { return p.X + p.Y }

//go:noinline
func grows(depth int) int {
	var room [256]byte
	room[depth%256] = 1
	called("main.grows")
	if depth == 0 {
		return int(room[0])
	}
	return grows(depth-1) + int(room[1])
}

//go:noinline
func recurses(n int) int {
	called("main.recurses")
	if n < 2 {
		return n
	}
	return recurses(n-1) + recurses(n-2)
}

// recovers returns by way of its deferred function, which also changes the result.
//
//go:noinline
func recovers(n int) (result int, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = -n, fmt.Errorf("recovered %v", r)
		}
	}()
	return throws(n), nil
}

//go:noinline
func throws(n int) int {
	if n%2 == 1 {
		panic(n)
	}
	return n
}

//go:noinline
func exits(n int) int {
	if n%2 == 1 {
		runtime.Goexit()
	}
	return n
}

//go:noinline
func slow(id int, d time.Duration) int {
	time.Sleep(d)
	return id * 2
}

//go:noinline
func generic[T any](value T, n int) (T, int) {
	sink.Add(int64(n))
	return value, n + 1
}

//go:noinline
func makeClosure(base int, name string) func(int) string {
	return func(n int) string {
		return fmt.Sprint(name, base+n)
	}
}

type box struct {
	Number int
	Items  [40]string
}

// laden is given more than is kept of a call until it returns.
//
//go:noinline
func laden(b *box) int { return b.Number + len(b.Items[39]) }

func once(rounds, crowd int) {
	for i := 0; i < rounds; i++ {
		called("main.plain")
		plain(i, fmt.Sprint("s", i), &point{int64(i), 2, "p"})
		called("main.registers")
		registers(int8(i%100), uint16(i), int32(-i), uint64(i)<<33, i%2 == 0, &point{}, strings.Repeat("x", i%5), make([]int, i%4))
		called("main.onStack")
		onStack(wide{A: int64(i), L: int64(-i)}, [3]int64{int64(i), 5, 7})
		called("main.renames")
		sink.Add(renames(&point{10, 0, "p"}, i).X)
		called("main.leaf")
		sink.Add(int64(leaf(i)))
		called("main.unnamed")
		pair, _ := unnamed(int64(i), [2]int64{8, 9})
		sink.Add(pair[0])
		called("main.nothing")
		nothing(i)
		s := &server{name: "srv"}
		called("main.(*server).handle")
		what := any(i)
		if i%4 == 0 {
			what = "fail"
		}
		s.handle(i, what)
		called("main.point.sum")
		sink.Add(point{int64(i), 1, "q"}.sum())
		called("main.recovers")
		add(&entered, "main.throws")
		if i%2 == 0 {
			add(&returned, "main.throws")
		}
		recovers(i)
		called("main.laden")
		b := &box{Number: i}
		for n := range b.Items {
			b.Items[n] = fmt.Sprint(n, strings.Repeat("x", 90))
		}
		sink.Add(int64(laden(b)))
		called("main.generic[...]")
		generic(point{X: int64(i)}, i)
	}
	closure := makeClosure(100, "c")
	for i := 0; i < rounds; i++ {
		called("main.makeClosure.func1")
		closure(i)
	}
	recurses(12)
	var wait sync.WaitGroup
	for i := 0; i < crowd; i++ {
		i := i
		wait.Add(1)
		go func() {
			defer wait.Done()
			called("main.slow")
			slow(i, time.Duration(i%7)*time.Millisecond)
		}()
	}
	for i := 0; i < 20; i++ {
		i := i
		wait.Add(2)
		go func() {
			defer wait.Done()
			grows(200)
		}()
		go func() {
			defer wait.Done()
			add(&entered, "main.exits")
			if i%2 == 0 {
				add(&returned, "main.exits")
			}
			exits(i)
		}()
	}
	wait.Wait()
}

func counts(of *sync.Map) map[string]int64 {
	found := map[string]int64{}
	of.Range(func(name, counter any) bool {
		found[name.(string)] = counter.(*atomic.Int64).Load()
		return true
	})
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	go func() {
		for {
			runtime.GC()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for lines.Scan() {
		var rounds, crowd int
		fmt.Sscan(lines.Text(), &rounds, &crowd)
		once(rounds, crowd)
		json.NewEncoder(os.Stdout).Encode(map[string]any{"entered": counts(&entered), "returned": counts(&returned)})
	}
}
