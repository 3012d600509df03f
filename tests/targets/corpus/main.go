// Corpus holds variables of every kind in goroutines that wait, by topic: a package each.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"time"

	"example.org/corpus/atomics"
	"example.org/corpus/channels"
	"example.org/corpus/closures"
	"example.org/corpus/constants"
	"example.org/corpus/contexts"
	"example.org/corpus/deep"
	"example.org/corpus/defers"
	"example.org/corpus/escaped"
	"example.org/corpus/generics"
	"example.org/corpus/hold"
	"example.org/corpus/interfaces"
	"example.org/corpus/maps"
	"example.org/corpus/numbers"
	"example.org/corpus/pointers"
	"example.org/corpus/ranges"
	"example.org/corpus/raw"
	"example.org/corpus/scopes"
	"example.org/corpus/slices"
	"example.org/corpus/structs"
	"example.org/corpus/text"
)

func main() {
	for _, start := range []func(){
		atomics.Start, channels.Start, closures.Start, constants.Start, contexts.Start, deep.Start, defers.Start,
		escaped.Start, generics.Start, interfaces.Start, maps.Start, numbers.Start, pointers.Start, ranges.Start,
		raw.Start, scopes.Start, slices.Start, structs.Start, text.Start,
	} {
		start()
	}
	for len(hold.Started) < runtime.NumGoroutine()/2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
}
