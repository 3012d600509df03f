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
        least = piece.writer.choose(inside, kind, right, str(bits - 1))
        return piece.writer.value(f"ashr {kind} {left}, {least}")
    masked = piece.writer.value(f"and {kind} {right}, {bits - 1}")
    shifted = piece.writer.value(f"{op.op.value} {kind} {left}, {masked}")
    return piece.writer.choose(inside, kind, shifted, "0")


def _shift_far(piece: Piece, op: Binary, left: str, right: str) -> str:
    """Shifts by a constant of at least the width, and of one bit, where an amount of 1 is already too far."""
    if op.left.type.bits > 1:
        return "0"
    if op.op is BinaryOp.ASHR:
        return left
    none = piece.writer.value(f"xor i1 {right}, true")
    return piece.writer.value(f"and i1 {left}, {none}")


def _divide(piece: Piece, op: Binary, left: str, right: str) -> str:
    """Division of any kind, from the unsigned division of numbers that are 32 or 64 bits wide."""
    bits = op.left.type.bits
    signed = op.op in (BinaryOp.SDIV, BinaryOp.SREM)
    kind = f"i{max(32, bits)}"
    name = "udiv" if op.op in (BinaryOp.UDIV, BinaryOp.SDIV) else "urem"
    if bits < 32:
        left, right = (piece.writer.value(f"{'sext' if signed else 'zext'} i{bits} {v} to i32") for v in (left, right))
    if signed:
        signs = [piece.writer.value(f"ashr {kind} {v}, {max(32, bits) - 1}") for v in (left, right)]
        sizes = [_signed_by(piece, kind, v, sign) for v, sign in zip((left, right), signs, strict=True)]
        size = _divide_unsigned(piece, name, kind, *sizes)
        sign = signs[0] if name == "urem" else piece.writer.value(f"xor {kind} {signs[0]}, {signs[1]}")
        result = _signed_by(piece, kind, size, sign)
    else:
        result = _divide_unsigned(piece, name, kind, left, right)
    return piece.writer.value(f"trunc i32 {result} to i{bits}") if bits < 32 else result


def _divide_unsigned(piece: Piece, name: str, kind: str, left: str, right: str) -> str:
    """By zero: quotient 0, remainder the dividend."""
    write = piece.writer
    before, division, join = write.block, write.fresh("divide"), write.fresh("divided")
    write.branch(write.value(f"icmp eq {kind} {right}, 0"), join, division)
    write.start(division)
    result = write.value(f"{name} {kind} {left}, {right}")
    write.start(join)
    zero = "0" if name == "udiv" else left
    return write.value(f"phi {kind} [ {zero}, %{before} ], [ {result}, %{division} ]")


def _signed_by(piece: Piece, kind: str, operand: str, sign: str) -> str:
    """The number, negated where the sign is -1 and not 0: its size from the number, or the number from its size."""
    flipped = piece.writer.value(f"xor {kind} {operand}, {sign}")
    return piece.writer.value(f"sub {kind} {flipped}, {sign}")


def lower_compare(piece: Piece, op: Compare) -> None:
    """Comparisons."""
    left, right = piece.use(op.left), piece.use(op.right)
    piece.compared(left, right)
    piece.define(op.result, piece.writer.value(f"icmp {op.op.value} {llvm_type(op.left)} {left}, {right}"))


def lower_convert(piece: Piece, op: Convert) -> None:
    """Changes of width."""
    operand = piece.use(op.operand)
    text = f"{op.op.value} {llvm_type(op.operand)} {operand} to {llvm_type(op.result)}"
    piece.define(op.result, piece.mark_plain(piece.writer.value(text), operand))


def lower_select(piece: Piece, op: Select) -> None:
    """The choice between two values."""
    kind = llvm_type(op.result)
    condition, then, otherwise = (piece.use(value) for value in (op.condition, op.then, op.otherwise))
    piece.define(op.result, piece.writer.choose(condition, kind, then, otherwise))


def constant_of(piece: Piece, value: Value | None) -> int | None:
    """The number behind a value that is a constant; 0 where there is no value."""
    return 0 if value is None else piece.constants.get(value.name)
