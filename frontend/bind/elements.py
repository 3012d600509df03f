"""Elements and slices: `x[i]` of arrays, slices, strings and maps, and `x[a:b]`."""

from __future__ import annotations

from itertools import pairwise

from sey.frontend import bound
from sey.frontend.bind.access import behind_array_pointer, elem_of
from sey.frontend.bind.folding import whole
from sey.frontend.bind.operands import (
    INTEGERS,
    Operand,
    Untyped,
    UntypedKind,
    Value,
    could_fit,
    describe,
    representable,
    same_type,
    shown,
    typed,
)
from sey.frontend.debuginfo.model import BUILTIN, DebugInfo, GoType, Kind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.types import BadIndex, BadMapKey, BadSlice, NotIndexable, NotSliceable, Unsupported
from sey.frontend.source import Span

Bounds = tuple[Operand | None, Operand | None, Operand | None]

MAX_KEY = 4096
"""Bytes of a string that a map can be indexed by."""
_SLICE_IDS = -(1 << 40)
"""A type `[]T` that the binary doesn't describe has the id of T below this one."""
_SEARCHED = "capture the map and look for the key in SQL"


def index(info: DebugInfo, base: Operand, at: Operand, written: str, span: Span) -> Operand:
    """`base[at]`; `written` is the index as text. Raises Reject."""
    value = typed(base)
    holder = behind_array_pointer(info, value)
    go_type = holder.type
    if go_type.kind is Kind.MAP:
        return _map_element(info, holder, at, written, span)
    if go_type.kind not in (Kind.ARRAY, Kind.SLICE, Kind.STRING):
        advice = _follow_first(info, go_type, "[…]")
        raise Reject(NotIndexable(span=value.span, type=go_type.name, advice_text=advice))
    if isinstance(value.expr, bound.Const):
        raise Reject(Unsupported(span=span, what="indexing a constant"))
    position = _position(at)
    _check_inside(position, go_type, last=False)
    if go_type.kind is Kind.STRING:
        return Value(bound.Index(BUILTIN["uint8"], holder, position, span))
    in_memory = go_type.kind is Kind.SLICE or value.addressable or isinstance(holder, bound.Deref)
    return Value(bound.Index(info.type(elem_of(go_type)), holder, position, span), addressable=in_memory)


def _follow_first(info: DebugInfo, go_type: GoType, brackets: str) -> str | None:
    """What to do about a pointer to what has elements: Go follows pointers to arrays alone."""
    if go_type.kind is not Kind.POINTER or go_type.elem is None:
        return None
    if info.type(go_type.elem).kind not in (Kind.SLICE, Kind.STRING, Kind.MAP):
        return None
    return f"follow the pointer first: `(*x){brackets}`"


def _position(at: Operand) -> bound.Expr:
    """An index or bound as an expression of an integer type; constants are of type int."""
    if isinstance(at, Untyped):
        number = whole(at)
    elif at.type.kind not in INTEGERS:
        raise Reject(BadIndex(span=at.span, what=f"has type {describe(at)}, not an integer type"))
    elif not isinstance(at.expr, bound.Const):
        return at.expr
    else:
        number = at.expr.value if isinstance(at.expr.value, int) else None
    if number is None:
        raise Reject(BadIndex(span=at.span, what=f"is {describe(at)}, not a whole number"))
    if number < 0:
        raise Reject(BadIndex(span=at.span, what=f"{number} is negative"))
    if number >= 1 << 31:
        raise Reject(BadIndex(span=at.span, what="is too large"))
    return bound.Const(BUILTIN["int"], number, at.span)


def _check_inside(position: bound.Expr, go_type: GoType, *, last: bool) -> None:
    """Refuse what lies outside of an array; with `last` its length is inside."""
    number = _constant(position)
    if go_type.kind is Kind.ARRAY and number is not None and number >= (go_type.length or 0) + last:
        raise Reject(BadIndex(span=position.span, what=f"{number} is outside of {go_type.name}"))


def _constant(position: bound.Expr | None) -> int | None:
    return int(position.value) if isinstance(position, bound.Const) and isinstance(position.value, int) else None


# Maps


