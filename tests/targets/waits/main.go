// Waits is a program in which goroutines wait for each other in known ways:
//
//   - two accounts, each locked by a transfer that wants the other one: a deadlock
//   - a store whose RWMutex a reader holds while it sleeps; a writer waits for it, and readers behind the writer
//   - a chain: a depositor waits for an account that is locked by a mover, which waits for one that a sleeper has locked
//   - a lock that is a variable of the package, held by a goroutine that waits for a channel
//   - producers that send to a full channel, consumers that receive from an empty one, one that selects between two
//   - a sync.WaitGroup and a sync.Cond that are waited for
//   - -leaked goroutines that all wait at one place for what nobody sends
//   - a goroutine that goes on with a context whose deadline has passed
//
// It prints "ready {...}" with -leaked once all of them wait, and lives until its input ends. Command "more N" starts N more of
// the leaked ones, "answer" says how many there are.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

type account struct {
	name string
	mu   sync.Mutex
	sum  int
}

type store struct {
	rows map[string]int
	lock sync.RWMutex
}

type job struct{ id int }

type result struct{ text string }

var (
	never  = make(chan struct{})
	global sync.Mutex
	sink   int
)

//go:noinline
func transfer(from, to *account, met *sync.WaitGroup) {
	from.mu.Lock()
	defer from.mu.Unlock()
	met.Done()
	met.Wait()
	to.mu.Lock()
	from.sum--
	to.sum++
	to.mu.Unlock()
}

//go:noinline
func (a *account) sleep(started *sync.WaitGroup) {
	a.mu.Lock()
	started.Done()
	<-never
	a.mu.Unlock()
}

//go:noinline
func (a *account) move(to *account, started *sync.WaitGroup) {
	a.mu.Lock()
	started.Done()
	to.mu.Lock()
	a.sum, to.sum = a.sum-1, to.sum+1
	to.mu.Unlock()
	a.mu.Unlock()
}

//go:noinline
func (a *account) deposit(sum int) {
	a.mu.Lock()
	a.sum += sum
	a.mu.Unlock()
}

//go:noinline
func (s *store) report(started *sync.WaitGroup) {
	s.lock.RLock()
	started.Done()
	<-never
	sink += len(s.rows)
	s.lock.RUnlock()
}

//go:noinline
func (s *store) put(key string) {
	s.lock.Lock()
	s.rows[key]++
	s.lock.Unlock()
}

//go:noinline
func (s *store) get(key string) int {
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.rows[key]
}

//go:noinline
func holdGlobal(started *sync.WaitGroup) {
	global.Lock()
	started.Done()
	<-never
	global.Unlock()
}

//go:noinline
func wantGlobal() {
	global.Lock()
	sink++
	global.Unlock()
}

//go:noinline
func produce(jobs chan<- *job, id int) { jobs <- &job{id} }

//go:noinline
func consume(results <-chan result) { sink += len((<-results).text) }

//go:noinline
func choose(jobs chan<- *job, results <-chan result) {
	select {
	case jobs <- &job{-1}:
	case r := <-results:
		sink += len(r.text)
	}
}

//go:noinline
func await(group *sync.WaitGroup) { group.Wait() }

//go:noinline
func listen(cond *sync.Cond) {
	cond.L.Lock()
	cond.Wait()
	cond.L.Unlock()
}

//go:noinline
func leak(answers chan int) { sink += <-answers }

//go:noinline
func late(ctx context.Context, id int) {
	<-never
	sink += id
	<-ctx.Done()
}

func start(leaked int) {
	var met, started sync.WaitGroup
	met.Add(2)
	a, b := &account{name: "a"}, &account{name: "b"}
	go transfer(a, b, &met)
	go transfer(b, a, &met)
	s := &store{rows: map[string]int{"x": 1}}
	far, near := &account{name: "far"}, &account{name: "near"}
	started.Add(4)
	go far.sleep(&started)
	go near.move(far, &started)
	go s.report(&started)
	go holdGlobal(&started)
	started.Wait()
	go near.deposit(1)
	go near.deposit(2)
	go s.put("x")
	go wantGlobal()
	time.Sleep(50 * time.Millisecond)
	for i := 0; i < 3; i++ {
		go s.get("x")
	}
	jobs, results := make(chan *job, 2), make(chan result)
	jobs <- &job{0}
	jobs <- &job{1}
	for i := 0; i < 4; i++ {
		go produce(jobs, i)
	}
	for i := 0; i < 2; i++ {
		go consume(results)
	}
	go choose(jobs, results)
	group := new(sync.WaitGroup)
	group.Add(1)
	go await(group)
	go listen(sync.NewCond(new(sync.Mutex)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	_ = cancel
	go late(ctx, 7)
	more(leaked)
}

func more(n int) {
	for i := 0; i < n; i++ {
		go leak(make(chan int))
	}
	time.Sleep(100 * time.Millisecond)
}

func main() {
	leaked := flag.Int("leaked", 500, "goroutines that leak")
	flag.Parse()
	start(*leaked)
	fmt.Printf("ready {\"leaked\": %d}\n", *leaked)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var n int
		if _, err := fmt.Sscanf(in.Text(), "more %d", &n); err == nil {
			more(n)
		}
		words := strings.Fields(in.Text() + " ?")
		fmt.Printf("answer %s 0\n", words[0])
	}
}
