// Many parks a given number of goroutines at a given depth, for benchmarks.
//
//	many -n 100000 -depth 8 -distinct 16
//
// Each goroutine has -depth frames: request, then handleEven or handleOdd at each level, then the runtime's own for the receive
// that it waits in. Every such frame holds three values that are alive at the call: id (int), name (string) and job (a pointer to
// a struct, with job.Priority behind it). -distinct says how many different stacks there are. -heap is for large core files: so
// many MiB of heap besides, of which no page is ever written unless there is -written.
//
// It prints "ready {...}" and lives until its input ends. Command "dump" answers with the number of bytes and of nanoseconds
// that runtime.Stack took.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// Job is what every frame points to.
type Job struct {
	Priority int64
	Customer string
	Tags     [4]uint32
}

var (
	forever = make(chan int)
	parked  atomic.Int64
	ballast []byte
)

// request is in each stack once.
//
//go:noinline
func request(depth, path, id int, name string, job *Job) int {
	return handleEven(depth-1, path, id, name, job) + use(id, name, job)
}

// handleEven and handleOdd are the same but for their names; the lowest bit of path says which comes next.
//
//go:noinline
func handleEven(depth, path, id int, name string, job *Job) int {
	got := 0
	switch {
	case depth <= 1:
		parked.Add(1)
		got = <-forever
	case path&1 == 0:
		got = handleEven(depth-1, path>>1, id, name, job)
	default:
		got = handleOdd(depth-1, path>>1, id, name, job)
	}
	return got + use(id, name, job)
}

//go:noinline
func handleOdd(depth, path, id int, name string, job *Job) int {
	got := 0
	switch {
	case depth <= 1:
		parked.Add(1)
		got = <-forever
	case path&1 == 0:
		got = handleEven(depth-1, path>>1, id, name, job)
	default:
		got = handleOdd(depth-1, path>>1, id, name, job)
	}
	return got - use(id, name, job)
}

// use keeps its arguments alive across the call before it.
//
//go:noinline
func use(id int, name string, job *Job) int {
	return id + len(name) + int(job.Priority) + len(job.Customer)
}

func main() {
	n := flag.Int("n", 1000, "goroutines")
	depth := flag.Int("depth", 8, "frames of main.request and main.handle* in each stack")
	distinct := flag.Int("distinct", 16, "different stacks, at most 2 to the power of (depth-2)")
	heap := flag.Int("heap", 0, "MiB of heap besides")
	written := flag.Bool("written", false, "write to each page of them")
	flag.Parse()
	if *depth < 2 || *distinct < 1 || *depth < 32 && *distinct > 1<<(*depth-2) {
		fmt.Fprintln(os.Stderr, "many: -depth must be at least 2, -distinct from 1 to 2 to the power of (depth-2)")
		os.Exit(2)
	}
	ballast = make([]byte, *heap<<20)
	for at := 0; *written && at < len(ballast); at += 4096 {
		ballast[at] = byte(at >> 12)
	}
	for i := range *n {
		job := &Job{Priority: int64(i % 10), Customer: fmt.Sprintf("customer-%d", i%100)}
		name := fmt.Sprintf("request-%d", i)
		go func() { request(*depth, i%*distinct, i, name, job) }()
	}
	for parked.Load() < int64(*n) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	greeting, _ := json.Marshal(map[string]any{"pid": os.Getpid(), "parked": *n, "go": runtime.Version()})
	fmt.Printf("ready %s\n", greeting)
	serve()
}

func serve() {
	buf := make([]byte, 1<<20)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		began := time.Now()
		size := runtime.Stack(buf, true)
		for size == len(buf) {
			buf = make([]byte, 2*len(buf))
			began = time.Now()
			size = runtime.Stack(buf, true)
		}
		text, _ := json.Marshal(map[string]int64{"bytes": int64(size), "nanoseconds": time.Since(began).Nanoseconds()})
		fmt.Printf("answer %s %d\n%s", lines.Text(), len(text), text)
	}
}
