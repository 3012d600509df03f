"""A captured value in a record: its status, its bytes, and the request to follow what it points to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sey.frontend import bound
from sey.frontend.debuginfo.model import GoType, Kind
from sey.frontend.lower.expressions import Scope, is_place, place_of, scalar_of
from sey.frontend.lower.places import INT_TYPES, Memory, MissingError, Place, raise_status, store_value
from sey.frontend.lower.types import CLASS_EFACE, CLASS_IFACE, CLASS_POINTER, Pointer, TypeTable, captured_type
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Type, Value
from sey.ir.plan import Status

MAX_INLINE = 32768
"""A value of more bytes is not captured: `budget`."""
STRAIGHT_POINTERS = 4
"""Up to so many pointers of a value are followed by straight code, more by a loop over the type table."""


@dataclass(frozen=True)
class Limits:
    """Limits as programs know them: a row of the table `limits`, and how many pointers to follow."""

    row: int
    depth: int


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
            _value(b, target, expr, scope)
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


def _value(b: FunctionBuilder, target: Target, expr: bound.Expr, scope: Scope) -> None:
    go_type = expr.type
    if go_type.kind is Kind.UNKNOWN:
        raise MissingError(Status.UNSUPPORTED)
    if go_type.size > MAX_INLINE:
        raise MissingError(Status.BUDGET)
    if is_place(expr):
        _copy(b, target, place_of(b, expr, scope), go_type)
        return
    if isinstance(expr, bound.Const) and go_type.kind not in (Kind.BOOL, Kind.INT, Kind.UINT, Kind.FLOAT):
        raise MissingError(Status.UNSUPPORTED)
    word = scalar_of(b, expr, scope)
    kind = INT_TYPES[go_type.size]
    b.put(target.record, b.trunc(kind, word) if go_type.size < 8 else word, field=target.value)


def _copy(b: FunctionBuilder, target: Target, place: Place, go_type: GoType) -> None:
    """The value's bytes. Optimized code often keeps no capacity of a slice; its length then stands for it."""
    if go_type.kind is not Kind.SLICE or isinstance(place, Memory):
        store_value(b, target.record, target.value, place, go_type.size)
        return
    store_value(b, target.record, target.value, place, 16)
    length = b.get(Type.I64, target.record, field=target.value, imm=8)
    b.put(target.record, length, field=target.value, imm=16)


def _follow(b: FunctionBuilder, target: Target, go_type: GoType, limits: Limits, types: TypeTable) -> None:
    number = types.number(go_type)
    pointers = types.pointers(number)
    if len(pointers) <= STRAIGHT_POINTERS:
        for pointer in pointers:
            _follow_one(b, target, pointer, limits)
    else:
        _follow_all(b, target, types.first_pointer(number), len(pointers), limits)


def _how(limits: Limits, kind: int) -> int:
    """The `%how` of the prelude's `@follow`: a pointer takes one off the depth, strings and slices don't."""
    return limits.row | (limits.depth - (kind == CLASS_POINTER)) << 32


def _follow_one(b: FunctionBuilder, target: Target, pointer: Pointer, limits: Limits) -> None:
    if pointer.kind == CLASS_POINTER and limits.depth == 0:
        return
    word = b.get(Type.I64, target.record, field=target.value, imm=pointer.offset)
    match pointer.kind:
        case kind if kind in (CLASS_IFACE, CLASS_EFACE):
            b.call("note_typeword", word, int(kind == CLASS_IFACE))
        case kind if kind == CLASS_POINTER:
            b.call("follow", pointer.target, word, 1, _how(limits, kind))
        case kind:
            length = b.get(Type.I64, target.record, field=target.value, imm=pointer.offset + 8)
            b.call("follow", pointer.target, word, length, _how(limits, kind))


def _follow_all(b: FunctionBuilder, target: Target, first: int, count: int, limits: Limits) -> None:
    with b.loop(b.const(count), count) as i:
        row = b.add(i, first)
        at = b.zext(Type.I64, b.table_get(Type.I32, "pointers", "offset", row))
        word = b.get(Type.I64, target.record, field=target.value, offset=at)
        with b.if_(b.ne(word, 0)):
            number = b.zext(Type.I64, b.table_get(Type.I32, "pointers", "type", row))
            kind = b.zext(Type.I64, b.table_get(Type.I8, "pointers", "class", row))
            interface = b.uge(kind, CLASS_IFACE)
            with b.if_(interface):
                b.call("note_typeword", word, b.zext(Type.I64, b.eq(kind, CLASS_IFACE)))
            is_pointer = b.eq(kind, CLASS_POINTER)
            if limits.depth:
                with b.if_(is_pointer):
                    b.call("follow", number, word, 1, _how(limits, CLASS_POINTER))
            with b.if_(b.xor(b.or_(interface, is_pointer), 1)):
                length = b.get(Type.I64, target.record, field=target.value, offset=at, imm=8)
                b.call("follow", number, word, length, _how(limits, 0))


def _missing(b: FunctionBuilder, target: Target, code: Value, detail: Value) -> None:
    """Write the status that a fault stands for, and its address."""
    status = b.call_value(Type.I64, "missing", b.zext(Type.I64, code), detail)
    b.put(target.record, b.trunc(Type.I8, status), field=f"s{target.column}")
    b.put(target.record, b.load(Type.I64, "missing_detail"), field=f"d{target.column}")
