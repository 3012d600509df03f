// Deep holds goroutines that recurse as deep as its arguments say, each frame with the number of those below it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
)

var forever = make(chan int)

//go:noinline
func descend(left int, arrived *sync.WaitGroup) int {
	if left == 0 {
		arrived.Done()
		return <-forever
	}
	return descend(left-1, arrived) + left
}

func main() {
	debug.SetMaxStack(1 << 31)
	var arrived sync.WaitGroup
	for _, argument := range os.Args[1:] {
		depth, err := strconv.Atoi(argument)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		arrived.Add(1)
		go descend(depth, &arrived)
	}
	arrived.Wait()
	fmt.Printf("ready {}\n")
	bufio.NewScanner(os.Stdin).Scan()
}
