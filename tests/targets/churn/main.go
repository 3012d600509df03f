// A target that makes pausing hard: threads that come and go, children that are started all the time, processors kept
// busy, and signals that it counts.
//
// It prints "ready {...}", then answers commands on stdin, one a line:
//
//	signals  how many SIGUSR1 and SIGUSR2 arrived, as {"usr1": n, "usr2": n}
//	beats    how often each kind of work went round, as {"threads": n, "children": n, "spins": n, "sleeps": n,
//	         "goroutines": n}
//	quit     ends it
//
// Every answer is "answer COMMAND BYTES\n" followed by exactly that many bytes. End of input is the same as quit.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var threads, children, spins, sleeps, usr1, usr2 atomic.Int64

// endThread runs on a thread of its own, which ends with it: a locked goroutine that returns takes its thread along.
func endThread(done chan<- bool) {
	runtime.LockOSThread()
	threads.Add(1)
	done <- true
}

func churnThreads() {
	done := make(chan bool)
	for {
		for range 4 {
			go endThread(done)
		}
		for range 4 {
			<-done
		}
	}
}

func churnChildren() {
	for {
		if err := exec.Command("/bin/true").Run(); err != nil {
			panic(err)
		}
		children.Add(1)
	}
}

func spin() {
	sum := 1
	garbage := make([][]byte, 16)
	for {
		for i := range garbage {
			garbage[i] = make([]byte, 4096)
		}
		for range 1_000_000 {
			sum += sum<<1 ^ 5
		}
		spins.Add(1)
	}
}

func sleep() {
	for {
		time.Sleep(time.Millisecond)
		sleeps.Add(1)
	}
}

func count(number os.Signal, total *atomic.Int64) {
	arrived := make(chan os.Signal, 1024)
	signal.Notify(arrived, number)
	go func() {
		for range arrived {
			total.Add(1)
		}
	}()
}

// holdVfork makes a child the way vfork does, but the child sleeps before it ends: until then this thread sits in the
// kernel in state D. The child has a copy of the memory, so nothing of ours is disturbed.
func holdVfork(length time.Duration) {
	runtime.LockOSThread()
	flags := uintptr(syscall.CLONE_VFORK | int(syscall.SIGCHLD))
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if errno != 0 {
		panic(errno)
	}
	if pid == 0 {
		span := syscall.NsecToTimespec(int64(length))
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, addressOf(&span), 0, 0)
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	syscall.Wait4(int(pid), nil, 0, nil)
	runtime.UnlockOSThread()
}

func main() {
	withThreads := flag.Bool("threads", false, "create and end threads")
	withChildren := flag.Bool("children", false, "start children")
	withGoroutines := flag.Bool("goroutines", false, "create and end goroutines, with stacks that grow")
	spinners := flag.Int("spin", 0, "goroutines that never wait")
	vfork := flag.Duration("vfork", 0, "keep a thread in state D for this long, once")
	flag.Parse()
	count(syscall.SIGUSR1, &usr1)
	count(syscall.SIGUSR2, &usr2)
	go sleep()
	if *withThreads {
		go churnThreads()
	}
	if *withChildren {
		go churnChildren()
	}
	if *withGoroutines {
		go churnGoroutines()
	}
	for range *spinners {
		go spin()
	}
	if *vfork > 0 {
		go holdVfork(*vfork)
	}
	fmt.Printf("ready {\"pid\": %d}\n", os.Getpid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch command := strings.TrimSpace(lines.Text()); command {
		case "signals":
			answer(command, map[string]int64{"usr1": usr1.Load(), "usr2": usr2.Load()})
		case "beats":
			answer(command, map[string]int64{
				"threads": threads.Load(), "children": children.Load(), "spins": spins.Load(), "sleeps": sleeps.Load(),
				"goroutines": grown.Load(),
			})
		case "quit":
			return
		}
	}
}

func answer(command string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Printf("answer %s %d\n%s", command, len(text), text)
}
