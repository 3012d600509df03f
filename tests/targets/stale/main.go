// A program whose goroutines wait behind the last use of what they hold; its memory is someone else's by now.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Things, closures, maps and buffers have sizes of their own, so that what is freed is given out as the same kind again.
type thing struct {
	name string
	next *thing
	rest [15]int64
}

func (t *thing) Error() string { return t.name }

type pair struct {
	held   *thing
	number int64
}

const decoys = 20000

var (
	forever = make(chan struct{})
	proceed = make(chan struct{})
	borrow  *thing
	others  [decoys][]any
)

//go:noinline
func touch[T any](value T) {}

// Runs between a variable's start and its last use, which brings it to the stack.
//
//go:noinline
func pass() {}

//go:noinline
func wait() { <-forever }

//go:noinline
func aThing(whose string) *thing { return &thing{name: whose} }

//go:noinline
func aDict(whose string) map[string]int64 {
	made := make(map[string]int64)
	made[whose] = 1
	return made
}

//go:noinline
func aQueue(whose string) chan string {
	made := make(chan string, 5)
	made <- whose
	return made
}

//go:noinline
func aCall(whose string) func() string {
	if whose == "later" {
		return func() string { return "!" + whose }
	}
	return func() string { return whose }
}

//go:noinline
func aList(whose string) []string { return []string{whose, whose, whose, whose} }

//go:noinline
func aText(whose string) string { return strings.Repeat(whose+" ", 9) }

//go:noinline
func anAny(whose string) any { return whose + whose }

//go:noinline
func anError(whose string) error { return aThing(whose) }

//go:noinline
func references(pointer *thing, dict map[string]int64, queue chan string, call func() string, kept *thing) {
	pass()
	touch(pointer)
	touch(dict)
	touch(queue)
	touch(call)
	wait()
	touch(kept)
}

//go:noinline
func dynamic(either any, failure error, kept any) {
	pass()
	touch(either)
	touch(failure)
	wait()
	touch(kept)
}

//go:noinline
func texts(text string, list []string, kept string) {
	pass()
	touch(text)
	touch(list)
	touch(len(text))
	wait()
	touch(kept)
}

//go:noinline
func parts(both pair, kept pair) {
	pass()
	touch(both)
	wait()
	touch(kept)
}

// What is called returns, and its memory is given up while the caller waits.
//
//go:noinline
func locals() {
	pointer, dict, queue, call := aThing("first"), aDict("first"), aQueue("first"), aCall("first")
	either, failure, text, list := anAny("first"), anError("first"), aText("first"), aList("first")
	kept := aCall("first")
	pass()
	touch(pointer)
	touch(dict)
	touch(queue)
	touch(call)
	touch(either)
	touch(failure)
	touch(text)
	touch(list)
	wait()
	touch(kept)
}

//go:noinline
func captures(whose string) func() {
	pointer, dict, queue, call := aThing(whose), aDict(whose), aQueue(whose), aCall(whose)
	either, failure, text, list := anAny(whose), anError(whose), aText(whose), aList(whose)
	kept := aThing(whose)
	return func() {
		pass()
		call()
		touch(pointer)
		touch(dict)
		touch(queue)
		touch(either)
		touch(failure)
		touch(text)
		touch(list)
		wait()
		touch(kept)
	}
}

// Variables of the heap: the slot holds where they are.
//
//go:noinline
func escaped() {
	moved, kept := thing{name: "first"}, thing{name: "first"}
	borrow = &moved
	pass()
	borrow = &kept
	touch(moved)
	wait()
	touch(kept)
}

// Runs on behind a wait, during which its memory was given up.
//
//go:noinline
func running(pointer *thing, dict map[string]int64, text string, kept *thing) {
	pass()
	touch(pointer)
	touch(dict)
	touch(text)
	rest()
	for n := 0; n < 1<<62; n++ {
	}
	touch(kept)
}

//go:noinline
func rest() { <-proceed }

func main() {
	for _, start := range []func(){
		func() { references(aThing("first"), aDict("first"), aQueue("first"), aCall("first"), aThing("first")) },
		func() { dynamic(anAny("first"), anError("first"), anAny("first")) },
		func() { texts(aText("first"), aList("first"), aText("first")) },
		func() { parts(pair{aThing("first"), 1}, pair{aThing("first"), 2}) },
		func() { running(aThing("first"), aDict("first"), aText("first"), aThing("first")) },
		locals, captures("first"), escaped,
	} {
		go start()
	}
	time.Sleep(200 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	for i := range others {
		w := "later"
		others[i] = []any{aThing(w), aDict(w), aQueue(w), aCall(w), anAny(w), aText(w), aList(w), captures(w)}
	}
	close(proceed)
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(others[0]...)
}
