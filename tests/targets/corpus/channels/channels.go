// Package channels holds channels: full, empty, closed, with goroutines that wait.
package channels

import (
	"time"

	"example.org/corpus/hold"
)

type job struct {
	id   int
	done chan<- error
}

// Start lets goroutines wait with channels.
func Start() {
	hold.Go(func() { buffered(4) })
	hold.Go(func() { pool(make(chan job), 3) })
	hold.Go(func() { choose(make(chan int), make(chan string, 1), time.NewTimer(time.Hour)) })
	hold.Go(func() { sender(make(chan [2]int64, 1)) })
}

//go:noinline
func buffered(n int) {
	numbers := make(chan int, n)
	for i := 0; i < n+2; i++ {
		select {
		case numbers <- i:
		default:
			<-numbers
			numbers <- i
		}
	}
	closed := make(chan string, 2)
	closed <- "left"
	close(closed)
	var null chan bool
	signal := make(chan struct{}, 3)
	signal <- struct{}{}
	var receive <-chan int = numbers
	hold.Here()
	hold.Use(numbers)
	hold.Use(closed)
	hold.Use(null)
	hold.Use(signal)
	hold.Use(receive)
}

//go:noinline
func pool(jobs chan job, workers int) {
	for i := 0; i < workers; i++ {
		go worker(i, jobs)
	}
	hold.Here()
	hold.Use(jobs)
}

func worker(number int, jobs <-chan job) {
	handled := 0
	for j := range jobs {
		handled++
		j.done <- nil
	}
	hold.Use(handled)
	hold.Use(number)
}

//go:noinline
func choose(ints chan int, texts chan string, timer *time.Timer) (string, int) {
	tries := 3
	for {
		select {
		case i := <-ints:
			return "", i
		case s, ok := <-texts:
			if !ok {
				return s, tries
			}
		case now := <-timer.C:
			hold.Use(now)
		}
		tries--
	}
}

//go:noinline
func sender(out chan [2]int64) {
	for i := int64(0); ; i++ {
		pair := [2]int64{i, -i}
		out <- pair
	}
}
