package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unsafe"
)

type point struct{ X, Y int32 }

type named int16

type inner struct {
	Depth int
	Label string
}

type base struct {
	ID    uint64
	Title string
}

type middle struct {
	base
	inner inner
}

type nested struct {
	middle
	*point
	Flag   bool
	Pair   [2]point
	Ratio  float32
	hidden string
	_      [3]byte
	Last   byte
}

type empty struct{}

// link is one of a chain, or of a cycle.
type link struct {
	Value int
	Next  *link
}

func integers() {
	i, i8, i16, i32, i64 := opaque(-12345), opaque(int8(math.MinInt8)), opaque(int16(math.MinInt16)),
		opaque(int32(math.MinInt32)), opaque(int64(math.MinInt64))
	m8, m16, m32, m64 := opaque(int8(math.MaxInt8)), opaque(int16(math.MaxInt16)), opaque(int32(math.MaxInt32)),
		opaque(int64(math.MaxInt64))
	u, u8, u16, u32, u64 := opaque(uint(12345)), opaque(uint8(math.MaxUint8)), opaque(uint16(math.MaxUint16)),
		opaque(uint32(math.MaxUint32)), opaque(uint64(math.MaxUint64))
	zero, ptr, r, n := opaque(0), opaque(uintptr(0xdeadbeef)), opaque('☃'), opaque(named(-7))
	park(vars{"i": i, "i8": i8, "i16": i16, "i32": i32, "i64": i64, "m8": m8, "m16": m16, "m32": m32, "m64": m64,
		"u": u, "u8": u8, "u16": u16, "u32": u32, "u64": u64, "zero": zero, "ptr": ptr, "r": r, "n": n})
	use(i)
	use(i8)
	use(i16)
	use(i32)
	use(i64)
	use(m8)
	use(m16)
	use(m32)
	use(m64)
	use(u)
	use(u8)
	use(u16)
	use(u32)
	use(u64)
	use(zero)
	use(ptr)
	use(r)
	use(n)
}

func floats() {
	f32, f64, nan, inf, ninf := opaque(float32(1.1)), opaque(math.Pi), opaque(math.NaN()), opaque(math.Inf(1)), opaque(math.Inf(-1))
	negzero, tiny, big := opaque(math.Copysign(0, -1)), opaque(math.SmallestNonzeroFloat64), opaque(math.MaxFloat64)
	nan32, c64, c128 := opaque(float32(math.NaN())), opaque(complex64(complex(1.5, -2.5))), opaque([]complex128{complex(math.E, math.Inf(1))})
	park(vars{"f32": f32, "f64": f64, "nan": nan, "inf": inf, "ninf": ninf, "negzero": negzero, "tiny": tiny, "big": big,
		"nan32": nan32, "c64": c64, "c128": c128})
	use(f32)
	use(f64)
	use(nan)
	use(inf)
	use(ninf)
	use(negzero)
	use(tiny)
	use(big)
	use(nan32)
	use(c64)
	use(c128)
}

func booleans() {
	yes, no := opaque(true), opaque(false)
	park(vars{"yes": yes, "no": no})
	use(yes)
	use(no)
}

func stringsOfAllSorts() {
	none, short, utf8, invalid := opaque(""), opaque("hello"), opaque("grüße, 世界 🎉"), opaque("a\xff\xfeb\x80")
	zeros, quotes := opaque("nul\x00inside"), opaque("tab\t\"quoted\" \\ back")
	long := opaque(strings.Repeat("0123456789", 1024))
	longUTF8 := opaque(strings.Repeat("é", 400)) // 800 bytes: the default limit of 512 falls between runes
	oddUTF8 := opaque("x" + strings.Repeat("é", 400))
	park(vars{"none": none, "short": short, "utf8": utf8, "invalid": invalid, "zeros": zeros, "quotes": quotes, "long": long,
		"longUTF8": longUTF8, "oddUTF8": oddUTF8})
	use(none)
	use(short)
	use(utf8)
	use(invalid)
	use(zeros)
	use(quotes)
	use(long)
	use(longUTF8)
	use(oddUTF8)
}

func byteSlices() {
	bytes, noBytes, emptyBytes := opaque([]byte{0, 1, 0xfe, 0xff}), opaque([]byte(nil)), opaque([]byte{})
	manyBytes := opaque([]byte(strings.Repeat("bytes", 1000)))
	park(vars{"bytes": bytes, "noBytes": noBytes, "emptyBytes": emptyBytes, "manyBytes": manyBytes})
	use(bytes)
	use(noBytes)
	use(emptyBytes)
	use(manyBytes)
}

func arrays() {
	one, none, texts := opaqueRef([1]string{"single"}), opaque([0]int{}), opaque([3]string{"a", "", "c"})
	refs := opaque([2]*point{{1, 2}, nil})
	park(vars{"one": one, "none": none, "texts": texts, "refs": refs})
	use(one)
	use(none)
	use(texts)
	use(refs)
}

// onTheStack has parameters that never fit in registers.
//
//go:noinline
func onTheStack(ints [5]int16, grid [2][3]uint8, points [2]point, large [200]int32) {
	park(vars{"ints": ints, "grid": grid, "points": points, "large": large})
	use(ints)
	use(grid)
	use(points)
	use(large)
}

