// Package constants holds values of types with named constants.
package constants

import (
	"net/http"
	"os"
	"time"

	"example.org/corpus/hold"
)

type color uint8

const (
	red color = iota
	green
	blue
)

type mode int

const (
	read mode = 1 << iota
	write
	appending
)

// Start lets goroutines wait with constants.
func Start() {
	hold.Go(func() { colors(green, []color{red, blue, 77}) })
	hold.Go(func() { modes(read|appending, 90*time.Second, time.March) })
}

//go:noinline
func colors(c color, all []color) {
	table := [3]color{blue, green, red}
	hold.Here()
	hold.Use(c)
	hold.Use(all)
	hold.Use(table)
}

//go:noinline
func modes(m mode, d time.Duration, month time.Month) {
	state := http.StateActive
	permissions := os.FileMode(0o755) | os.ModeDir
	hold.Here()
	hold.Use(m)
	hold.Use(d)
	hold.Use(month)
	hold.Use(state)
	hold.Use(permissions)
}
