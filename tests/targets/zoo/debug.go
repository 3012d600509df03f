//go:build go1.23 && !go1.27

// The module says Go 1.21; its channels of timers are to be those of the release at hand, bubbles need them.
//go:debug asynctimerchan=0

package main
