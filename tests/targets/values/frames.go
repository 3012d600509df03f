package main

import "unsafe"

// What is special here is where a variable lives rather than its type.

//go:noinline
func parameters(count int, name string, at *point, list []int, ratio float64) (int, error) {
	park(vars{"count": count, "name": name, "at": at, "list": list, "ratio": ratio})
	use(count)
	use(name)
	use(at)
	use(list)
	use(ratio)
	return count, nil
}

// manyParameters has more words than there are registers for arguments: p and last come on the stack.
//
//go:noinline
func manyParameters(a, b, c, d, e, f, g, h int, i int64, j uint8, k int, last string, p point) {
	park(vars{"a": a, "b": b, "c": c, "d": d, "e": e, "f": f, "g": g, "h": h, "i": i, "j": j, "k": k, "last": last, "p": p})
	for _, n := range []int{a, b, c, d, e, f, g, h, int(i), int(j), k} {
		use(n)
	}
	use(last)
	use(p)
}

type counter struct {
	label string
	hits  int
}

//go:noinline
func (c *counter) method(by uint8) {
	park(vars{"c": c, "by": by})
	use(c)
	use(by)
}

var escapee *int

// escaped has variables on the heap, since their addresses outlive it; DWARF knows them as &moved and &record.
func escaped() {
	moved := opaque(1234)
	escapee = &moved
	record := opaque(counter{"escaped", 5})
	leak(&record)
	mu.Lock()
	places["escaped.moved"], places["escaped.record"] = uintptr(unsafe.Pointer(&moved)), uintptr(unsafe.Pointer(&record))
	mu.Unlock()
	park(vars{"moved": moved, "record": record})
	use(moved)
	use(record)
}

var leaked any

//go:noinline
func leak(value any) { leaked = value }

// onTheStackBelow passes the address of a variable of its own, which stays on the stack.
func onTheStackBelow() {
	local := opaque(point{21, 22})
	expect("main.onTheStackBelow", vars{"local": local})
	expect("main.below", vars{"p": &point{21, 22}})
	use(below(&local))
	use(local)
}

//go:noinline
func below(p *point) int32 {
	hold()
	return p.X
}

func shadowed() {
	x := opaque(1)
	if outer := opaque("outer"); x > 0 {
		x := opaque("two")
		{
			x := opaque(3.0)
			park(vars{"x": x, "outer": outer})
			use(x)
		}
		use(x)
		use(outer)
	}
	use(x)
}

// dead has variables whose last use is past, and later, which has had none.
func dead() {
	gone := opaque(17)
	use(gone)
	alive := opaque(18)
	park(vars{"alive": alive})
	use(alive)
	later := opaque(19)
	use(later)
}

// inlined holds the bodies of the next three, each with its parameters.
func inlined() {
	expect("main.first", vars{"a": 10, "text": "inlined"})
	expect("main.second", vars{"b": 11, "text": "inlined"})
	expect("main.third", vars{"c": 22, "size": 7})
	first(opaque(10), opaque("inlined"))
}

func first(a int, text string) {
	second(lookup[a&3], text)
	lastInt, lastText = a, text
}

func second(b int, text string) {
	third(lookup[b&3], len(text))
	lastInt, lastText = b, text
}

func third(c int, size int) {
	hold()
	lastInt, lastSize = c, size
}

// lookup makes parameters that can't be computed again from others, and so are kept.
var lookup = [4]int{0, 0, 11, 22}

// Stores cost less than calls, which decides whether a function is inlined.
var (
	lastInt, lastSize int
	lastText          string
)

// hold is park for functions whose values were noted before: what goes into park escapes, and is too much to be inlined.
//
//go:noinline
func hold() {
	parked.Done()
	<-forever
}

// closures captures one variable by value, and one by reference since it is assigned later.
func closures() {
	byValue, byRef := opaque("captured"), opaque(5)
	body := func(parameter int) {
		byRef += parameter
		park(vars{"byValue": byValue, "byRef": byRef, "parameter": parameter})
		use(parameter)
		use(byValue)
		use(byRef)
	}
	opaque(body)(2)
	byRef = 0
	use(byRef)
}

//go:noinline
func generic[K comparable, V any](key K, value V) (K, V) {
	park(vars{"key": key, "value": value})
	use(key)
	use(value)
	return key, value
}

// spin never waits: its values are in registers, wherever it is stopped.
//
//go:noinline
func spin(id int, step uint32, scale float64) float64 {
	x := 0.0
	for i := uint32(0); ; i += step {
		x = x*scale + float64(id)
		if i == 7 { // Never: i is even, which the compiler can't know.
			return x
		}
	}
}
