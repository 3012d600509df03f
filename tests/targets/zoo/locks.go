package main

import "sync"

// held is locked for as long as the program runs.
var held struct {
	mutex     sync.Mutex
	readers   sync.RWMutex // write-locked: readers wait
	writers   sync.RWMutex // read-locked: writers wait, and readers behind them
	once      sync.Once
	inOnce    chan struct{}
	inFlight  flight
	leaderIn  chan struct{}
	flightKey string
}

func startLocks() {
	held.mutex.Lock()
	held.readers.Lock()
	held.writers.RLock()
	held.inOnce = make(chan struct{})
	held.leaderIn = make(chan struct{})
	held.flightKey = "the same work"
	start(mutexLock, mutexLock, rwmutexRLock, rwmutexLock, condWait, waitGroupWait, onceFirst, onceSecond)
	start(flightLeader, flightFollower)
}

func mutexLock() {
	arrived.Done()
	held.mutex.Lock()
}

func rwmutexRLock() {
	arrived.Done()
	held.readers.RLock()
}

func rwmutexLock() {
	arrived.Done()
	held.writers.Lock()
}

func condWait() {
	changed := sync.NewCond(&sync.Mutex{})
	changed.L.Lock()
	arrived.Done()
	changed.Wait()
}

func waitGroupWait() {
	var others sync.WaitGroup
	others.Add(1)
	arrived.Done()
	others.Wait()
}

// onceFirst is inside the function that onceSecond waits for.
func onceFirst() {
	held.once.Do(func() {
		close(held.inOnce)
		arrived.Done()
		<-forever
	})
}

func onceSecond() {
	<-held.inOnce
	arrived.Done()
	held.once.Do(func() {})
}

// flight lets one caller do the work of a key while the others wait for its result, as golang.org/x/sync/singleflight.
type flight struct {
	mu    sync.Mutex
	calls map[string]*call
}

type call struct {
	done   sync.WaitGroup
	result int
}

func (f *flight) Do(key string, work func() int) int {
	f.mu.Lock()
	if c, ok := f.calls[key]; ok {
		f.mu.Unlock()
		arrived.Done()
		c.done.Wait()
		return c.result
	}
	c := new(call)
	c.done.Add(1)
	f.calls = map[string]*call{key: c}
	f.mu.Unlock()
	c.result = work()
	c.done.Done()
	return c.result
}

func flightLeader() {
	held.inFlight.Do(held.flightKey, func() int {
		close(held.leaderIn)
		arrived.Done()
		return <-forever
	})
}

func flightFollower() {
	<-held.leaderIn
	held.inFlight.Do(held.flightKey, func() int { return 0 })
}
