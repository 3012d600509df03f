package main

import (
	"errors"
	"strings"
	"time"
)

// The collector moves nothing, so a global's value is what it is set to in its declaration or in init.
var (
	globalInt               = opaque(-77)
	globalString            = opaque("a global string")
	globalFloat             = opaque(6.25)
	globalPoint             = opaque(point{100, 200})
	globalSlice             = opaque([]string{"one", "two"})
	globalNil      *nested  = nil
	globalPointer           = opaque(&nested{middle: middle{base: base{ID: 5, Title: "global"}}, Flag: true})
	globalChain             = opaque(&link{1, &link{2, &link{3, nil}}})
	globalError    error    = opaque(errors.New("a global error"))
	globalAny      any      = opaque(any(point{1, 1}))
	globalTime              = opaque(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	globalDuration          = opaque(1500 * time.Millisecond)
	globalArray             = opaque([3]uint16{1, 2, 65535})
	globalLong              = opaque(strings.Repeat("long", 1000))
	globalZero     [4]int64 // in .bss
	globalReadOnly = "in .data"
)

// globals reads them all, which also keeps them in the program.
func globals() map[string]encoded {
	return map[string]encoded{
		"main.globalInt":      encode(globalInt),
		"main.globalString":   encode(globalString),
		"main.globalFloat":    encode(globalFloat),
		"main.globalPoint":    encode(globalPoint),
		"main.globalSlice":    encode(globalSlice),
		"main.globalNil":      encode(globalNil),
		"main.globalPointer":  encode(globalPointer),
		"main.globalChain":    encode(globalChain),
		"main.globalError":    encode(boxed(globalError)),
		"main.globalAny":      encode(boxed(globalAny)),
		"main.globalTime":     encode(globalTime),
		"main.globalDuration": encode(globalDuration),
		"main.globalArray":    encode(globalArray),
		"main.globalLong":     encode(globalLong),
		"main.globalZero":     encode(globalZero),
		"main.globalReadOnly": encode(globalReadOnly),
	}
}
