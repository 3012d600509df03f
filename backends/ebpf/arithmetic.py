"""Lowers operations on numbers, so that the edges mean what the IR says.

LLVM leaves division by zero and shifts by the width undefined, BPF before version 4 has no signed division, and its
arithmetic is 32 or 64 bits wide.
"""

from __future__ import annotations

from sey.backends.ebpf.layout import llvm_type
from sey.backends.ebpf.piece import Piece
from sey.ir.nodes import Binary, BinaryOp, Compare, Convert, Select, Value

_SIMPLE = {BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL, BinaryOp.AND, BinaryOp.OR, BinaryOp.XOR}
_SHIFTS = {BinaryOp.SHL, BinaryOp.LSHR, BinaryOp.ASHR}
_KNOWN = _SIMPLE - {BinaryOp.MUL}
"""Operations of which LLVM and the kernel's verifier know the same."""


def lower_binary(piece: Piece, op: Binary) -> None:
    """Integer operations of two operands."""
    kind, left, right = llvm_type(op.left), piece.use(op.left), piece.use(op.right)
    if op.op in _SIMPLE:
        result = piece.writer.value(f"{op.op.value} {kind} {left}, {right}")
        if op.op in _KNOWN:
            piece.mark_plain(result, left, right)
    elif op.op in _SHIFTS:
        result = _shift(piece, op, left, right)
    else:
        result = _divide(piece, op, left, right)
    piece.define(op.result, result)


def _shift(piece: Piece, op: Binary, left: str, right: str) -> str:
    kind, bits = llvm_type(op.left), op.left.type.bits
    amount = piece.constants.get(op.right.name)
    if amount is not None and (amount < bits or op.op is BinaryOp.ASHR):
        result = piece.writer.value(f"{op.op.value} {kind} {left}, {min(amount, bits - 1)}")
        return piece.mark_plain(result, left)
    if amount is not None or bits == 1:
        return _shift_far(piece, op, left, right)
    inside = piece.writer.value(f"icmp ult {kind} {right}, {bits}")
    if op.op is BinaryOp.ASHR:
        least = piece.writer.value(f"select i1 {inside}, {kind} {right}, {kind} {bits - 1}")
        return piece.writer.value(f"ashr {kind} {left}, {least}")
    masked = piece.writer.value(f"and {kind} {right}, {bits - 1}")
    shifted = piece.writer.value(f"{op.op.value} {kind} {left}, {masked}")
    return piece.writer.value(f"select i1 {inside}, {kind} {shifted}, {kind} 0")


def _shift_far(piece: Piece, op: Binary, left: str, right: str) -> str:
    """Shifts by a constant of at least the width, and of one bit, where an amount of 1 is already too far."""
    if op.left.type.bits > 1:
        return "0"
    if op.op is BinaryOp.ASHR:
        return left
    return piece.writer.value(f"select i1 {right}, i1 false, i1 {left}")


def _divide(piece: Piece, op: Binary, left: str, right: str) -> str:
    """Division of any kind, from the unsigned division of numbers that are 32 or 64 bits wide."""
    bits = op.left.type.bits
    signed = op.op in (BinaryOp.SDIV, BinaryOp.SREM)
    wide = max(32, bits)
    name = "udiv" if op.op in (BinaryOp.UDIV, BinaryOp.SDIV) else "urem"
    if bits < wide:
        left, right = (piece.writer.value(f"{_extend(signed)} i{bits} {v} to i{wide}") for v in (left, right))
    if not signed:
        result = _divide_unsigned(piece, name, wide, left, right)
    else:
        sizes = [_absolute(piece, wide, v) for v in (left, right)]
        result = _divide_unsigned(piece, name, wide, *sizes)
        sign = left if name == "urem" else piece.writer.value(f"xor i{wide} {left}, {right}")
        negated = piece.writer.value(f"sub i{wide} 0, {result}")
        negative = piece.writer.value(f"icmp slt i{wide} {sign}, 0")
        result = piece.writer.value(f"select i1 {negative}, i{wide} {negated}, i{wide} {result}")
    return piece.writer.value(f"trunc i{wide} {result} to i{bits}") if bits < wide else result


def _divide_unsigned(piece: Piece, name: str, bits: int, left: str, right: str) -> str:
    """By zero: quotient 0, remainder the dividend. LLVM must not see that the divisor could be zero."""
    zero = piece.writer.value(f"icmp eq i{bits} {right}, 0")
    divisor = piece.writer.value(f"select i1 {zero}, i{bits} 1, i{bits} {right}")
    result = piece.writer.value(f"{name} i{bits} {left}, {divisor}")
    return piece.writer.value(f"select i1 {zero}, i{bits} {0 if name == 'udiv' else left}, i{bits} {result}")


def _absolute(piece: Piece, bits: int, operand: str) -> str:
    negative = piece.writer.value(f"icmp slt i{bits} {operand}, 0")
    negated = piece.writer.value(f"sub i{bits} 0, {operand}")
    return piece.writer.value(f"select i1 {negative}, i{bits} {negated}, i{bits} {operand}")


def _extend(signed: bool) -> str:
    return "sext" if signed else "zext"


def lower_compare(piece: Piece, op: Compare) -> None:
    """Comparisons."""
    text = f"icmp {op.op.value} {llvm_type(op.left)} {piece.use(op.left)}, {piece.use(op.right)}"
    piece.define(op.result, piece.writer.value(text))


def lower_convert(piece: Piece, op: Convert) -> None:
    """Changes of width."""
    operand = piece.use(op.operand)
    text = f"{op.op.value} {llvm_type(op.operand)} {operand} to {llvm_type(op.result)}"
    piece.define(op.result, piece.mark_plain(piece.writer.value(text), operand))


def lower_select(piece: Piece, op: Select) -> None:
    """The choice between two values."""
    kind = llvm_type(op.result)
    condition, then, otherwise = (piece.use(value) for value in (op.condition, op.then, op.otherwise))
    text = f"select i1 {condition}, {kind} {then}, {kind} {otherwise}"
    piece.define(op.result, piece.writer.value(text))


def constant_of(piece: Piece, value: Value | None) -> int | None:
    """The number behind a value that is a constant; 0 where there is no value."""
    return 0 if value is None else piece.constants.get(value.name)
