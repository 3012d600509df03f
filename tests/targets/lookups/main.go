// Lookups holds a map of its own in each of many goroutines, with strings and with numbers as keys.
//
//	lookups -n 1000 -entries 8
//
// It prints "ready {}" and ends with its input.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"sync"
)

var (
	forever = make(chan int)
	parked  sync.WaitGroup
)

//go:noinline
func use(...any) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

//go:noinline
func holds(names map[string]int, numbers map[int]int) {
	park()
	use(names, numbers)
}

func main() {
	n := flag.Int("n", 1000, "goroutines")
	entries := flag.Int("entries", 8, "in each map")
	flag.Parse()
	parked.Add(*n)
	for i := 0; i < *n; i++ {
		names, numbers := map[string]int{}, map[int]int{}
		for j := 0; j < *entries; j++ {
			names[fmt.Sprintf("key-%06d", j)] = j
			numbers[j] = j
		}
		go holds(names, numbers)
	}
	parked.Wait()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
}
