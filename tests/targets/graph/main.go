// Command graph keeps values that lead to many objects, near each other and far apart.
//
//	graph [-n COUNT] [-spread FACTOR] [-workers COUNT]
//
// Of the workers, goroutines that wait in work, the first has all nodes, each of the others one.
//
// It prints `ready {}` and waits. Every element of near and far is a pointer to a node of its own; those of far lie in a
// random order in FACTOR times as many nodes.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"time"
)

type node struct {
	id   int64
	a, b int64
	rest [5]int64
}

// nest holds itself by value: its first element lies where its elements do.
type nest []nest

var both struct {
	whole nest
	first *nest
}

var (
	near [16][]*node
	far  [16][]*node
)

//go:noinline
func work(id int, own *node, all [][]*node, wait chan struct{}) {
	<-wait
	fmt.Println(id, own.id, all)
}

func main() {
	count := flag.Int("n", 4096, "nodes in each slice")
	spread := flag.Int("spread", 64, "how many nodes for each that is used")
	workers := flag.Int("workers", 0, "goroutines that wait with a node each")
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
	both.whole = nest{{}, {{}, {}}}
	both.first = &both.whole[0]
	wait := make(chan struct{})
	for id := 0; id < *workers; id++ {
		all := [][]*node(nil)
		if id == 0 {
			all = near[:]
		}
		go work(id, &node{id: int64(id)}, all, wait)
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready {}")
	fmt.Scanln()
	fmt.Println(near[0][0].id, far[0][0].id)
}
