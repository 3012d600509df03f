package main

// Operations, as section 3 numbers them.
const (
	opMove    = 1
	opTrunc   = 2
	opSext    = 3
	opSelect  = 4
	opAdd     = 16
	opSub     = 17
	opMul     = 18
	opUdiv    = 19
	opUrem    = 20
	opSdiv    = 21
	opSrem    = 22
	opAnd     = 23
	opOr      = 24
	opXor     = 25
	opShl     = 26
	opLshr    = 27
	opAshr    = 28
	opEq      = 32
	opNe      = 33
	opUlt     = 34
	opUle     = 35
	opSlt     = 36
	opSle     = 37
	opLoad    = 48
	opStore   = 49
	opFill    = 50
	opRead    = 51
	opRow     = 52
	opSearch  = 53
	opGet     = 54
	opPut     = 55
	opDelete  = 56
	opClock   = 57
	opBegin   = 64
	opReserve = 65
	opSet     = 66
	opPeek    = 67
	opCopy    = 68
	opJump    = 80
	opIf      = 81
	opUnless  = 82
	opCase    = 83
	opLoop    = 84
	opNext    = 85
	opCall    = 86
	opReturn  = 87
	opRaise   = 88
)

// A role is what an instruction does with the register that a field names.
type role uint8

const (
	unused role = iota
	reads
	writes
	mayRead  // 65535 where there is none.
	mayWrite // The same.
	updates  // Reads and writes.
)

// A naming is what field m is the number of.
type naming uint8

const (
	noMemory naming = iota
	aKind           // Of SEXT.
	aBuffer
	aColumn
	aDict
	aStream
)

// A shape says which fields an operation has and of which kinds it may be.
type shape struct {
	known      bool
	kinds      string // The kinds it may be of, as digits; empty where the field is unused.
	m          naming
	a, b, c, e role
	x, d       bool
}

const (
	anyKind = "01234"
	numbers = "1234"
)

var (
	unary    = shape{a: writes, b: reads}
	binaryOp = shape{a: writes, b: reads, c: reads}
	wrapping = shape{kinds: numbers, a: writes, b: reads, c: reads}
	ordering = shape{kinds: anyKind, a: writes, b: reads, c: reads}
)

var shapes = shapeTable(map[uint8]shape{
	opMove: unary, opTrunc: {kinds: "0123", a: writes, b: reads},
	opSext:   {kinds: "0123", m: aKind, a: writes, b: reads},
	opSelect: {a: writes, b: reads, c: reads, e: reads},

	opAdd: wrapping, opSub: wrapping, opMul: wrapping, opUdiv: binaryOp, opUrem: binaryOp,
	opSdiv: wrapping, opSrem: wrapping, opAnd: binaryOp, opOr: binaryOp, opXor: binaryOp,
	opShl: wrapping, opLshr: binaryOp, opAshr: wrapping,
	opEq: binaryOp, opNe: binaryOp, opUlt: binaryOp, opUle: binaryOp, opSlt: ordering, opSle: ordering,

	opLoad:   {kinds: anyKind, m: aBuffer, a: writes, b: mayRead, d: true},
	opStore:  {kinds: anyKind, m: aBuffer, a: reads, b: mayRead, d: true},
	opFill:   {m: aBuffer, a: reads, b: mayRead, c: reads, x: true, d: true},
	opRead:   {kinds: anyKind, a: writes, b: reads},
	opRow:    {m: aColumn, a: writes, b: reads},
	opSearch: {m: aColumn, a: writes, b: reads},
	opGet:    {m: aDict, a: writes, b: reads, c: reads},
	opPut:    {m: aDict, a: writes, b: reads, c: reads},
	opDelete: {m: aDict, b: reads},
	opClock:  {a: writes},

	opBegin:   {m: aStream, a: writes},
	opReserve: {m: aStream, a: writes, b: reads, x: true},
	opSet:     {kinds: anyKind, a: reads, b: mayRead, c: reads, d: true},
	opPeek:    {kinds: anyKind, a: writes, b: reads, c: mayRead, d: true},
	opCopy:    {a: reads, b: mayRead, c: reads, e: reads, x: true, d: true},

	opJump: {x: true}, opIf: {b: reads, x: true}, opUnless: {b: reads, x: true},
	opCase:   {b: reads, x: true, d: true},
	opLoop:   {a: writes, b: reads, c: writes, x: true, d: true},
	opNext:   {a: updates, c: reads, x: true, d: true},
	opCall:   {a: mayWrite, x: true}, // What field b has to be depends on the function that is called.
	opReturn: {a: mayRead},
	opRaise:  {b: reads, x: true},
})

func shapeTable(listed map[uint8]shape) (all [256]shape) {
	for op, s := range listed {
		s.known = true
		all[op] = s
	}
	return all
}
