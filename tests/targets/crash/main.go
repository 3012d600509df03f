// Crash ends in the way it is told to, with goroutines that wait beside the one that brings it down.
//
// It prints "ready {}" once they wait, then reads one command from stdin:
//
//	panic     panic with a value of the program's
//	nil       a nil pointer is followed
//	throw     the runtime itself gives up: a map is written from two goroutines
//	caught    a panic that a deferred function turns into another one
//
// The goroutine that crashes, or has those that do at work for it, holds an Order in crash, which is alive there.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

// Order is what goroutines work on.
type Order struct {
	ID       int64
	Customer string
	Items    []string
}

var (
	forever = make(chan int)
	shared  = map[int]int{}
	started sync.WaitGroup
)

//go:noinline
func wait(order *Order) int {
	started.Done()
	got := <-forever
	return got + len(order.Customer)
}

//go:noinline
func crash(how string, order *Order) int {
	got := bring(how, order)
	return got + len(order.Customer) + len(how)
}

//go:noinline
func bring(how string, order *Order) int {
	switch how {
	case "panic":
		panic(fmt.Errorf("order %d can't be filled", order.ID))
	case "nil":
		var missing *Order
		return len(missing.Customer)
	case "throw":
		return race(order)
	case "caught":
		return caught(order)
	}
	return len(order.Items)
}

//go:noinline
func caught(order *Order) int {
	defer func() {
		if err := recover(); err != nil {
			panic(fmt.Sprint("again: ", err))
		}
	}()
	var missing *Order
	return len(missing.Items) + len(order.Items)
}

//go:noinline
func race(order *Order) int {
	for i := 0; i < 2; i++ {
		go func() {
			for i := 0; ; i++ {
				shared[i&7] = i
			}
		}()
	}
	<-forever
	return len(order.Items)
}

func main() {
	started.Add(3)
	for i := 0; i < 3; i++ {
		order := &Order{int64(i), fmt.Sprint("waiting-", i), []string{"tea"}}
		go wait(order)
	}
	started.Wait()
	fmt.Println("ready {}")
	command := bufio.NewScanner(os.Stdin)
	for command.Scan() {
		order := &Order{4711, "acme", []string{"ink", "paper"}}
		go crash(command.Text(), order)
	}
}
