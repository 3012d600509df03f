// Threads holds as many threads as its first argument says, each inside a system call for a goroutine locked to it, and
// reserves as many GiB of address space as its second says. With `spin`
// as third, one more thread runs all the time; with `orphan`, the main thread ends before the others.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
)

//go:noinline
func hold(number int, pipe int, arrived *sync.WaitGroup) int {
	runtime.LockOSThread()
	var buffer [8]byte
	arrived.Done()
	n, _ := syscall.Read(pipe, buffer[:])
	return n + number
}

//go:noinline
func spin(turns int, arrived *sync.WaitGroup) {
	runtime.LockOSThread()
	arrived.Done()
	for turns >= 0 {
		turns = (turns + 1) & 0xffff
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func init() {
	runtime.LockOSThread() // main.main runs on the main thread
}

func main() {
	debug.SetMaxThreads(20000)
	count, err := strconv.Atoi(os.Args[1])
	must(err)
	gib, err := strconv.Atoi(os.Args[2])
	must(err)
	if gib > 0 {
		_, err = syscall.Mmap(-1, 0, gib<<30, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
		must(err)
	}
	var ends [2]int
	must(syscall.Pipe(ends[:]))
	var arrived sync.WaitGroup
	arrived.Add(count)
	for i := range make([]struct{}, count) {
		go hold(i, ends[0], &arrived)
	}
	arrived.Wait()
	mode := append(os.Args, "")[3]
	if mode == "spin" {
		arrived.Add(1)
		go spin(0, &arrived)
		arrived.Wait()
	}
	fmt.Printf("ready {\"pid\": %d}\n", os.Getpid())
	if mode == "orphan" {
		go func() {
			bufio.NewScanner(os.Stdin).Scan()
			os.Exit(0)
		}()
		syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	}
	bufio.NewScanner(os.Stdin).Scan()
}
