"""Go's unary and binary operators: which operands they take, and what comes out."""

from __future__ import annotations

from sey.frontend import bound
from sey.frontend.bind.folding import COMPARISONS, check_count, fold, fold_shift, fold_unary, whole
from sey.frontend.bind.operands import (
    INTEGERS,
    NILABLE,
    Operand,
    Untyped,
    UntypedKind,
    Value,
    convert,
    describe,
    matched,
)
from sey.frontend.debuginfo.model import BUILTIN, GoType, Kind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.types import BadShift, DivisionByZero, NotDefined, Unsupported
from sey.frontend.source import Span

BOOL = BUILTIN["bool"]
_EQUALITY = ("==", "!=")
_NUMBERS = frozenset({Kind.INT, Kind.UINT, Kind.FLOAT, Kind.COMPLEX})
_COMPARABLE = _NUMBERS | {Kind.BOOL, Kind.STRING, Kind.POINTER, Kind.CHAN, Kind.UNSAFE_POINTER}
_ONLY_WITH_NIL = frozenset({Kind.SLICE, Kind.MAP, Kind.FUNC})
_IN_SQL = "capture the operands and do it in SQL"


def binary(operator: str, left: Operand, right: Operand, span: Span) -> Operand:
    """The result of an infix operator. Raises Reject."""
    if operator in ("<<", ">>"):
        return _shift(operator, left, right, span)
    constant = _folded(operator, left, right, span)
    if constant is not None:
        return constant
    if operator in COMPARISONS:
        return _compare(operator, left, right, span)
    a, b = matched(left, right, operator, span)
    if operator in ("&&", "||"):
        if a.type.kind is not Kind.BOOL:
            raise Reject(NotDefined(span=span, operator=operator, type=a.type.name))
        return Value(bound.Binary(BOOL, operator, a.expr, b.expr, span), any_bool=a.any_bool and b.any_bool)
    return _arithmetic(operator, a, b, span)


def _folded(operator: str, left: Operand, right: Operand, span: Span) -> Operand | None:
    """The result where both operands are constants, else None."""
    a, b = _constant(left), _constant(right)
    if a is None or b is None:
        return None
    if isinstance(left, Untyped) and isinstance(right, Untyped):
        return fold(operator, left, right, span)
    x, y = matched(left, right, operator, span)
    xs, ys = _constant(x), _constant(y)
    assert xs is not None
    assert ys is not None
    result = fold(operator, xs, ys, span)
    return result if result.kind is UntypedKind.BOOL else Value(convert(result, x.type))


def _constant(operand: Operand) -> Untyped | None:
    """What a constant holds, without its type; None for what isn't constant, or whose folding Go rounds."""
    if isinstance(operand, Untyped):
        return operand
    if not isinstance(operand.expr, bound.Const):
        return None
    match operand.expr.value:
        case bool() as value:
            return Untyped(UntypedKind.BOOL, value, operand.span)
        case int() as value:
            return Untyped(UntypedKind.INT, value, operand.span)
        case str() as value:
            return Untyped(UntypedKind.STRING, value, operand.span)
    return None


def _shift(operator: str, left: Operand, right: Operand, span: Span) -> Operand:
    count = _shift_count(right)
    base = _constant(left)
    if isinstance(count, int) and base is not None:
        result = fold_shift(operator, base, count, span)
        return result if isinstance(left, Untyped) else Value(convert(result, left.type))
    value = left
    if isinstance(left, Untyped):
        # Go gives it the type it would have without the shift; `shifted_like` handles an operand beside it.
        if whole(left) is None:
            raise Reject(NotDefined(span=span, operator=operator, type=describe(left)))
        value = Value(convert(left, BUILTIN["int"]))
    assert isinstance(value, Value)
    if value.type.kind not in INTEGERS:
        raise Reject(NotDefined(span=span, operator=operator, type=value.type.name))
    by = bound.Const(BUILTIN["uint"], count, right.span) if isinstance(count, int) else count.expr
    return Value(bound.Binary(value.type, operator, value.expr, by, span))


def _shift_count(right: Operand) -> int | Value:
    if isinstance(right, Untyped):
        number = whole(right)
        if number is None:
            raise Reject(BadShift(span=right.span, what=f"is {describe(right)}, not a whole number"))
        check_count(number, right.span)
        return number
    if right.type.kind not in INTEGERS:
        raise Reject(BadShift(span=right.span, what=f"has type {right.type.name}, not an integer type"))
    if isinstance(right.expr, bound.Const) and isinstance(right.expr.value, int):
        check_count(right.expr.value, right.span)
        return right.expr.value
    return right