func structs() {
	nothing := opaque(empty{})
	deep := opaque(nested{
		middle: middle{base{99, "a title"}, inner{3, "inner"}}, point: &point{5, 6}, Flag: true,
		Pair: [2]point{{7, 8}, {9, 10}}, Ratio: 0.25, hidden: "unexported", Last: 255,
	})
	behind, small, mixed := opaqueRef(deep), opaqueRef(point{-3, 4}), opaqueRef(inner{17, "mixed"})
	anonymous := opaqueRef(struct {
		A int8
		B string
	}{-1, "bee"})
	park(vars{"nothing": nothing, "deep": deep, "behind": behind, "small": small, "mixed": mixed, "anonymous": anonymous})
	use(nothing)
	use(deep)
	use(behind)
	use(small)
	use(mixed)
	use(anonymous)
}

// inPieces has parameters of several registers each.
//
//go:noinline
func inPieces(small point, mixed inner, at time.Time, boxedInt any) {
	park(vars{"small": small, "mixed": mixed, "at": at, "boxedInt": boxed(boxedInt)})
	use(small)
	use(mixed)
	use(at)
	use(boxedInt)
}

func pointers() {
	null := opaque((*point)(nil))
	toInt, toString := opaque(new(int)), opaque(new(string))
	*toInt, *toString = 31, "pointed to"
	once := toInt
	twice := opaque(&once)
	var chain *link
	for i := 6; i > 0; i-- {
		chain = &link{i, chain}
	}
	chain = opaque(chain)
	cycle := opaque(&link{Value: 1})
	cycle.Next = &link{2, cycle}
	self := opaque(&link{Value: 9})
	self.Next = self
	park(vars{"null": null, "toInt": toInt, "toString": toString, "twice": twice, "chain": chain, "cycle": cycle, "self": self})
	use(null)
	use(toInt)
	use(toString)
	use(twice)
	use(chain)
	use(cycle)
	use(self)
}

func slices() {
	null, none, three := opaque([]int(nil)), opaque([]int{}), opaque([]int{10, 20, 30})
	thousand := make([]int, 1000, 1024)
	for i := range thousand {
		thousand[i] = i * i
	}
	thousand = opaque(thousand)
	points, texts := opaque([]point{{1, 2}, {3, 4}, {5, 6}}), opaque([]string{"x", "", "zed"})
	refs := opaque([]*point{{1, 2}, nil, {3, 4}})
	rows := opaque([][]int{{1}, nil, {2, 3}})
	part := three[1:2]
	park(vars{"null": null, "none": none, "three": three, "thousand": thousand, "points": points, "texts": texts, "refs": refs,
		"rows": rows, "part": part})
	use(null)
	use(none)
	use(three)
	use(thousand)
	use(points)
	use(texts)
	use(refs)
	use(rows)
	use(part)
}

func interfaces() {
	var null any
	var nullError error
	null, nullError = opaque(null), opaque(nullError)
	pointed, typedNil := opaque(any(&point{1, 2})), opaque(any((*point)(nil)))
	value, integer, text := opaque(any(point{3, 4})), opaque(any(5)), opaque(any("in an interface"))
	plain, wrapped := opaque(errors.New("a plain error")), opaque(fmt.Errorf("reading: %w", io.ErrUnexpectedEOF))
	var reader io.Reader = strings.NewReader("read me")
	reader = opaque(reader)
	park(vars{"null": boxed(null), "nullError": boxed(nullError), "pointed": boxed(pointed), "typedNil": boxed(typedNil),
		"value": boxed(value), "integer": boxed(integer), "text": boxed(text), "plain": boxed(plain), "wrapped": boxed(wrapped),
		"reader": boxed(reader)})
	use(null)
	use(nullError)
	use(pointed)
	use(typedNil)
	use(value)
	use(integer)
	use(text)
	use(plain)
	use(wrapped)
	use(reader)
}

type calendar struct{ Zero, UTC, Zoned, Now, Local, Early, Late time.Time }

func times() {
	all := opaque(calendar{
		Zero:  time.Time{},
		UTC:   time.Date(2024, 2, 29, 12, 34, 56, 789, time.UTC),
		Zoned: time.Date(1999, 12, 31, 23, 59, 59, 999999999, time.FixedZone("PDT", -7*3600)),
		Now:   time.Now(),
		Local: time.Now().Local().Round(0),
		Early: time.Date(1, 1, 2, 0, 0, 0, 1, time.UTC),
		Late:  time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	})
	now, list := opaqueRef(all.Now), opaque([]time.Time{all.Zero, all.Zoned})
	long, none, negative := opaque(90*time.Minute+30*time.Millisecond), opaque(time.Duration(0)), opaque(-time.Nanosecond)
	park(vars{"all": all, "now": now, "list": list, "long": long, "none": none, "negative": negative})
	use(all)
	use(now)
	use(list)
	use(long)
	use(none)
	use(negative)
}

func references() {
	table, pipe, function := opaque(map[string]int{"a": 1}), opaque(make(chan int, 3)), opaque(strings.ToUpper)
	place := opaque(unsafe.Pointer(new(int)))
	park(vars{"table": table, "pipe": pipe, "function": function, "place": place})
	use(table)
	use(pipe)
	use(function)
	use(place)
}
