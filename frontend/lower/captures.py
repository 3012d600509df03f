"""A captured value in a record: its status, its bytes, and the request to follow what it points to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sey.frontend import bound
from sey.frontend.debuginfo.model import BUILTIN, GoType, Kind
from sey.frontend.lower.expressions import Scope, is_place, place_of, scalar_of
from sey.frontend.lower.places import (
    INT_TYPES,
    Memory,
    MissingError,
    Place,
    load_word,
    offset_place,
    raise_status,
    store_value,
    variable_place,
)
from sey.frontend.lower.types import (
    CLASS_CHAN,
    CLASS_EFACE,
    CLASS_FUNC,
    CLASS_IFACE,
    CLASS_MAP,
    CLASS_POINTER,
    CLASS_REFLECT,
    CLASS_SLICE,
    CLASS_STRING,
    CLASS_TRIE,
    MAX_POINTERS,
    STEP_CHAIN,
    STEP_DEEPER,
    STEP_LEVEL,
    Pointer,
    TypeTable,
    captured_type,
)
from sey.frontend.redaction import Hole
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Type, Value
from sey.ir.plan import CHAIN_LIMIT, Status

_WORD = 8
MAX_INLINE = 32768
"""A value of more bytes is not captured: `budget`."""
STRAIGHT_PIECES = 16
"""A value with more redacted parts is put together elsewhere."""
STRAIGHT_POINTERS = 4
"""Up to so many pointers of a value are followed by straight code, more by a loop over the type table."""


@dataclass(frozen=True)
class Limits:
    """Limits as programs know them: a row of the table `limits`, and how many pointers to follow."""

    row: int
    depth: int


NO_WAY = (1 << 64) - 1
"""The `%how` of the prelude's `@follow` for what is too deep."""


def how_deep(limits: Limits, step: int) -> int:
    """The `%how` of the prelude's `@follow` after one step from the value that has these limits."""
    depth = limits.depth - (step == STEP_DEEPER)
    chain = CHAIN_LIMIT - (step == STEP_CHAIN)
    return limits.row | depth << 32 | chain << 40 if depth >= 0 else NO_WAY


REFLECTED = 256
"""Added to the flags of a reflect.Value for the prelude's `@follow_dynamic`."""


@dataclass(frozen=True)
class Target:
    """Where a capture goes: the record and the number of its column there."""

    record: Value
    column: int

    @property
    def value(self) -> str:
        """The member that holds the value's bytes."""
        return f"v{self.column}"


def capture(
    b: FunctionBuilder, target: Target, expr: bound.Expr, scope: Scope, limits: Limits, types: TypeTable
) -> None:
    """Evaluate an expression into a record's column; whatever is missing becomes the column's status."""
    with b.attempt() as attempt:
        with attempt.body(), statically_missing(b):
            _value(b, target, expr, scope, types)
            b.put(target.record, b.const(Status.OK, Type.I8), field=f"s{target.column}")
            _follow(b, target, captured_type(expr), limits, types)
        with attempt.handler():
            _missing(b, target, attempt.code, attempt.detail)


@contextmanager
def statically_missing(b: FunctionBuilder) -> Iterator[None]:
    """Turn what lowering already knows to be missing into the fault that says so, which ends the region at hand."""
    try:
        yield
    except MissingError as missing:
        raise_status(b, missing.status)


def _value(b: FunctionBuilder, target: Target, expr: bound.Expr, scope: Scope, types: TypeTable) -> None:
    go_type = expr.type
    if isinstance(expr, bound.Redacted):
        raise MissingError(Status.REDACTED)
    if go_type.kind is Kind.UNKNOWN:
        raise MissingError(Status.UNSUPPORTED)
    if go_type.size > MAX_INLINE:
        raise MissingError(Status.BUDGET)
    if isinstance(expr, bound.Instance):
        told = variable_place(b, scope.slots[bound.word_of(expr.local.name)], BUILTIN["uintptr"])
        word = load_word(b, told, 0, _WORD)
        if types.redactor:
            _refuse_secrets(b, word)
        b.put(target.record, word, field=target.value)
        _copy(b, target, place_of(b, expr.local, scope), expr.local.type, (), types, _WORD)
        return
    if is_place(expr):
        _copy(b, target, place_of(b, expr, scope), go_type, types.redactor.holes(go_type), types)
        return
    if isinstance(expr, bound.Const) and go_type.kind not in (Kind.BOOL, Kind.INT, Kind.UINT, Kind.FLOAT):
        raise MissingError(Status.UNSUPPORTED)
    word = scalar_of(b, expr, scope)
    kind = INT_TYPES[go_type.size]
    b.put(target.record, b.trunc(kind, word) if go_type.size < 8 else word, field=target.value)


