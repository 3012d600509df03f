// Package atomics holds what sync and sync/atomic have, while goroutines wait for it.
package atomics

import (
	"sync"
	"sync/atomic"

	"example.org/corpus/hold"
)

type cache struct {
	mu    sync.RWMutex
	items map[string]int
	hits  atomic.Int64
	last  atomic.Pointer[string]
	any   atomic.Value
	once  sync.Once
}

// Start lets goroutines wait for locks and the like.
func Start() {
	hold.Go(func() { locked(&cache{items: map[string]int{"a": 1}}) })
	hold.Go(func() { group(3) })
	hold.Go(func() { condition(&sync.Mutex{}) })
}

//go:noinline
func locked(c *cache) {
	text := "last"
	c.last.Store(&text)
	c.any.Store(12.5)
	c.hits.Add(7)
	c.once.Do(func() {})
	c.mu.Lock()
	go c.get("a")
	hold.Here()
	c.mu.Unlock()
}

func (c *cache) get(key string) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.items[key]
}

//go:noinline
func group(n int) {
	var wg sync.WaitGroup
	var failed atomic.Bool
	failed.Store(true)
	wg.Add(n)
	wg.Done()
	wg.Wait()
	hold.Use(failed.Load())
}

//go:noinline
func condition(mu *sync.Mutex) {
	cond := sync.NewCond(mu)
	ready := false
	mu.Lock()
	for !ready {
		cond.Wait()
	}
	mu.Unlock()
}