def _map_element(info: DebugInfo, holder: bound.Expr, at: Operand, written: str, span: Span) -> Operand:
    go_type = holder.type
    if go_type.key is None or info.type(go_type.key).kind is Kind.UNKNOWN:
        raise Reject(Unsupported(span=span, what=f"indexing {go_type.name}, whose keys are not known,"))
    key_type = info.type(go_type.key)
    if key_type.kind not in (*INTEGERS, Kind.STRING, Kind.BOOL):
        what = f"indexing a map by keys of type {key_type.name}"
        raise Reject(Unsupported(span=span, what=what, advice_text=_SEARCHED))
    key = _key(at, key_type, written)
    return Value(bound.MapIndex(info.type(elem_of(go_type)), holder, key, span))


def _key(at: Operand, key_type: GoType, written: str) -> bound.Const:
    """The constant as a key of that type."""
    if isinstance(at, Untyped):
        what = "nil" if at.kind is UntypedKind.NIL else _told(at, written)
        if not could_fit(at, key_type.kind):
            raise Reject(BadMapKey(span=at.span, what=what, type=key_type.name))
        key = representable(at, key_type)
        if key is None:
            why = "overflows" if whole(at) is not None else "truncated"
            raise Reject(BadMapKey(span=at.span, what=what, type=key_type.name, why=f" ({why})"))
    elif not same_type(at.type, key_type) and not (at.any_bool and key_type.kind is Kind.BOOL):
        constant = "constant" if isinstance(at.expr, bound.Const) else "value"
        raise Reject(BadMapKey(span=at.span, what=f"{written} ({constant} of type {at.type.name})", type=key_type.name))
    elif not isinstance(at.expr, bound.Const):
        what = "a key that is no constant"
        raise Reject(Unsupported(span=at.span, what=what, advice_text="capture the map and the key, and join in SQL"))
    else:
        key = bound.Const(key_type, at.expr.value, at.span)
    if isinstance(key.value, str) and len(key.value.encode("utf-8", "surrogateescape")) > MAX_KEY:
        raise Reject(Unsupported(span=at.span, what=f"a key of more than {MAX_KEY} bytes", advice_text=_SEARCHED))
    return key


def _told(constant: Untyped, written: str) -> str:
    """A constant as Go's compiler speaks of it: `5 (untyped int constant)`, `1 + 1 (untyped int constant 2)`."""
    value = shown(constant.value)
    same = written == value or constant.kind is UntypedKind.STRING
    return f"{written} ({constant.kind.value} constant{'' if same else ' ' + value})"


# Slices


def slice_(info: DebugInfo, base: Operand, bounds: Bounds, span: Span) -> Operand:
    """`base[low:high]` or `base[low:high:most]`, with `bounds` as many as those, None where left out. Raises Reject."""
    value = typed(base)
    holder = behind_array_pointer(info, value)
    go_type = holder.type
    if isinstance(holder, bound.Const):
        raise Reject(Unsupported(span=span, what="slicing a constant"))
    result = _sliced_type(info, value, holder)
    if go_type.kind is Kind.STRING and bounds[2] is not None:
        raise Reject(NotSliceable(span=span, what=f"{go_type.name}: a 3-index slice of a string"))
    low, high, most = (None if each is None else _position(each) for each in bounds)
    given = [position for position in (low, high, most) if position is not None]
    for position in given:
        _check_inside(position, go_type, last=True)
    numbers = [(number, position) for position in given if (number := _constant(position)) is not None]
    for (before, _), (after, position) in pairwise(numbers):
        if after < before:
            raise Reject(BadSlice(span=position.span, low=before, high=after))
    return Value(bound.Slice(result, holder, low, high, most, span))


def _sliced_type(info: DebugInfo, value: Value, holder: bound.Expr) -> GoType:
    go_type = holder.type
    match go_type.kind:
        case Kind.STRING | Kind.SLICE:
            return go_type
        case Kind.ARRAY if value.addressable or isinstance(holder, bound.Deref):
            return _slice_of(info, info.type(elem_of(go_type)))
        case Kind.ARRAY:
            advice = "only arrays that have an address can be sliced, as in Go; capture the array"
            raise Reject(NotSliceable(span=value.span, what=f"{go_type.name} without an address", advice_text=advice))
    advice_ = _follow_first(info, go_type, "[a:b]")
    raise Reject(NotSliceable(span=value.span, what=go_type.name, advice_text=advice_))


def _slice_of(info: DebugInfo, elem: GoType) -> GoType:
    """The type `[]T` as the binary describes it, else one made here."""
    name = f"[]{elem.name}"
    known = info.find_type(name)
    if known is not None:
        return info.type(known)
    return GoType(_SLICE_IDS - elem.id, name, Kind.SLICE, 24, elem=elem.id)
