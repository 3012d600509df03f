"""Operations on constants, done exactly at compile time as Go does them."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sey.frontend.bind.operands import NUMERIC, Operand, Untyped, UntypedKind, describe
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.types import BadShift, ConstantTooLarge, DivisionByZero, MismatchedTypes, NotDefined
from sey.frontend.source import Span

MAX_BITS = 512
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": python.eq,
    "!=": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}
_INTEGER_ONLY: dict[str, Callable[[int, int], int]] = {
    "&": python.and_,
    "|": python.or_,
    "^": python.xor,
    "&^": lambda a, b: a & ~b,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": python.add, "-": python.sub, "*": python.mul}


def fold(operator: str, left: Untyped, right: Untyped, span: Span) -> Untyped:
    """The result of a binary operator (but shifts) on two untyped constants. Raises Reject."""
    kind = _common_kind(operator, left, right, span)
    a, b = left.value, right.value
    if operator in ("&&", "||"):
        if kind is not UntypedKind.BOOL:
            raise Reject(NotDefined(span=span, operator=operator, type=kind.value))
        return Untyped(kind, (a and b) if operator == "&&" else (a or b), span)
    if operator in COMPARISONS:
        if kind is UntypedKind.NIL or (kind is UntypedKind.BOOL and operator not in ("==", "!=")):
            raise Reject(NotDefined(span=span, operator=operator, type=kind.value))
        return Untyped(UntypedKind.BOOL, COMPARISONS[operator](_ordered(a), _ordered(b)), span)
    if kind is UntypedKind.STRING and operator == "+":
        return Untyped(kind, str(a) + str(b), span)
    if kind not in NUMERIC:
        raise Reject(NotDefined(span=span, operator=operator, type=kind.value))
    assert isinstance(a, int | Fraction)
    assert isinstance(b, int | Fraction)
    return bounded(Untyped(kind, _calculate(operator, kind, a, b, span), span))


def _ordered(value: object) -> object:
    # Go compares the bytes of strings.
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _common_kind(operator: str, left: Untyped, right: Untyped, span: Span) -> UntypedKind:
    if left.kind is right.kind:
        return left.kind
    if left.kind in NUMERIC and right.kind in NUMERIC:
        return NUMERIC[max(NUMERIC.index(left.kind), NUMERIC.index(right.kind))]
    raise Reject(MismatchedTypes(span=span, operator=operator, left=describe(left), right=describe(right)))


def _calculate(operator: str, kind: UntypedKind, a: int | Fraction, b: int | Fraction, span: Span) -> int | Fraction:
    if operator in _ARITHMETIC:
        result: int | Fraction = _ARITHMETIC[operator](a, b)
        return result
    if operator in ("/", "%") and b == 0:
        raise Reject(DivisionByZero(span=span))
    if operator == "/" and kind is UntypedKind.FLOAT:
        return Fraction(a) / Fraction(b)
    if kind is UntypedKind.FLOAT:
        raise Reject(NotDefined(span=span, operator=operator, type=kind.value))
    a, b = int(a), int(b)
    if operator in _INTEGER_ONLY:
        return _INTEGER_ONLY[operator](a, b)
    # Go divides towards zero, Python downwards.
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient if operator == "/" else a - b * quotient


def fold_shift(operator: str, left: Untyped, count: int, span: Span) -> Untyped:
    """`left << count` or `left >> count` of an untyped constant. Raises Reject."""
    if left.kind not in NUMERIC or not isinstance(left.value, int | Fraction) or Fraction(left.value).denominator != 1:
        raise Reject(NotDefined(span=span, operator=operator, type=describe(left)))
    check_count(count, span)
    value = int(left.value)
    if operator == "<<" and value and count >= MAX_BITS:
        raise Reject(ConstantTooLarge(span=span, bits=MAX_BITS))
    kind = UntypedKind.INT if left.kind is UntypedKind.FLOAT else left.kind
    result = value << count if operator == "<<" else value >> min(count, MAX_BITS)
    return bounded(Untyped(kind, result if value or operator == ">>" else 0, span))


def check_count(count: int, span: Span) -> None:
    """Raises Reject where a constant shift count is negative or absurd."""
    if count < 0:
        raise Reject(BadShift(span=span, what="is negative"))
    if count > 1 << 16:
        raise Reject(BadShift(span=span, what="is too large"))


def fold_unary(operator: str, operand: Untyped, span: Span) -> Untyped:
    """The result of `-`, `+`, `^` or `!` on an untyped constant. Raises Reject."""
    value = operand.value
    if operator == "!" and isinstance(value, bool):
        return Untyped(operand.kind, not value, span)
    if operand.kind in NUMERIC and isinstance(value, int | Fraction):
        if operator in "+-":
            return Untyped(operand.kind, -value if operator == "-" else value, span)
        if operator == "^" and isinstance(value, int):
            return Untyped(operand.kind, ~value, span)
    raise Reject(NotDefined(span=span, operator=operator, type=describe(operand)))


def bounded(constant: Untyped) -> Untyped:
    """The constant, if Go's compiler would hold it too. Raises Reject."""
    value = constant.value
    if isinstance(value, Fraction):
        size = max(abs(value.numerator).bit_length(), value.denominator.bit_length())
        too_large = size > 16 * MAX_BITS
    else:
        too_large = isinstance(value, int) and value.bit_length() > MAX_BITS
    if too_large:
        raise Reject(ConstantTooLarge(span=constant.span, bits=MAX_BITS))
    return constant


def whole(operand: Operand) -> int | None:
    """The value of an untyped constant that is a whole number, else None."""
    if isinstance(operand, Untyped) and operand.kind in NUMERIC and isinstance(operand.value, int | Fraction):
        return int(operand.value) if Fraction(operand.value).denominator == 1 else None
    return None
