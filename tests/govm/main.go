// Command govm runs conformance vectors for sey's bytecode. It is written from spec/bytecode.md and
// spec/vectors/README.md alone, so that it tells whether these say all that a machine has to know.
//
//	go run . ../../spec/vectors/*.json
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	turns := flag.Int("turns", 0, "end programs after so many turns of loops and calls; 0: never")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: govm [-turns N] VECTOR...")
		os.Exit(2)
	}
	failed := 0
	for _, path := range flag.Args() {
		if err := RunVector(path, *turns); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed++
		}
	}
	fmt.Printf("%d vectors, %d failed\n", flag.NArg(), failed)
	if failed > 0 {
		os.Exit(1)
	}
}
