// Traced calls functions as often as it is told to, and keeps count.
//
// It prints "ready {}", and answers "answer COMMAND LENGTH\nTEXT" to
//
//	call N      N calls of work
//	spin N      from now on N goroutines call work without end
//	count       how often work was called so far
//	exec        becomes this program again
//	children N  N processes of this program, each of which calls work a hundred times
//
// and ends with its input. As `traced orphan` its first thread ends before it is ready.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var calls atomic.Int64

//go:noinline
func work(n int, name string) int {
	if n < 0 {
		return len(name)
	}
	calls.Add(1)
	return n * len(name)
}

// deeper has a frame, and a stack check before it.
//
//go:noinline
func deeper(n int) int {
	return work(n, "deeper") + 1
}

func spin() {
	for {
		deeper(1)
	}
}

func answer(command, text string) {
	fmt.Printf("answer %s %d\n%s", command, len(text), text)
}

func children(number int) {
	for i := 0; i < number; i++ {
		child := exec.Command("/proc/self/exe")
		child.Stdin = strings.NewReader("call 100\n")
		if err := child.Run(); err != nil {
			panic(err)
		}
	}
}

func init() {
	if len(os.Args) > 1 && os.Args[1] == "orphan" {
		runtime.LockOSThread()
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "orphan" {
		go serve()
		syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	}
	serve()
}

func serve() {
	fmt.Println("ready {}")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		number := 0
		if len(words) > 1 {
			number, _ = strconv.Atoi(words[1])
		}
		switch words[0] {
		case "call":
			sum := 0
			for i := 0; i < number; i++ {
				sum += deeper(i)
			}
			answer("call", strconv.Itoa(sum))
		case "spin":
			for i := 0; i < number; i++ {
				go spin()
			}
			answer("spin", "")
		case "count":
			answer("count", strconv.FormatInt(calls.Load(), 10))
		case "children":
			children(number)
			answer("children", "")
		case "exec":
			if err := syscall.Exec("/proc/self/exe", os.Args, os.Environ()); err != nil {
				panic(err)
			}
		}
	}
}
