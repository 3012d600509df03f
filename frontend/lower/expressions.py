"""Expressions of a spec as operations.

Scalars are computed as i64, sign- or zero-extended by their Go type and brought back to its width after each
operation. An operand that is missing leaves by a fault that carries its status; division by zero and negative shift
counts, at which Go would panic, count as `absent`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from sey.frontend import bound
from sey.frontend.debuginfo.model import GoType, Kind
from sey.frontend.lower.comparing import ORDER, bytes_equal, compare_bits, texts_equal
from sey.frontend.lower.contexts import ContextWalks
from sey.frontend.lower.dynamic import DynamicTypes, held
from sey.frontend.lower.lookups import MapLookups
from sey.frontend.lower.places import (
    INT_TYPES,
    Memory,
    MissingError,
    Place,
    Words,
    address_of,
    load_word,
    offset_place,
    raise_status,
    variable_place,
)
from sey.frontend.lower.slices import Whole, array_element, sliced
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import BinaryOp, Type, Value
from sey.ir.plan import Status

_ARITHMETIC = {
    "+": BinaryOp.ADD,
    "-": BinaryOp.SUB,
    "*": BinaryOp.MUL,
    "&": BinaryOp.AND,
    "|": BinaryOp.OR,
    "^": BinaryOp.XOR,
}
_PLACES = (
    bound.Local,
    bound.Global,
    bound.Field,
    bound.Deref,
    bound.Index,
    bound.MapIndex,
    bound.Slice,
    bound.Assertion,
    bound.Carried,
)
_SCALARS = (Kind.BOOL, Kind.INT, Kind.UINT, Kind.FLOAT)
_WORDS = (Kind.POINTER, Kind.UNSAFE_POINTER, Kind.MAP, Kind.CHAN, Kind.FUNC)


@dataclass(frozen=True)
class Scope:
    """The slots of the variables of the function at hand, by name, how the binary tells dynamic types, and what finds
    elements of maps and what contexts carry."""

    slots: Mapping[str, int]
    dynamic: DynamicTypes
    maps: MapLookups
    contexts: ContextWalks

    def size_of(self, go_type: GoType) -> int:
        """Bytes of an element of arrays or slices of the type."""
        return 0 if go_type.elem is None else self.dynamic.info.type(go_type.elem).size


def place_of(b: FunctionBuilder, expr: bound.Expr, scope: Scope) -> Place:
    """The place of an addressable expression or of a variable. Raises MissingError where it is known to have none."""
    match expr:
        case bound.Redacted():
            raise MissingError(Status.REDACTED)
        case bound.Local(go_type, name):
            return variable_place(b, scope.slots[name], go_type)
        case bound.Global(_, variable):
            return Memory(b.add(b.load(Type.I64, "in_bias"), variable.address))
        case bound.Field(go_type, base, _, offset):
            return offset_place(b, place_of(b, base, scope), offset)
        case bound.Deref(_, base):
            pointer = scalar_of(b, base, scope)
            with b.if_(b.eq(pointer, 0)):
                raise_status(b, Status.NIL)
            return Memory(pointer)
        case bound.Index(go_type, base, index):
            return _element(b, base, index, go_type, scope)
        case bound.MapIndex(_, base, key):
            return scope.maps.element(b, place_of(b, base, scope), base.type, key)
        case bound.Slice():
            return _sliced(b, expr, scope)
        case bound.Carried(_, base, sought):
            return scope.contexts.carried(b, place_of(b, base, scope), sought)
        case bound.Assertion(go_type, base):
            return held(b, place_of(b, base, scope), base.type, go_type, scope.dynamic)
    raise TypeError(f"{type(expr).__name__} has no place")


def _element(b: FunctionBuilder, base: bound.Expr, index: bound.Expr, go_type: GoType, scope: Scope) -> Place:
    place = place_of(b, base, scope)
    if base.type.kind is Kind.ARRAY and isinstance(index, bound.Const):
        return offset_place(b, place, constant_bits(index) * go_type.size)
    at = scalar_of(b, index, scope)
    if base.type.kind is Kind.ARRAY:
        return array_element(b, place, at, base.type.length or 0, go_type.size)
    pointer, length = load_word(b, place, 0, 8), load_word(b, place, 8, 8)
    with b.if_(b.ule(length, at)):
        raise_status(b, Status.ABSENT)
    return Memory(b.add(pointer, b.binary(BinaryOp.MUL, at, go_type.size)))


def _sliced(b: FunctionBuilder, expr: bound.Slice, scope: Scope) -> Words:
    base = expr.base.type
    whole = Whole(base, place_of(b, expr.base, scope), 1 if base.kind is Kind.STRING else scope.size_of(base))
    low, high, most = (None if each is None else scalar_of(b, each, scope) for each in (expr.low, expr.high, expr.most))
    return sliced(b, whole, (low, high, most))


def _elapsed(b: FunctionBuilder) -> Value:
    """How long the call at hand took."""
    elapsed = b.load(Type.I64, "elapsed")
    with b.if_(b.eq(elapsed, (1 << 64) - 1)):
        raise_status(b, Status.NOT_LIVE)
    return elapsed


def is_place(expr: bound.Expr) -> bool:
    """Whether an expression names a variable or a part of one, whose bytes can be copied as they are."""
    return isinstance(expr, _PLACES)


def scalar_of(b: FunctionBuilder, expr: bound.Expr, scope: Scope) -> Value:
    """The value of an expression of a scalar kind (bool, integer, float bits, pointer) as i64."""
    match expr:
        case bound.Const():
            return b.const(constant_bits(expr))
        case bound.Length(_, base, capacity):
            return _length(b, base, capacity, scope)
        case bound.Elapsed():
            return _elapsed(b)
        case bound.AddressOf(_, base):
            return address_of(b, place_of(b, base, scope))
        case bound.Unary(go_type, operator, operand):
            return _unary(b, operator, scalar_of(b, operand, scope), go_type)
        case bound.Binary(_, "&&" | "||"):
            return _logical(b, expr, scope)
        case bound.Binary(_, "==" | "!=" | "<" | "<=" | ">" | ">="):
            return b.zext(Type.I64, _comparison(b, expr, scope))
        case bound.Binary():
            return _arithmetic(b, expr, scope)
    return extend(b, load_word(b, place_of(b, expr, scope), 0, expr.type.size), expr.type)


def constant_bits(constant: bound.Const) -> int:
    """A scalar constant as the unsigned 64 bits that stand for it; nil is 0."""
    value, go_type = constant.value, constant.type
    match value:
        case None:
            return 0
        case bool() | int() if go_type.kind is not Kind.FLOAT:
            return int(value) & (1 << 64) - 1
        case int() | float():
            return int.from_bytes(struct.pack("<f" if go_type.size == 4 else "<d", value), "little")
    raise TypeError(f"no scalar: {value!r}")


def extend(b: FunctionBuilder, word: Value, go_type: GoType) -> Value:
    """A word whose low bits hold a value of the type, extended from the type's width to 64 bits."""
    if go_type.size >= 8:
        return word
    low = b.trunc(INT_TYPES[go_type.size], word)
    return b.sext(Type.I64, low) if go_type.kind is Kind.INT else b.zext(Type.I64, low)


