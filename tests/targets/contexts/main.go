// Contexts waits in functions that have a context, each with a chain of another kind behind it.
//
// It prints "ready {}" and ends with its input.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

type span struct {
	id   int
	name string
}

type ctxKey int

const (
	userKey ctxKey = iota
	tenantKey
)

type flag bool

type emptyKey struct{}

type contextKey struct{ name string }

var packageKey = &contextKey{"package"}
var otherKey = &contextKey{"other"}

// Contexts of the program's own.
type plain struct {
	n int
	context.Context
}
type deep struct{ plain }
type hop struct{ *plain }
type farHop struct{ *hop }

// own answers for itself, so that nothing can be told of what lies behind it.
type own struct{ context.Context }

func (o own) Value(key any) any { return nil }

type ownByPointer struct {
	context.Context
	n int
}

func (o *ownByPointer) Value(key any) any { return nil }

type valuer struct{}

func (valuer) Value(key any) any { return &span{99, "valuer"} }

// shadowed gets Value from what is nearer than the context.
type shadowed struct {
	valuer
	plain
}

var (
	forever = make(chan int)
	parked  sync.WaitGroup
)

//go:noinline
func use(...any) {}

//go:noinline
func park() {
	parked.Done()
	<-forever
}

//go:noinline
func wait(ctx context.Context, n int) {
	park()
	use(ctx, n)
}

//go:noinline
func request(r *http.Request) {
	park()
	use(r)
}

//go:noinline
func embeds(h *plain, n int) {
	park()
	use(h, n)
}

//go:noinline
func second(n int, first context.Context, other context.Context) {
	park()
	use(n, first, other)
}

//go:noinline
func inner(n int) {
	ctx := with(context.Background(), 1)
	if n > 0 {
		ctx := with(context.Background(), 2)
		park()
		use(ctx)
	}
	use(ctx)
}

//go:noinline
func dead(ctx context.Context) {
	use(ctx)
	park()
}

//go:noinline
func without(n int) {
	park()
	use(n)
}

func with(ctx context.Context, id int) context.Context {
	return context.WithValue(ctx, emptyKey{}, &span{id, "inner"})
}

func full() context.Context {
	ctx := context.WithValue(context.Background(), userKey, "outer")
	ctx = context.WithValue(ctx, userKey, "ann")
	ctx, _ = context.WithCancel(ctx)
	ctx = context.WithValue(ctx, tenantKey, 42)
	ctx, _ = context.WithTimeout(ctx, time.Hour)
	ctx = context.WithValue(ctx, "request-id", "r-1")
	ctx = context.WithoutCancel(ctx)
	ctx = context.WithValue(ctx, emptyKey{}, &span{7, "seven"})
	ctx = context.WithValue(ctx, flag(true), span{8, "by value"})
	ctx = context.WithValue(ctx, otherKey, "another")
	ctx = context.WithValue(ctx, packageKey, "kept")
	ctx, _ = context.WithCancelCause(ctx)
	return ctx
}

func long(links int) context.Context {
	ctx := context.WithValue(context.Background(), userKey, "far")
	for i := 1; i < links; i++ {
		ctx = context.WithValue(ctx, "filler", i)
	}
	return ctx
}

func main() {
	ctx := full()
	chains := []context.Context{
		ctx, context.Background(), context.TODO(), nil, plain{1, ctx}, &plain{2, ctx}, deep{plain{3, ctx}}, &deep{plain{4, ctx}},
		hop{&plain{5, ctx}}, &hop{&plain{6, ctx}}, hop{}, farHop{&hop{&plain{7, ctx}}}, own{ctx}, &own{ctx}, &ownByPointer{ctx, 1},
		shadowed{valuer{}, plain{8, ctx}}, long(63), long(65), context.WithValue(own{ctx}, userKey, "near"),
		plain{9, nil},
	}
	parked.Add(len(chains) + 6)
	for n, ctx := range chains {
		go wait(ctx, n)
	}
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	go request(r)
	go embeds(&plain{1, ctx}, 1)
	go second(1, with(ctx, 10), with(ctx, 11))
	go inner(1)
	go dead(ctx)
	go without(1)
	parked.Wait()
	fmt.Println("ready {}")
	bufio.NewReader(os.Stdin).ReadString('\n')
}
