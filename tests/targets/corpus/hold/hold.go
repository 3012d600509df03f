// Package hold keeps goroutines where their variables are worth a look.
package hold

var forever = make(chan struct{})

// Here never returns. What its caller uses afterwards stays alive meanwhile.
//
//go:noinline
func Here() { <-forever }

// Use keeps a value alive up to this call, without moving it to the heap.
//
//go:noinline
func Use[T any](value T) {}

// Started counts goroutines that are about to wait.
var Started = make(chan struct{}, 1000)

// Go starts a function and tells when it is about to run.
func Go(f func()) {
	go func() {
		Started <- struct{}{}
		f()
	}()
}
