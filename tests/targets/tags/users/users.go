// Package users has a path that begins like one of Go's own.
package users

// Note is only ever in variables on the stack: Go describes it to nothing.
type Note struct {
	ID   int
	Card string `sensitive:"true"`
}

// User is described, for what is made of it.
type User struct {
	ID   int
	Card string `sensitive:"true"`
}

// Base is to be embedded.
type Base struct {
	Card [3]string `sensitive:"true"`
}

// Of is generic.
type Of[T any] struct {
	ID    int
	Value T `sensitive:"true"`
}
