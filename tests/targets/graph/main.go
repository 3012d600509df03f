// Command graph keeps values that lead to many objects, near each other and far apart.
//
//	graph [-n COUNT] [-spread FACTOR]
//
// It prints `ready {}` and waits. Every element of near and far is a pointer to a node of its own; those of far lie in a
// random order in FACTOR times as many nodes.
package main

import (
	"flag"
	"fmt"
	"math/rand"
)

type node struct {
	id   int64
	a, b int64
	rest [5]int64
}

var (
	near [16][]*node
	far  [16][]*node
)

func main() {
	count := flag.Int("n", 4096, "nodes in each slice")
	spread := flag.Int("spread", 64, "how many nodes for each that is used")
	flag.Parse()
	random := rand.New(rand.NewSource(1))
	total := len(far) * *count
	pool := make([]node, total**spread)
	order := random.Perm(len(pool))[:total]
	packed := make([]node, total)
	for i := 0; i < total; i++ {
		packed[i].id, pool[order[i]].id = int64(i), int64(i)
		near[i / *count] = append(near[i / *count], &packed[i])
		far[i / *count] = append(far[i / *count], &pool[order[i]])
	}
	fmt.Println("ready {}")
	fmt.Scanln()
	fmt.Println(near[0][0].id, far[0][0].id)
}