def _length(b: FunctionBuilder, base: bound.Expr, capacity: bool, scope: Scope) -> Value:
    kind = base.type.kind
    if kind is Kind.ARRAY:
        return b.const(base.type.length or 0)
    if kind in (Kind.STRING, Kind.SLICE):
        return load_word(b, place_of(b, base, scope), 16 if capacity else 8, 8)
    # A map's count, a channel's qcount and dataqsiz: the first two words of what the value points to; of nil 0.
    header = load_word(b, place_of(b, base, scope), 0, 8)
    with b.if_else(b.eq(header, 0), Type.I64) as choice:
        with choice.then():
            choice.yield_(b.const(0))
        with choice.otherwise():
            choice.yield_(b.read(Type.I64, b.add(header, 8 if capacity else 0)))
    return choice.result


def _unary(b: FunctionBuilder, operator: str, value: Value, go_type: GoType) -> Value:
    match operator:
        case "-":
            return extend(b, b.sub(0, value), go_type)
        case "^":
            return extend(b, b.xor(value, (1 << 64) - 1), go_type)
        case "!":
            return b.xor(value, 1)
    return value


def _logical(b: FunctionBuilder, expr: bound.Binary, scope: Scope) -> Value:
    """`&&` and `||` decide by the left operand where it does; the right one may then be missing."""
    left = scalar_of(b, expr.left, scope)
    decided = b.eq(left, 0 if expr.operator == "&&" else 1)
    with b.if_else(decided, Type.I64) as choice:
        with choice.then():
            choice.yield_(left)
        with choice.otherwise():
            try:
                choice.yield_(scalar_of(b, expr.right, scope))
            except MissingError as missing:
                raise_status(b, missing.status)
    return choice.result


def _comparison(b: FunctionBuilder, expr: bound.Binary, scope: Scope) -> Value:
    left, right = expr.left, expr.right
    if isinstance(left, bound.Const) and not isinstance(right, bound.Const):
        flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(expr.operator, expr.operator)
        return _comparison(b, bound.Binary(expr.type, flipped, right, left, expr.span), scope)
    negate = expr.operator == "!="
    match left.type.kind:
        case Kind.STRING:
            same = _strings_equal(b, left, right, scope)
        case Kind.FLOAT:
            return _floats(b, expr, scope)
        case Kind.COMPLEX:
            same = _complex_equal(b, left, right, scope)
        case kind if expr.operator in ("==", "!="):
            same = b.eq(_first_word(b, left, scope), _first_word(b, right, scope))
        case kind:
            signed, unsigned = ORDER[expr.operator]
            op = signed if kind is Kind.INT else unsigned
            return b.compare(op, scalar_of(b, left, scope), scalar_of(b, right, scope))
    return b.xor(same, 1) if negate else same


