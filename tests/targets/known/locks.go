package main

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

type pair struct{ X, Y int }

var (
	flag        atomic.Bool
	flagOff     atomic.Bool
	small       atomic.Int32
	large       atomic.Int64
	usmall      atomic.Uint32
	ularge      atomic.Uint64
	word        atomic.Uintptr
	pairs       atomic.Pointer[pair]
	pairsNone   atomic.Pointer[pair]
	stored      atomic.Value
	storedNever atomic.Value

	free        sync.Mutex
	held        sync.Mutex
	wanted      = &sync.Mutex{}
	rwFree      sync.RWMutex
	rwRead      sync.RWMutex
	rwWritten   sync.RWMutex
	rwWaiting   sync.RWMutex
	group       sync.WaitGroup
	groupDone   sync.WaitGroup
	onceNever   sync.Once
	onceDone    sync.Once
	onceRunning sync.Once
	cond        = sync.NewCond(&sync.Mutex{})

	mapped     sync.Map
	mappedRead sync.Map
	mappedNone sync.Map

	listed      = list.New()
	listedEmpty list.List
	listedLong  = list.New()
)

func atomics() {
	flag.Store(true)
	small.Store(-5)
	large.Store(-1 << 60)
	usmall.Store(1 << 31)
	ularge.Store(1 << 63)
	word.Store(77)
	pairs.Store(&pair{1, 2})
	stored.Store(pair{3, 4})
	hold("flag", &flag, flag.Load())
	hold("flagOff", &flagOff, flagOff.Load())
	hold("small", &small, small.Load())
	hold("large", &large, large.Load())
	hold("usmall", &usmall, usmall.Load())
	hold("ularge", &ularge, ularge.Load())
	hold("word", &word, word.Load())
	holdDynamic("pairs", &pairs, pairs.Load())
	holdDynamic("pairsNone", &pairsNone, nil)
	holdDynamic("stored", &stored, map[string]any{"type": "main.pair", "value": stored.Load()})
	holdDynamic("storedNever", &storedNever, nil)
}

// waiting starts goroutines that end up waiting.
func waiting(count int, wait func()) {
	for i := 0; i < count; i++ {
		go wait()
	}
	time.Sleep(20 * time.Millisecond)
}

func locks() {
	hold("free", &free, mutex(false, 0))
	held.Lock()
	hold("held", &held, mutex(true, 0))
	wanted.Lock()
	waiting(3, wanted.Lock)
	hold("wanted", &wanted, mutex(true, 3))
	hold("rwFree", &rwFree, rwMutex(false, 0, 0, 0))
	rwRead.RLock()
	rwRead.RLock()
	hold("rwRead", &rwRead, rwMutex(false, 2, 0, 0))
	rwWritten.Lock()
	waiting(2, rwWritten.RLock)
	waiting(1, rwWritten.Lock)
	hold("rwWritten", &rwWritten, rwMutex(true, 0, 2, 1))
	rwWaiting.RLock()
	rwWaiting.RLock()
	rwWaiting.RLock()
	waiting(2, rwWaiting.Lock)
	waiting(4, rwWaiting.RLock)
	hold("rwWaiting", &rwWaiting, rwMutex(false, 3, 4, 2))
	group.Add(3)
	group.Done()
	waiting(2, group.Wait)
	hold("group", &group, map[string]any{"counter": 2, "waiters": 2})
	hold("groupDone", &groupDone, map[string]any{"counter": 0, "waiters": 0})
	hold("onceNever", &onceNever, map[string]any{"done": false, "running": false})
	onceDone.Do(func() {})
	hold("onceDone", &onceDone, map[string]any{"done": true, "running": false})
	waiting(1, func() { onceRunning.Do(func() { select {} }) })
	hold("onceRunning", &onceRunning, map[string]any{"done": false, "running": true})
	waiting(2, func() { cond.L.Lock(); cond.Wait() })
	kept = append(kept, &cond)
}

func mutex(locked bool, waiters int) any {
	return map[string]any{"locked": locked, "waiters": waiters, "starving": false}
}

func rwMutex(locked bool, readers, waitingReaders, waitingWriters int) any {
	return map[string]any{
		"locked": locked, "readers": readers, "waiting_readers": waitingReaders, "waiting_writers": waitingWriters,
	}
}

func lists() {
	listed.PushBack(1)
	listed.PushBack("two")
	holdDynamic("listed", &listed, []any{map[string]any{"type": "int", "value": 1}, map[string]any{"type": "string", "value": "two"}})
	mapped.Store("a", 1)
	mapped.Store("b", 2)
	mapped.Delete("b")
	mappedRead.Store(1, "x")
	mappedRead.Store(2, "y")
	mappedRead.Range(func(any, any) bool { return true })
	mappedRead.Delete(2)
	kept = append(kept, &mapped, &mappedRead, &mappedNone)
	holdDynamic("listedEmpty", &listedEmpty, []any{})
	for i := 0; i < 100; i++ {
		listedLong.PushBack(i)
	}
	kept = append(kept, &listedLong)
}
