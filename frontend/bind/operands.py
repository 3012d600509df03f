"""Operands of expressions while they are checked: untyped constants, and typed values ready for the bound spec."""

from __future__ import annotations

import enum
import math
import struct
from dataclasses import dataclass
from fractions import Fraction

from sey.frontend import bound
from sey.frontend.debuginfo.model import BUILTIN, GoType, Kind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.types import MismatchedTypes, NotRepresentable, UntypedNil
from sey.frontend.source import Span


class UntypedKind(enum.Enum):
    """Go's untyped constants. Of two numeric ones in an operation, the later one here decides the kind."""

    BOOL = "untyped bool"
    STRING = "untyped string"
    INT = "untyped int"
    RUNE = "untyped rune"
    FLOAT = "untyped float"
    NIL = "untyped nil"


NUMERIC = (UntypedKind.INT, UntypedKind.RUNE, UntypedKind.FLOAT)
_DEFAULTS = {
    UntypedKind.BOOL: "bool",
    UntypedKind.STRING: "string",
    UntypedKind.INT: "int",
    UntypedKind.RUNE: "int32",
    UntypedKind.FLOAT: "float64",
}
NILABLE = frozenset({Kind.POINTER, Kind.SLICE, Kind.MAP, Kind.CHAN, Kind.FUNC, Kind.INTERFACE, Kind.UNSAFE_POINTER})
INTEGERS = frozenset({Kind.INT, Kind.UINT})


@dataclass(frozen=True)
class Untyped:
    """A constant without a type yet, exact; `value` is None for nil."""

    kind: UntypedKind
    value: bool | int | Fraction | str | None
    span: Span


@dataclass(frozen=True)
class Value:
    """A typed operand. `addressable` as in Go; `any_bool`: the result of a comparison, which fits every bool type."""

    expr: bound.Expr
    addressable: bool = False
    any_bool: bool = False

    @property
    def type(self) -> GoType:
        """The type of the expression."""
        return self.expr.type

    @property
    def span(self) -> Span:
        """Where it is written."""
        return self.expr.span


Operand = Untyped | Value


def describe(operand: Operand) -> str:
    """The operand's type as problems say it."""
    return operand.kind.value if isinstance(operand, Untyped) else operand.type.name


def same_type(left: GoType, right: GoType) -> bool:
    """Whether two types are one: a binary describes each of its types once, and sey's own have Go's names."""
    return left.id == right.id or left.name == right.name


def integer_range(go_type: GoType) -> tuple[int, int]:
    """Smallest and largest value of an integer type."""
    bits = 8 * go_type.size
    if go_type.kind is Kind.UINT:
        return 0, (1 << bits) - 1
    return -(1 << bits - 1), (1 << bits - 1) - 1


def shown(value: bool | int | float | complex | Fraction | str | None) -> str:
    """A constant as problems say it."""
    match value:
        case None:
            return "nil"
        case bool():
            return str(value).lower()
        case str():
            return '"' + (value if len(value) <= 30 else value[:30] + "…") + '"'
        case Fraction():
            return _shown_fraction(value)
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}… ({len(text)} digits)"


def _shown_fraction(value: Fraction) -> str:
    try:
        return repr(float(value))
    except OverflowError:
        return "too large for a float64"


def convert(constant: Untyped, go_type: GoType) -> bound.Const:
    """The constant as a value of the type. Raises Reject where the type can't hold it."""
    value = _converted(constant, go_type)
    return bound.Const(go_type, value, constant.span)


def _converted(constant: Untyped, go_type: GoType) -> bool | int | float | complex | str | None:
    value = constant.value
    match go_type.kind, value:
        case Kind.BOOL, bool():
            return value
        case ((Kind.INT | Kind.UINT), (int() | Fraction())) if not isinstance(value, bool):
            return _integer(constant, Fraction(value), go_type)
        case ((Kind.FLOAT | Kind.COMPLEX), (int() | Fraction())) if not isinstance(value, bool):
            number = _float(constant, Fraction(value), go_type)
            return complex(number) if go_type.kind is Kind.COMPLEX else number
        case Kind.STRING, str():
            return value
        case kind, None if kind in NILABLE:
            return None
    raise Reject(not_representable(constant, go_type))