def _first_word(b: FunctionBuilder, expr: bound.Expr, scope: Scope) -> Value:
    """What `==` compares: the scalar; of slices and interfaces, which compare with nil alone, the first word."""
    if isinstance(expr, bound.Const) or not is_place(expr) or expr.type.kind in _SCALARS + _WORDS:
        return scalar_of(b, expr, scope)
    return load_word(b, place_of(b, expr, scope), 0, 8)


def _string_parts(b: FunctionBuilder, expr: bound.Expr, scope: Scope) -> tuple[Value, Value]:
    place = place_of(b, expr, scope)
    return load_word(b, place, 0, 8), load_word(b, place, 8, 8)


def _strings_equal(b: FunctionBuilder, left: bound.Expr, right: bound.Expr, scope: Scope) -> Value:
    pointer, length = _string_parts(b, left, scope)
    if isinstance(right, bound.Const):
        return _equals_constant(b, pointer, length, str(right.value).encode("utf-8", "surrogateescape"))
    other, other_length = _string_parts(b, right, scope)
    with b.if_else(b.ne(length, other_length), Type.I1) as choice:
        with choice.then():
            choice.yield_(b.const(0, Type.I1))
        with choice.otherwise():
            choice.yield_(texts_equal(b, pointer, other, length))
    return choice.result


def _equals_constant(b: FunctionBuilder, pointer: Value, length: Value, text: bytes) -> Value:
    with b.if_else(b.ne(length, len(text)), Type.I1) as choice:
        with choice.then():
            choice.yield_(b.const(0, Type.I1))
        with choice.otherwise():
            choice.yield_(bytes_equal(b, pointer, text) if text else b.const(1, Type.I1))
    return choice.result


def _floats(b: FunctionBuilder, expr: bound.Binary, scope: Scope) -> Value:
    """Comparison of floats by their bits: ordered as integers once the sign is folded; NaN compares false."""
    size = expr.left.type.size
    return compare_bits(b, expr.operator, scalar_of(b, expr.left, scope), scalar_of(b, expr.right, scope), size)


def _complex_equal(b: FunctionBuilder, left: bound.Expr, right: bound.Expr, scope: Scope) -> Value:
    half = left.type.size // 2
    same: Value | None = None
    for at in (0, half):
        x, y = _complex_part(b, left, at, half, scope), _complex_part(b, right, at, half, scope)
        equal = compare_bits(b, "==", x, y, half)
        same = equal if same is None else b.and_(same, equal)
    assert same is not None
    return same


def _complex_part(b: FunctionBuilder, expr: bound.Expr, at: int, half: int, scope: Scope) -> Value:
    if isinstance(expr, bound.Const):
        number = complex(expr.value or 0)
        part = number.imag if at else number.real
        return b.const(int.from_bytes(struct.pack("<f" if half == 4 else "<d", part), "little"))
    return load_word(b, place_of(b, expr, scope), at, half)


def _arithmetic(b: FunctionBuilder, expr: bound.Binary, scope: Scope) -> Value:
    left, right = scalar_of(b, expr.left, scope), scalar_of(b, expr.right, scope)
    signed = expr.type.kind is Kind.INT
    match expr.operator:
        case "<<" | ">>":
            return extend(b, _shift(b, expr, left, right, signed), expr.type)
        case "/" | "%":
            with b.if_(b.eq(right, 0)):
                raise_status(b, Status.ABSENT)
            ops = (BinaryOp.SDIV, BinaryOp.UDIV) if expr.operator == "/" else (BinaryOp.SREM, BinaryOp.UREM)
            return extend(b, b.binary(ops[0] if signed else ops[1], left, right), expr.type)
        case "&^":
            return b.and_(left, b.xor(right, (1 << 64) - 1))
    return extend(b, b.binary(_ARITHMETIC[expr.operator], left, right), expr.type)


def _shift(b: FunctionBuilder, expr: bound.Binary, left: Value, right: Value, signed: bool) -> Value:
    if expr.right.type.kind is Kind.INT and not isinstance(expr.right, bound.Const):
        with b.if_(b.slt(right, 0)):
            raise_status(b, Status.ABSENT)
    if expr.operator == "<<":
        return b.shl(left, right)
    return b.ashr(left, right) if signed else b.lshr(left, right)
