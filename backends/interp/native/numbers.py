"""Instructions that make numbers from numbers (`spec/bytecode.md` §3.1)."""

from __future__ import annotations

from sey.backends.interp.native.writer import Writer
from sey.backends.interp.ops import KINDS, Instruction, Op

_PLAIN = {Op.ADD: "add", Op.SUB: "sub", Op.MUL: "mul", Op.AND: "and", Op.OR: "or", Op.XOR: "xor"}
_RELATIONS = {Op.EQ: "eq", Op.NE: "ne", Op.ULT: "ult", Op.ULE: "ule", Op.SLT: "slt", Op.SLE: "sle"}


def compute(text: Writer, op: Op, each: Instruction) -> None:
    """One instruction."""
    text.set(each.a, _value(text, op, each))


def _value(text: Writer, op: Op, each: Instruction) -> str:
    b = text.register(each.b)
    match op:
        case Op.MOVE:
            return b
        case Op.TRUNC:
            return text.low(each.kind, b)
        case Op.SEXT:
            return text.low(each.m, text.signed(each.kind, b))
        case Op.SELECT:
            chosen = text.value(f"icmp ne i64 {b}, 0")
            return text.value(f"select i1 {chosen}, i64 {text.register(each.c)}, i64 {text.register(each.e)}")
    c = text.register(each.c)
    if op >= Op.EQ:
        return _compare(text, op, each.kind, b, c)
    if op in _PLAIN:
        value = text.value(f"{_PLAIN[op]} i64 {b}, {c}")
        return text.low(each.kind, value) if op < Op.AND else value
    if op in (Op.UDIV, Op.UREM):
        return _unsigned(text, op, b, c)
    if op in (Op.SDIV, Op.SREM):
        return text.low(each.kind, _signed(text, op, text.signed(each.kind, b), text.signed(each.kind, c)))
    return _shift(text, op, each.kind, b, c)


def _compare(text: Writer, op: Op, kind: int, b: str, c: str) -> str:
    if op >= Op.SLT:
        b, c = text.signed(kind, b), text.signed(kind, c)
    return text.bit(text.value(f"icmp {_RELATIONS[op]} i64 {b}, {c}"))


def _unsigned(text: Writer, op: Op, b: str, c: str) -> str:
    zero = text.value(f"icmp eq i64 {c}, 0")
    divisor = text.value(f"select i1 {zero}, i64 1, i64 {c}")
    value = text.value(f"{'udiv' if op is Op.UDIV else 'urem'} i64 {b}, {divisor}")
    return text.value(f"select i1 {zero}, i64 {'0' if op is Op.UDIV else b}, i64 {value}")


def _signed(text: Writer, op: Op, b: str, c: str) -> str:
    """Processors trap on division by zero and of the most negative number by -1, which is a negation."""
    zero = text.value(f"icmp eq i64 {c}, 0")
    minus = text.value(f"icmp eq i64 {c}, -1")
    odd = text.value(f"or i1 {zero}, {minus}")
    divisor = text.value(f"select i1 {odd}, i64 1, i64 {c}")
    if op is Op.SDIV:
        value = text.value(f"sdiv i64 {b}, {divisor}")
        negated = text.value(f"sub i64 0, {b}")
        value = text.value(f"select i1 {minus}, i64 {negated}, i64 {value}")
        return text.value(f"select i1 {zero}, i64 0, i64 {value}")
    value = text.value(f"srem i64 {b}, {divisor}")
    return text.value(f"select i1 {zero}, i64 {b}, i64 {value}")


def _shift(text: Writer, op: Op, kind: int, b: str, c: str) -> str:
    """LLVM says nothing of shifts by more than there is, so the count is kept below 64."""
    bits = KINDS[kind].bits
    if op is Op.ASHR:
        count = text.value(f"call i64 @llvm.umin.i64(i64 {c}, i64 {bits - 1})")
        return text.low(kind, text.value(f"ashr i64 {text.signed(kind, b)}, {count}"))
    width = 64 if op is Op.LSHR else bits
    count = text.value(f"and i64 {c}, 63")
    value = text.value(f"{'shl' if op is Op.SHL else 'lshr'} i64 {b}, {count}")
    fits = text.value(f"icmp ult i64 {c}, {width}")
    kept = text.value(f"select i1 {fits}, i64 {value}, i64 0")
    return text.low(kind, kept) if op is Op.SHL else kept
