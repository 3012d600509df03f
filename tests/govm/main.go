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
	turns := flag.Int("turns", 0, "end programs that turn loops and call functions more often; 0: none")
	check := flag.Bool("check", false, "only check whether programs are refused where they have to be")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: govm [-check] [-turns N] VECTOR...")
		os.Exit(2)
	}
	failed := 0
	for _, path := range flag.Args() {
		if err := RunVector(path, *turns, *check); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			failed++
		}
	}
	fmt.Printf("%d vectors, %d failed\n", flag.NArg(), failed)
	if failed > 0 {
		os.Exit(1)
	}
}
