package main

import (
	"syscall"
	"unsafe"
)

func addressOf(span *syscall.Timespec) uintptr { return uintptr(unsafe.Pointer(span)) }
