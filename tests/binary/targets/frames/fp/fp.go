// Package fp walks the stack of the calling goroutine by its frame pointers.
package fp

import "unsafe"

func get() uintptr

// Callers returns the return addresses of the physical frames above its caller's, innermost first.
//
//go:noinline
func Callers() []uintptr {
	var pcs []uintptr
	for bp := *(*uintptr)(unsafe.Pointer(get())); bp != 0; bp = *(*uintptr)(unsafe.Pointer(bp)) {
		pcs = append(pcs, *(*uintptr)(unsafe.Pointer(bp + 8)))
	}
	return pcs
}
