// Stress calls functions from as many goroutines as it is told to, under everything that moves goroutines and stacks.
//
// It prints "ready {}", and answers "answer COMMAND LENGTH\nTEXT" to
//
//	crowd N M     N goroutines, all of them in a call of crossing at once, M times; the JSON of counts
//	busy T N      T goroutines, each on a thread of its own, call mix N times; the JSON of counts
//	cold N        N calls of reads, whose text is on a page that has to be mapped again; the JSON of counts
//	leave N       N goroutines that end within a call of leaves
//
// and ends with its input. Wrong results end it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

var crossed, bottoms, mixed, cold atomic.Int64

// grow needs a stack of 256 bytes for each level.
//
//go:noinline
func grow(n int) int {
	var room [256]byte
	room[n%256] = 1
	if n == 0 {
		return bottom(int(room[0]))
	}
	return grow(n-1) + int(room[1])/2
}

//go:noinline
func bottom(n int) int {
	bottoms.Add(1)
	return n
}

// crossing has a frame that a new goroutine's stack has no room for. While it runs its stack grows again, shrinks, and
// it goes on another thread.
//
//go:noinline
func crossing(id, round int, text string, all *sync.WaitGroup) int {
	var room [3000]byte
	room[id%3000] = byte(round)
	if id%4 == 0 {
		grow(100)
	}
	runtime.Gosched()
	all.Done()
	all.Wait()
	crossed.Add(1)
	return id*10 + round + len(text) + int(room[id%3000]) - round
}

func crowd(goroutines, rounds int) {
	var done sync.WaitGroup
	barriers := make([]sync.WaitGroup, rounds)
	for i := range barriers {
		barriers[i].Add(goroutines)
	}
	for id := 0; id < goroutines; id++ {
		id := id
		done.Add(1)
		go func() {
			defer done.Done()
			text := strconv.Itoa(id)
			for round := range barriers {
				if found := crossing(id, round, text, &barriers[round]); found != id*10+round+len(text) {
					panic(found)
				}
			}
		}()
	}
	done.Wait()
}

// mix goes to the kernel in between, now and then.
//
//go:noinline
func mix(thread, turn int, text string, more [2]int) (int, string) {
	mixed.Add(1)
	if turn%64 == 0 {
		syscall.Getppid()
	}
	return thread<<32 + turn + more[0] - more[1], text
}

func busy(threads, turns int) {
	var done sync.WaitGroup
	for thread := 0; thread < threads; thread++ {
		thread := thread
		done.Add(1)
		go func() {
			defer done.Done()
			runtime.LockOSThread()
			for turn := 0; turn < turns; turn++ {
				text := strconv.Itoa(thread*turns + turn)
				if n, same := mix(thread, turn, text, [2]int{turn, turn}); n != thread<<32+turn || same != text {
					panic(n)
				}
			}
		}()
	}
	done.Wait()
}

//go:noinline
func reads(turn int, text string) int {
	cold.Add(1)
	return turn + len(text)
}

// pages calls reads with texts that lie on pages of a file, none of them mapped at the moment of the call.
func pages(turns int) {
	size := os.Getpagesize()
	file, err := os.CreateTemp("", "stress")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(strings.Repeat("x", 16*size)); err != nil {
		panic(err)
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, 16*size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	for turn := 0; turn < turns; turn++ {
		if err := syscall.Madvise(memory, syscall.MADV_DONTNEED); err != nil {
			panic(err)
		}
		// It begins on one page and ends on the next.
		reads(turn, unsafe.String(&memory[(turn%15+1)*size-turn%20], 20))
	}
}

//go:noinline
func leaves(id int) int {
	if id >= 0 {
		runtime.Goexit()
	}
	return id
}

func leave(goroutines int) {
	var done sync.WaitGroup
	for id := 0; id < goroutines; id++ {
		id := id
		done.Add(1)
		go func() {
			defer done.Done()
			leaves(id)
		}()
	}
	done.Wait()
}

func collect() {
	for {
		runtime.GC()
	}
}

func main() {
	fmt.Println("ready {}")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := append(strings.Fields(lines.Text()), "0", "0")
		first, _ := strconv.Atoi(words[1])
		second, _ := strconv.Atoi(words[2])
		switch words[0] {
		case "collect":
			go collect()
		case "crowd":
			crowd(first, second)
		case "busy":
			busy(first, second)
		case "cold":
			pages(first)
		case "leave":
			leave(first)
		}
		counts := map[string]int64{
			"crossed": crossed.Load(), "bottoms": bottoms.Load(), "mixed": mixed.Load(), "cold": cold.Load(),
		}
		text, _ := json.Marshal(counts)
		fmt.Printf("answer %s %d\n%s", words[0], len(text), text)
	}
}