def _compare(operator: str, left: Operand, right: Operand, span: Span) -> Operand:
    a, b = matched(left, right, operator, span)
    kind = a.type.kind
    nil = any(isinstance(side, Untyped) and side.kind is UntypedKind.NIL for side in (left, right))
    if operator in _EQUALITY:
        _check_equality(operator, a.type, nil, span)
    elif kind is Kind.STRING:
        raise Reject(Unsupported(span=span, what=f"`{operator}` on strings", advice_text=_IN_SQL))
    elif kind not in (Kind.INT, Kind.UINT, Kind.FLOAT):
        raise Reject(NotDefined(span=span, operator=operator, type=a.type.name))
    return Value(bound.Binary(BOOL, operator, a.expr, b.expr, span), any_bool=True)


def _check_equality(operator: str, go_type: GoType, nil: bool, span: Span) -> None:
    kind = go_type.kind
    if kind in _COMPARABLE or (nil and kind in NILABLE):
        return
    if kind in _ONLY_WITH_NIL:
        only = f"a {kind.value} can be compared with nil only"
        raise Reject(NotDefined(span=span, operator=operator, type=go_type.name, advice_text=only))
    advice = {
        Kind.STRUCT: "compare the fields that matter",
        Kind.ARRAY: "compare the elements that matter",
        Kind.INTERFACE: "compare it with nil",
    }.get(kind)
    what = f"`{operator}` on {_of_kind(go_type)}"
    raise Reject(Unsupported(span=span, what=what, advice_text=advice))


def _arithmetic(operator: str, a: Value, b: Value, span: Span) -> Operand:
    kind = a.type.kind
    if kind in (Kind.FLOAT, Kind.COMPLEX) and operator in "+-*/":
        raise Reject(Unsupported(span=span, what=f"`{operator}` on {_of_kind(a.type)}", advice_text=_IN_SQL))
    if kind is Kind.STRING and operator == "+":
        raise Reject(Unsupported(span=span, what="joining strings", advice_text=_IN_SQL))
    if kind not in INTEGERS:
        raise Reject(NotDefined(span=span, operator=operator, type=a.type.name))
    if operator in ("/", "%") and isinstance(b.expr, bound.Const) and b.expr.value == 0:
        raise Reject(DivisionByZero(span=b.span))
    return Value(bound.Binary(a.type, operator, a.expr, b.expr, span))


def unary(operator: str, operand: Operand, span: Span) -> Operand:
    """The result of `-`, `+`, `^` or `!`. Raises Reject."""
    if isinstance(operand, Untyped):
        return fold_unary(operator, operand, span)
    kind = operand.type.kind
    if operator == "!" and kind is Kind.BOOL:
        return Value(bound.Unary(operand.type, operator, operand.expr, span), any_bool=operand.any_bool)
    if kind in (Kind.FLOAT, Kind.COMPLEX) and operator in "+-":
        raise Reject(Unsupported(span=span, what=f"`{operator}` on {_of_kind(operand.type)}", advice_text=_IN_SQL))
    if operator == "!" or kind not in INTEGERS:
        raise Reject(NotDefined(span=span, operator=operator, type=operand.type.name))
    constant = _constant(operand)
    if constant is not None:
        return Value(convert(_fold_typed(operator, constant, operand.type, span), operand.type))
    if operator == "+":
        return operand
    return Value(bound.Unary(operand.type, operator, operand.expr, span))


def _fold_typed(operator: str, constant: Untyped, go_type: GoType, span: Span) -> Untyped:
    if operator == "^" and go_type.kind is Kind.UINT and isinstance(constant.value, int):
        return Untyped(UntypedKind.INT, constant.value ^ ((1 << 8 * go_type.size) - 1), span)
    return fold_unary(operator, constant, span)


def retyped(constant_shift: Value, other: Operand) -> Operand:
    """An untyped constant shifted by a variable (`1 << n`), with the type of the operand beside it, as Go has it.

    Raises Reject where that type can't hold the constant.
    """
    expr = constant_shift.expr
    if not isinstance(other, Value) or not isinstance(expr, bound.Binary) or not isinstance(expr.left, bound.Const):
        return constant_shift
    if other.type.kind not in INTEGERS or not isinstance(expr.left.value, int):
        return constant_shift
    left = convert(Untyped(UntypedKind.INT, expr.left.value, expr.left.span), other.type)
    return Value(bound.Binary(other.type, expr.operator, left, expr.right, expr.span))


def _of_kind(go_type: GoType) -> str:
    words = {
        Kind.FLOAT: "floating-point numbers",
        Kind.COMPLEX: "complex numbers",
        Kind.STRUCT: "structs",
        Kind.ARRAY: "arrays",
        Kind.INTERFACE: "interfaces",
    }
    return words.get(go_type.kind, go_type.name)
