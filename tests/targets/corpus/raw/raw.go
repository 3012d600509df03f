// Package raw holds what unsafe makes: pointers as numbers, into the middle of things, and to nowhere.
package raw

import (
	"reflect"
	"unsafe"

	"example.org/corpus/hold"
)

type header struct {
	kind uint8
	size uint32
	body [8]byte
}

// Start lets goroutines wait with such pointers.
func Start() {
	hold.Go(func() { views([]byte{1, 0, 0, 0, 9, 0, 0, 0, 'b', 'o', 'd', 'y', 0, 0, 0, 0}) })
	hold.Go(func() { reflected(header{kind: 1}) })
}

//go:noinline
func views(memory []byte) {
	p := unsafe.Pointer(&memory[0])
	h := (*header)(p)
	middle := (*uint16)(unsafe.Add(p, 4))
	text := unsafe.String(&memory[8], 4)
	words := unsafe.Slice((*uint32)(p), 4)
	number := uintptr(p) - uintptr(p)
	hold.Here()
	hold.Use(p)
	hold.Use(h)
	hold.Use(middle)
	hold.Use(text)
	hold.Use(words)
	hold.Use(number)
	hold.Use(memory)
}

//go:noinline
func reflected(h header) {
	value := reflect.ValueOf(h)
	kind := value.Type()
	field := value.Field(1)
	hold.Here()
	hold.Use(value)
	hold.Use(kind)
	hold.Use(field)
}
