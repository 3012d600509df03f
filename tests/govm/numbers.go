package main

import "math/bits"

// lo is the number of the lowest bits of a value.
func lo(value, width uint64) uint64 { return value << (64 - width) >> (64 - width) }

// signed is what the same bits are in two's complement.
func signed(value, width uint64) int64 { return int64(value<<(64-width)) >> (64 - width) }

// compute gives what an operation on numbers writes (section 3.1).
func compute(i *Instruction, r []uint64) uint64 {
	w := kindBits[i.Kind]
	b, c := r[i.B], r[i.C]
	switch i.Op {
	case opMove:
		return b
	case opTrunc:
		return lo(b, w)
	case opSext:
		return lo(uint64(signed(b, w)), kindBits[i.M])
	case opSelect:
		if b != 0 {
			return c
		}
		return r[i.E]
	case opAdd:
		return lo(b+c, w)
	case opSub:
		return lo(b-c, w)
	case opMul:
		return lo(b*c, w)
	case opUdiv, opUrem:
		return divide(i.Op, b, c)
	case opSdiv, opSrem:
		return lo(divideSigned(i.Op, signed(b, w), signed(c, w)), w)
	case opAnd:
		return b & c
	case opOr:
		return b | c
	case opXor:
		return b ^ c
	case opShl:
		if c >= w {
			return 0
		}
		return lo(b<<c, w)
	case opLshr:
		return b >> c // 0 from 64 on, in Go.
	case opAshr:
		return lo(uint64(signed(b, w)>>min(c, w-1)), w)
	}
	return truth(compare(i.Op, b, c, w))
}

func divide(op uint8, b, c uint64) uint64 {
	switch {
	case op == opUdiv && c == 0:
		return 0
	case op == opUdiv:
		return b / c
	case c == 0:
		return b
	}
	return b % c
}

// divideSigned rounds towards zero, as Go does, for which the lowest number by -1 is itself.
func divideSigned(op uint8, b, c int64) uint64 {
	switch {
	case op == opSdiv && c == 0:
		return 0
	case op == opSdiv:
		return uint64(b / c)
	case c == 0:
		return uint64(b)
	}
	return uint64(b % c)
}

func compare(op uint8, b, c, w uint64) bool {
	switch op {
	case opEq:
		return b == c
	case opNe:
		return b != c
	case opUlt:
		return b < c
	case opUle:
		return b <= c
	case opSlt:
		return signed(b, w) < signed(c, w)
	}
	return signed(b, w) <= signed(c, w)
}

func truth(condition bool) uint64 {
	if condition {
		return 1
	}
	return 0
}

// roundedUp is the least power of two that isn't below n, for n from 1 to 2^63.
func roundedUp(n uint64) uint64 { return 1 << bits.Len64(n-1) }