def _integer(constant: Untyped, value: Fraction, go_type: GoType) -> int:
    low, high = integer_range(go_type)
    if value.denominator != 1:
        raise Reject(not_representable(constant, go_type, "it is not a whole number"))
    if not low <= value <= high:
        raise Reject(not_representable(constant, go_type, f"{go_type.name} holds {low} to {high}"))
    return int(value)


def _float(constant: Untyped, value: Fraction, go_type: GoType) -> float:
    single = go_type.size == (4 if go_type.kind is Kind.FLOAT else 8)
    try:
        number = float(value)
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0] if single else number
    except OverflowError:
        rounded = math.inf
    if math.isinf(rounded):
        raise Reject(not_representable(constant, go_type))
    return rounded


def representable(constant: Untyped, go_type: GoType) -> bound.Const | None:
    """The constant as a value of the type, None where the type can't hold it."""
    try:
        return convert(constant, go_type)
    except Reject:
        return None


def not_representable(constant: Untyped, go_type: GoType, why: str | None = None) -> NotRepresentable:
    """The problem of a constant that a type can't hold."""
    return NotRepresentable(span=constant.span, value=shown(constant.value), type=go_type.name, advice_text=why)


def typed(operand: Operand) -> Value:
    """The operand as a value: constants take the type that Go gives them by default. Raises Reject for nil."""
    if isinstance(operand, Value):
        return operand
    if operand.kind is UntypedKind.NIL:
        raise Reject(UntypedNil(span=operand.span))
    return Value(convert(operand, BUILTIN[_DEFAULTS[operand.kind]]))


def matched(left: Operand, right: Operand, operator: str, span: Span) -> tuple[Value, Value]:
    """Both operands with one type, as a binary operator wants them; at least one of them is typed.

    Raises Reject where a constant doesn't fit the other's type, or the types differ.
    """
    if isinstance(left, Untyped) and isinstance(right, Value):
        return _beside(left, right, left, right, operator, span), right
    if isinstance(right, Untyped) and isinstance(left, Value):
        return left, _beside(right, left, left, right, operator, span)
    left, right = typed(left), typed(right)
    both_bool = left.type.kind is Kind.BOOL and right.type.kind is Kind.BOOL
    if same_type(left.type, right.type) or (both_bool and (left.any_bool or right.any_bool)):
        return left, right
    raise Reject(mismatch(left, right, operator, span))


def _beside(constant: Untyped, value: Value, left: Operand, right: Operand, operator: str, span: Span) -> Value:
    """An untyped constant with the type of the value beside it."""
    if not could_fit(constant, value.type.kind):
        raise Reject(mismatch(left, right, operator, span))
    return Value(convert(constant, value.type))


def could_fit(constant: Untyped, kind: Kind) -> bool:
    """Whether some constant of that sort is a value of some type of that kind."""
    match constant.kind:
        case UntypedKind.BOOL:
            return kind is Kind.BOOL
        case UntypedKind.STRING:
            return kind is Kind.STRING
        case UntypedKind.NIL:
            return kind in NILABLE
    return kind in (Kind.INT, Kind.UINT, Kind.FLOAT, Kind.COMPLEX)


def mismatch(left: Operand, right: Operand, operator: str, span: Span) -> MismatchedTypes:
    """The problem of two operands whose types differ, with what to do about it."""
    kinds = {side.type.kind for side in (left, right) if isinstance(side, Value)}
    advice: str | None = None
    if kinds == {Kind.INT, Kind.UINT}:
        advice = "one is signed and the other is not; sey converts nothing: capture both and compare them in SQL"
    elif kinds and kinds <= INTEGERS and isinstance(left, Value) and isinstance(right, Value):
        advice = "sey converts nothing: capture both and compare them in SQL"
    elif any(isinstance(s, Value) and s.type.name == "time.Duration" for s in (left, right)) and any(
        isinstance(s, Untyped) and s.kind is UntypedKind.STRING for s in (left, right)
    ):
        advice = "a duration stands without quotes: 10ms"
    return MismatchedTypes(span=span, operator=operator, left=describe(left), right=describe(right), advice_text=advice)