def _refuse_secrets(b: FunctionBuilder, word: Value) -> None:
    """End the region as redacted where the type that a word of a dictionary tells has a hole, or isn't known."""
    number = b.lshr(b.call_value(Type.I64, "dynamic_type", word, 0), 2)
    with b.if_(b.eq(number, 0)):
        raise_status(b, Status.REDACTED)
    with b.if_(b.ne(b.table_get(Type.I32, "types", "holes", number), 0)):
        raise_status(b, Status.REDACTED)


def _copy(
    b: FunctionBuilder,
    target: Target,
    place: Place,
    go_type: GoType,
    holes: tuple[Hole, ...],
    types: TypeTable,
    to: int = 0,
) -> None:
    """The value's bytes. Optimized code often keeps no capacity of a slice; its length then stands for it."""
    if holes:
        _copy_around(b, target, place, go_type.size, holes, types)
        return
    if go_type.kind is not Kind.SLICE or isinstance(place, Memory):
        store_value(b, target.record, target.value, place, go_type.size, to)
        return
    store_value(b, target.record, target.value, place, 16, to)
    length = b.get(Type.I64, target.record, field=target.value, imm=to + 8)
    b.put(target.record, length, field=target.value, imm=to + 16)


def _copy_around(
    b: FunctionBuilder, target: Target, place: Place, size: int, holes: tuple[Hole, ...], types: TypeTable
) -> None:
    """The value's bytes but for its holes: piece by piece, or where these are many or depend on keys, by way of the
    prelude's `@pack`."""
    if len(holes) <= STRAIGHT_PIECES and not any(hole.key for hole in holes):
        for at, end in _between(holes, size):
            store_value(b, target.record, target.value, offset_place(b, place, at), end - at, at)
        return
    if not isinstance(place, Memory):
        raise MissingError(Status.REDACTED)
    b.fill("pack", place.address, size, MAX_INLINE)
    b.call("clean", types.hole_rows.row(holes), 1, size, 0)
    whole = size // 8
    with b.loop(b.const(whole), max(whole, 1)) as i:
        word_at = b.shl(i, 3)
        b.put(target.record, b.load(Type.I64, "pack", word_at), field=target.value, offset=word_at)
    for at in range(8 * whole, size):
        b.put(target.record, b.load(Type.I8, "pack", None, at), field=target.value, imm=at)


def _between(holes: tuple[Hole, ...], size: int) -> Iterator[tuple[int, int]]:
    """The stretches of a value between its holes."""
    at = 0
    for hole in (*sorted(holes, key=lambda hole: hole.at), Hole(size, 0)):
        if hole.at > at:
            yield at, hole.at
        at = max(at, hole.at + hole.size)


def _follow(b: FunctionBuilder, target: Target, go_type: GoType, limits: Limits, types: TypeTable) -> None:
    number = types.number(go_type)
    if go_type.kind is Kind.SHARED:
        _follow_instance(b, target, go_type.size - _WORD, limits)
        return
    pointers = types.pointers(number)
    if len(pointers) <= STRAIGHT_POINTERS:
        for pointer in pointers:
            _follow_one(b, target, pointer, limits)
    else:
        rows = _Rows(b.const(types.rows.first(pointers)), b.const(len(pointers)), len(pointers))
        _follow_all(b, target, rows, limits, (0, go_type.size))


