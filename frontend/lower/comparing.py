"""Comparisons of values that are more than one word to a machine: texts and floating-point numbers."""

from __future__ import annotations

from sey.frontend.lower.places import INT_TYPES, raise_status
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import CompareOp, Type, Value
from sey.ir.plan import Status

MAX_COMPARED = 4096
"""Bytes of two strings that a comparison reads at the most; a longer pair is `budget`."""

ORDER = {
    "<": (CompareOp.SLT, CompareOp.ULT),
    "<=": (CompareOp.SLE, CompareOp.ULE),
    ">": (CompareOp.SGT, CompareOp.UGT),
    ">=": (CompareOp.SGE, CompareOp.UGE),
}
"""What orders signed and unsigned integers as an operator of Go does."""


def texts_equal(b: FunctionBuilder, left: Value, right: Value, length: Value) -> Value:
    """Whether `length` bytes of memory at two pointers are the same (i1); `budget` for very long ones."""
    with b.if_(b.ugt(length, MAX_COMPARED)):
        raise_status(b, Status.BUDGET)
    # Both buffers are cleared up to the length rounded up, so that whole words can be compared.
    _load_string(b, "compare_left", left, length)
    _load_string(b, "compare_right", right, length)
    b.store("differs", b.const(0))
    words = b.lshr(b.add(length, 7), 3)
    with b.loop(words, MAX_COMPARED // 8) as i:
        at = b.shl(i, 3)
        same = b.eq(b.load(Type.I64, "compare_left", at), b.load(Type.I64, "compare_right", at))
        with b.if_(b.xor(same, 1)):
            b.store("differs", b.const(1))
    return b.eq(b.load(Type.I64, "differs"), 0)


def _load_string(b: FunctionBuilder, buffer: str, pointer: Value, length: Value) -> None:
    """Bytes of the target into a buffer; the last word is cleared first, so that no old byte is compared."""
    last = b.and_(b.sub(length, 1), (1 << 64) - 8)
    b.store(buffer, b.const(0), offset=last)
    b.fill(buffer, pointer, length, MAX_COMPARED)


def bytes_equal(b: FunctionBuilder, pointer: Value, text: bytes) -> Value:
    """Whether memory at a pointer is that text (i1), which isn't empty."""
    size = len(text)
    b.fill("compare_left", pointer, b.const(size), size)
    same: Value | None = None
    at = 0
    while at < size:
        width = next(w for w in (8, 4, 2, 1) if w <= size - at)
        expected = b.const(int.from_bytes(text[at : at + width], "little"), INT_TYPES[width])
        equal = b.eq(b.load(INT_TYPES[width], "compare_left", None, at), expected)
        same = equal if same is None else b.and_(same, equal)
        at += width
    assert same is not None
    return same


def compare_bits(b: FunctionBuilder, operator: str, left: Value, right: Value, size: int) -> Value:
    """Comparison (i1) of floats of `size` bytes by their bits: integers once the sign is folded; false for NaN."""
    ordered = b.and_(b.xor(_is_nan(b, left, size), 1), b.xor(_is_nan(b, right, size), 1))
    x, y = _ordinal(b, left, size), _ordinal(b, right, size)
    match operator:
        case "==":
            return b.and_(ordered, b.eq(x, y))
        case "!=":
            return b.xor(b.and_(ordered, b.eq(x, y)), 1)
    return b.and_(ordered, b.compare(ORDER[operator][0], x, y))


def _is_nan(b: FunctionBuilder, bits: Value, size: int) -> Value:
    magnitude = b.and_(bits, (1 << (8 * size - 1)) - 1)
    infinity = 0x7F800000 if size == 4 else 0x7FF0000000000000
    return b.ugt(magnitude, infinity)


def _ordinal(b: FunctionBuilder, bits: Value, size: int) -> Value:
    """A signed integer ordered as the float is; both zeros are 0."""
    magnitude = b.and_(bits, (1 << (8 * size - 1)) - 1)
    negative = b.ne(b.lshr(bits, 8 * size - 1), 0)
    return b.select(negative, b.sub(0, magnitude), magnitude)
