// Package contexts holds contexts and times.
package contexts

import (
	"context"
	"time"

	"example.org/corpus/hold"
)

type ctxKey struct{}

// Start lets goroutines wait with contexts and times.
func Start() {
	hold.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), ctxKey{}, "v"), time.Hour)
		defer cancel()
		request(ctx, "/path")
	})
	hold.Go(func() { times(time.Date(2024, 2, 29, 12, 30, 0, 7, time.FixedZone("X", 3600))) })
}

//go:noinline
func request(ctx context.Context, path string) error {
	child, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-child.Done():
		return child.Err()
	case <-time.After(time.Hour):
		hold.Use(path)
		return nil
	}
}

//go:noinline
func times(at time.Time) {
	utc := at.UTC()
	var zero time.Time
	now := time.Now()
	past := at.Add(-100 * 365 * 24 * time.Hour)
	took := now.Sub(at)
	hold.Here()
	hold.Use(at)
	hold.Use(utc)
	hold.Use(zero)
	hold.Use(now)
	hold.Use(past)
	hold.Use(took)
}
