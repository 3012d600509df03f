// Package structs holds structs: embedded, blank, empty, recursive, large.
package structs

import (
	"time"

	"example.org/corpus/hold"
)

type base struct {
	ID   int
	name string
}

type named interface{ Name() string }

func (b base) Name() string { return b.name }

type audit struct {
	created time.Time
	base
}

type record struct {
	*audit
	named
	_     int32
	Small int8
	small int16
	_     [3]byte
	empty struct{}
	inner struct {
		A, B float32
		deep struct{ last uint8 }
	}
}

type flags struct{ a, b, c bool }
type one struct{ p *int }
type nothing struct{}
type wide struct {
	name   string
	values [40]int64
	tail   []byte
}

// Start lets goroutines wait with structs.
func Start() {
	hold.Go(func() { r := newRecord(5); use(&r, r) })
	hold.Go(func() { small(flags{true, false, true}, one{new(int)}, nothing{}) })
	hold.Go(func() { big(wide{name: "w", tail: []byte("tail")}) })
	hold.Go(func() { pair(base{1, "first"}, base{2, "second"}) })
}

func newRecord(n int) record {
	r := record{audit: &audit{time.Unix(1700000000, 5).UTC(), base{n, "base"}}, Small: -1, small: 300}
	r.named = base{n + 1, "inside"}
	r.inner.A, r.inner.B = 0.5, -0.5
	r.inner.deep.last = 9
	return r
}

//go:noinline
func use(p *record, r record) {
	id := p.ID
	hold.Here()
	hold.Use(p)
	hold.Use(r)
	hold.Use(id)
}

//go:noinline
func small(f flags, o one, n nothing) {
	copied := f
	copied.b = true
	list := []flags{f, copied}
	hold.Here()
	hold.Use(f)
	hold.Use(o)
	hold.Use(n)
	hold.Use(copied)
	hold.Use(list)
}

//go:noinline
func big(w wide) {
	w.values[3] = 33
	other := w
	other.values[4] = 44
	hold.Here()
	hold.Use(w)
	hold.Use(other)
}

//go:noinline
func pair(a, b base) base {
	older := a
	if b.ID < a.ID {
		older = b
	}
	older.name += "!"
	hold.Here()
	hold.Use(a)
	return older
}
