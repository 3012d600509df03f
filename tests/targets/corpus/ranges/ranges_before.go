//go:build !go1.23

// Package ranges has nothing to show where loops over functions aren't known.
package ranges

// Start does nothing.
func Start() {}