def _follow_instance(b: FunctionBuilder, target: Target, size: int, limits: Limits) -> None:
    """What a value leads to whose type the word before it tells; nothing where that is no type of its size."""
    word = b.get(Type.I64, target.record, field=target.value)
    number = b.lshr(b.call_value(Type.I64, "dynamic_type", word, 0), 2)
    with b.if_(b.eq(b.table_get(Type.I32, "types", "value_size", number), size)):
        first, count = (
            b.zext(Type.I64, b.table_get(Type.I32, "types", column, number))
            for column in ("value_first", "value_pointers")
        )
        _follow_all(b, target, _Rows(first, count, MAX_POINTERS), limits, (_WORD, _WORD + size))


def _follow_one(b: FunctionBuilder, target: Target, pointer: Pointer, limits: Limits) -> None:
    """Straight code for a word that leads on."""

    def word(imm: int) -> Value:
        return b.get(Type.I64, target.record, field=target.value, imm=pointer.offset + imm)

    deeper = how_deep(limits, pointer.step)
    match pointer.kind:
        case kind if kind in (CLASS_IFACE, CLASS_EFACE):
            b.call("follow_dynamic", word(0), int(kind == CLASS_IFACE), word(8), how_deep(limits, STEP_LEVEL), deeper)
        case kind if kind == CLASS_REFLECT:
            b.call("follow_dynamic", word(0), b.or_(word(16), REFLECTED), word(8), how_deep(limits, STEP_LEVEL), deeper)
        case kind if kind == CLASS_POINTER:
            if deeper != NO_WAY:
                b.call("follow", pointer.target, word(0), 1, deeper)
        case kind if kind in (CLASS_STRING, CLASS_SLICE):
            b.call("follow", pointer.target, word(0), word(8), how_deep(limits, STEP_LEVEL))
        case _:
            b.call("follow", pointer.target, word(0), 1, how_deep(limits, STEP_LEVEL))


@dataclass(frozen=True)
class _Rows:
    """Rows of the table `pointers`: the first, how many, and how many at most."""

    first: Value
    count: Value
    most: int


def _follow_all(b: FunctionBuilder, target: Target, rows: _Rows, limits: Limits, span: tuple[int, int]) -> None:
    """A loop over rows of `pointers`, for a value in the bytes of the column from one number up to another."""
    base, end = span
    room = end - base
    same = how_deep(limits, STEP_LEVEL)
    with b.loop(rows.count, rows.most) as i:
        row = b.add(i, rows.first)
        at = b.zext(Type.I64, b.table_get(Type.I32, "pointers", "offset", row))
        at = b.add(at, base) if base else at
        word = b.get(Type.I64, target.record, field=target.value, offset=at)

        def further(imm: int, at: Value = at) -> Value:
            return b.get(Type.I64, target.record, field=target.value, offset=at, imm=imm)

        with b.if_(b.ne(word, 0)):
            number = b.zext(Type.I64, b.table_get(Type.I32, "pointers", "type", row))
            deeper = b.call_value(Type.I64, "deeper", same, b.table_get(Type.I8, "pointers", "step", row))
            with b.switch(b.table_get(Type.I8, "pointers", "class", row)) as switch:
                for kind in (CLASS_IFACE, CLASS_EFACE) if room >= 16 else ():
                    with switch.case(kind):
                        b.call("follow_dynamic", word, int(kind == CLASS_IFACE), further(8), same, deeper)
                if room >= 24:
                    with switch.case(CLASS_REFLECT):
                        b.call("follow_dynamic", word, b.or_(further(16), REFLECTED), further(8), same, deeper)
                with switch.case(CLASS_POINTER):
                    b.call("follow", number, word, 1, deeper)
                for kind in (CLASS_STRING, CLASS_SLICE) if room >= 16 else ():
                    with switch.case(kind):
                        b.call("follow", number, word, further(8), same)
                for kind in (CLASS_MAP, CLASS_CHAN, CLASS_FUNC, CLASS_TRIE):
                    with switch.case(kind):
                        b.call("follow", number, word, 1, same)


def _missing(b: FunctionBuilder, target: Target, code: Value, detail: Value) -> None:
    """Write the status that a fault stands for, and its address."""
    status = b.call_value(Type.I64, "missing", b.zext(Type.I64, code), detail)
    b.put(target.record, b.trunc(Type.I8, status), field=f"s{target.column}")
    b.put(target.record, b.load(Type.I64, "missing_detail"), field=f"d{target.column}")
