// Workers count up, each by itself, and pay for each number: who pays the one that is waited for can be told by its frames.
//
// It prints "ready {}", and answers "answer count LENGTH\nTEXT" to `count`, with how often was paid; it ends with its
// input.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

type account struct {
	Owner string
	Total int
}

var payments atomic.Int64

//go:noinline
func pay(a *account, number int) (total int) {
	a.Total += number
	payments.Add(1)
	return a.Total
}

//go:noinline
func leaf(n int) int { return n*2 + 1 }

// work pays the numbers from first on.
//
//go:noinline
func work(owner string, first int, pause time.Duration) {
	a := &account{Owner: owner}
	for number := first; ; number++ {
		if pay(a, number) < 0 {
			panic("overflow")
		}
		if leaf(number) == -1 {
			panic("negative")
		}
		if pause > 0 {
			time.Sleep(pause)
		} else {
			runtime.Gosched()
		}
		runtime.KeepAlive(a)
	}
}

func main() {
	workers := flag.Int("workers", 4, "goroutines that pay")
	pause := flag.Duration("pause", time.Millisecond, "of each between two payments")
	flag.Parse()
	for n := 0; n < *workers; n++ {
		go work(fmt.Sprint("worker", n), n*1_000_000, *pause)
	}
	fmt.Println("ready {}")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text := fmt.Sprint(payments.Load())
		fmt.Printf("answer count %d\n%s", len(text), text)
	}
}
