// Zoo holds one goroutine, sometimes a few, for every way a goroutine can wait or run.
//
// It prints "ready {...}" once all of them have settled, then answers commands on stdin, one a line:
//
//	dump    runtime.Stack of all goroutines (the text of debug=2)
//	pprof   the goroutine profile with debug=2
//	count   the number of goroutines in a dump
//	quit    end
//
// Every answer is "answer COMMAND BYTES\n" followed by exactly that many bytes. End of input is the same as quit.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
)

// forever is never sent to nor closed.
var forever = make(chan int)

// arrived counts the goroutines that have not yet reached the call they wait in.
var arrived sync.WaitGroup

// start runs each function on a goroutine of its own. Each must call arrived.Done right before it waits.
func start(exhibits ...func()) {
	arrived.Add(len(exhibits))
	for _, exhibit := range exhibits {
		go exhibit()
	}
}

func main() {
	spinners := flag.Int("spin", 3, "goroutines that never stop running")
	procs := flag.Int("procs", 2, "GOMAXPROCS")
	child := flag.Bool("child", false, "only wait for the input to end")
	flag.Parse()
	if *child {
		io.Copy(io.Discard, os.Stdin)
		return
	}
	runtime.GOMAXPROCS(*procs)

	startChannels()
	startLocks()
	startTimers()
	startNetwork()
	startSyscalls()
	startCalls()
	startDeferred()
	startIterators()
	startRuntime()
	startCleanups()
	startBubble()
	startCgo()
	arrived.Wait()
	runtime.GC() // Leaves the collector's own goroutines behind, idle.
	settle()
	startRunning(*spinners)

	// Counted in the dump: NumGoroutine leaves out the finalizer's goroutine although it is in user code.
	greeting, _ := json.Marshal(map[string]any{
		"pid":        os.Getpid(),
		"goroutines": goroutines(),
		"spinners":   *spinners,
		"go":         runtime.Version(),
	})
	fmt.Printf("ready %s\n", greeting)
	serve(bufio.NewScanner(os.Stdin))
}

// serve answers commands until input ends.
func serve(lines *bufio.Scanner) {
	for lines.Scan() {
		command := strings.TrimSpace(lines.Text())
		switch command {
		case "dump":
			answer(command, stacks())
		case "pprof":
			var text bytes.Buffer
			pprof.Lookup("goroutine").WriteTo(&text, 2)
			answer(command, text.Bytes())
		case "count":
			answer(command, []byte(strconv.Itoa(goroutines())))
		case "quit":
			return
		default:
			answer("error", []byte("unknown command "+command))
		}
	}
}

func answer(command string, text []byte) {
	fmt.Printf("answer %s %d\n", command, len(text))
	os.Stdout.Write(text)
}

// stacks is the dump of all goroutines, however long.
func stacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return buf[:n]
		}
	}
}

var header = regexp.MustCompile(`(?m)^goroutine \d+ `)

var onTheMove = regexp.MustCompile(`(?m)^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[(?:running|runnable)`)

func goroutines() int { return len(header.FindAll(stacks(), -1)) }

// settle returns when no goroutine but the caller can run, as seen twice in a row.
func settle() {
	for quiet := 0; quiet < 2; time.Sleep(20 * time.Millisecond) {
		if len(onTheMove.FindAll(stacks(), -1)) == 1 {
			quiet++
		} else {
			quiet = 0
		}
	}
}
