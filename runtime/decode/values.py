"""Raw bytes of Go values to vectors: one recursive walk over the type, each step for all values at once.

Layouts: Go's runtime (facts of runtime/string.go, slice.go, iface.go, time/time.go; the same from 1.21 to 1.27).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sey.ir.plan import POINTEE, REFERENCE_KINDS, STRING_TYPE, PlanColumn, PlanType, Status
from sey.ir.typegraph import types_by_id
from sey.runtime.decode import text, views
from sey.runtime.decode.objects import Found, ObjectIndex
from sey.runtime.decode.vectors import (
    Dynamic,
    Items,
    Nothing,
    Numbers,
    Record,
    Shared,
    Texts,
    Times,
    Vector,
    fine,
    is_bytes,
    missing,
    statuses,
)
from sey.runtime.pages import I64Array, U8Array, U64Array, run_indices, run_starts

_MAX_NESTING = 48
"""Levels of a value, whatever they are made of; slices of slices aren't bounded by the depth of pointers."""
_MAX_VECTORS = 20_000
"""Vectors of one column; what branches beyond that is `budget`."""
_MAX_EMPTY_ITEMS = 1024
"""Elements without size that are shown of an array or slice."""

# time.Time (time/time.go): with the top bit of `wall` set its next 33 bits are seconds since 1885, else `ext` are
# seconds since year 1. The low 30 bits of `wall` are nanoseconds.
_HAS_MONOTONIC = np.uint64(1 << 63)
_SECONDS_1885 = 59453308800 - 62135596800
_SECONDS_YEAR_1 = 62135596800
_NANOSECONDS = np.uint64((1 << 30) - 1)

BoolArray = npt.NDArray[np.bool_]

_REFERENCES = frozenset({"map", "chan", "func", "unsafe.Pointer"})
"""Kinds of one word that this version shows no more of than the address."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a value: bytes of a string, items of a slice or array, pointers followed."""

    max_string: int
    max_items: int
    depth: int

    @classmethod
    def of(cls, column: PlanColumn) -> Limits:
        """The limits of a column."""
        return cls(column.max_string, column.max_items, column.depth)

    def below(self) -> Limits:
        """The limits behind one pointer."""
        return replace(self, depth=self.depth - 1)


@dataclass(frozen=True)
class _Path:
    """How far inside a value we are: levels, and for types that can contain themselves the addresses passed."""

    level: int = 0
    passed: tuple[tuple[int, U64Array], ...] = ()

    def take(self, rows: I64Array) -> _Path:
        return _Path(self.level + 1, tuple((kind, addresses[rows]) for kind, addresses in self.passed))

    def repeat(self, times: I64Array) -> _Path:
        return _Path(self.level + 1, tuple((kind, np.repeat(addresses, times)) for kind, addresses in self.passed))

    def through(self, kind: int, addresses: U64Array) -> _Path:
        return _Path(self.level, (*self.passed, (kind, addresses)))


class ValueDecoder:
    """Decodes values of one process. `dynamic_types` names the type behind an interface's first word."""

    def __init__(
        self, types: Sequence[PlanType], data: U8Array, objects: ObjectIndex, dynamic_types: Mapping[int, str]
    ) -> None:
        self.types = types_by_id(types)
        self._data = data
        self._objects = objects
        self._dynamic_types = dynamic_types
        self._recursive: dict[int, bool] = {}
        self._left = _MAX_VECTORS

    def decode(self, kind: int, raw: U8Array, limits: Limits) -> Vector:
        """Decode the rows of `raw` (n × size) as values of type `kind`."""
        self._left = _MAX_VECTORS
        return self._value(self.types[kind], raw, limits, _Path())

    def _value(self, kind: PlanType, raw: U8Array, limits: Limits, path: _Path) -> Vector:
        self._left -= 1
        if self._left < 0:
            return missing(kind, len(raw), Status.BUDGET)
        if path.level > _MAX_NESTING:
            return missing(kind, len(raw), Status.DEPTH)
        return views.present(kind, raw, self._go_value(kind, raw, limits, path), self.types)

    def _go_value(self, kind: PlanType, raw: U8Array, limits: Limits, path: _Path) -> Vector:
        """The values as their Go type has them."""
        if kind.special == "time":
            return _times(kind, raw)
        if kind.special == "address":
            return replace(fine(kind, len(raw), Numbers(_numbers(kind, raw))), address=_word(raw, 0))
        match kind.kind:
            case "bool" | "int" | "uint" | "float" | "complex":
                return fine(kind, len(raw), Numbers(_numbers(kind, raw)))
            case "string":
                return self._strings(kind, raw, limits)
            case "struct":
                return self._struct(kind, raw, limits, path)
            case "array":
                return self._array(kind, raw, limits, path)
            case "slice":
                return self._slice(kind, raw, limits, path)
            case "pointer":
                return self._pointer(kind, raw, limits, path)
            case "interface":
                return self._interface(kind, raw)
            case _:
                return _reference(kind, raw)

    def _strings(self, kind: PlanType, raw: U8Array, limits: Limits) -> Vector:
        address, length = _word(raw, 0), _word(raw, 1)
        found = self._objects.find(address, STRING_TYPE)
        shown = np.minimum(found.bytes, np.minimum(length, limits.max_string).astype(np.int64))
        status, detail = _run_status(address, length, found, shown.astype(np.uint64))
        present = (status == Status.OK) | (status == Status.TRUNCATED)
        shown = np.where(present, shown, 0)
        cut = status == Status.TRUNCATED
        rows, index = _distinct(present, found.place, shown, cut.astype(np.uint8))
        target = text.utf8(self._data, found.place[rows], shown[rows], cut[rows])
        return self._shared(kind, status, detail, address, rows, index, Texts(target))

    def _struct(self, kind: PlanType, raw: U8Array, limits: Limits, path: _Path) -> Vector:
        inner = replace(path, level=path.level + 1)
        named = [item for item in kind.fields if item.name != "_"]
        vectors = []
        for item in named:
            of = self.types[item.type]
            vectors.append(self._value(of, raw[:, item.offset : item.offset + of.size], limits, inner))
        return fine(kind, len(raw), Record(tuple(item.name for item in named), tuple(vectors)))

    def _array(self, kind: PlanType, raw: U8Array, limits: Limits, path: _Path) -> Vector:
        rows, length = len(raw), kind.length or 0
        elem = self._elem(kind)
        if elem is None:
            return missing(kind, rows, Status.UNSUPPORTED)
        bound = self._bound(kind, limits)
        shown = min(length, bound if elem.size else min(bound, _MAX_EMPTY_ITEMS))
        counts: I64Array = np.full(rows, shown, dtype=np.int64)
        if is_bytes(kind, self.types):
            flat = np.ascontiguousarray(raw[:, :shown]).reshape(-1)
            result = fine(kind, rows, Texts(text.hexadecimal(flat, run_starts(counts)[:-1], counts)))
        else:
            matrix = np.ascontiguousarray(raw[:, : shown * elem.size]).reshape(rows * shown, elem.size)
            items = self._value(elem, matrix, limits, path.repeat(counts))
            result = fine(kind, rows, Items(run_starts(counts), items))
        if shown < length:
            whole: U64Array = np.full(rows, length, dtype=np.uint64)
            return replace(result, status=statuses(rows, Status.TRUNCATED), detail=whole)
        return result

    def _slice(self, kind: PlanType, raw: U8Array, limits: Limits, path: _Path) -> Vector:
        address, length, capacity = _word(raw, 0), _word(raw, 1), _word(raw, 2)
        elem = self._elem(kind)
        if elem is None:
            return missing(kind, len(raw), Status.UNSUPPORTED, address)
        found = self._objects.find(address, kind.id)
        room = found.bytes // elem.size if elem.size else np.full(len(raw), _MAX_EMPTY_ITEMS)
        shown = np.minimum(room, np.minimum(length, self._bound(kind, limits)).astype(np.int64))
        status, detail = _run_status(address, length, found, shown.astype(np.uint64), sized=elem.size > 0)
        status[(address == 0) & (length == 0) & (capacity == 0)] = Status.NIL
        broken = length > capacity
        cycle = self._cycle(kind.id, address, path) & (length > 0) & ~broken
        status[broken], status[cycle] = Status.UNREADABLE, Status.DEPTH
        detail[broken | cycle] = address[broken | cycle]
        present = (status == Status.OK) | (status == Status.TRUNCATED)
        shown = np.where(present, shown, 0)
        if is_bytes(kind, self.types):
            rows, index = _distinct(present, found.place, shown)
            target = Texts(text.hexadecimal(self._data, found.place[rows], shown[rows]))
            return self._shared(kind, status, detail, address, rows, index, target)
        rows, index = _distinct(present, found.place, shown, status, *(passed for _, passed in path.passed))
        inside = path.take(rows).repeat(shown[rows])
        if self._is_recursive(kind.id):
            inside = inside.through(kind.id, np.repeat(address[rows], shown[rows]))
        raw_items = self._elements(found.place[rows], shown[rows], elem.size)
        items = Items(run_starts(shown[rows]), self._value(elem, raw_items, limits, inside))
        return self._shared(kind, status, detail, address, rows, index, items)

    def _pointer(self, kind: PlanType, raw: U8Array, limits: Limits, path: _Path) -> Vector:
        address = _word(raw, 0)
        elem = self._elem(kind)
        if limits.depth <= 0:
            return _nil_or(missing(kind, len(raw), Status.DEPTH, address), address)
        if elem is None:
            return _reference(kind, raw)
        found = self._objects.find(address, elem.id | POINTEE if elem.kind in REFERENCE_KINDS else elem.id)
        status = statuses(len(raw), Status.OK)
        status[found.bytes < elem.size] = Status.BUDGET
        status[(found.row >= 0) & (found.readable == 0)] = Status.UNREADABLE
        status[found.row < 0] = Status.BUDGET
        status[self._cycle(elem.id, address, path)] = Status.DEPTH
        status[address == 0] = Status.NIL
        rows, index = _distinct(status == Status.OK, found.row, *(passed for _, passed in path.passed))
        if not len(rows):
            return Vector(kind, status, np.where(status == Status.OK, 0, address), address, Nothing())
        inside = path.take(rows)
        if self._is_recursive(elem.id):
            inside = inside.through(elem.id, address[rows])
        target = self._value(elem, text.rows_of(self._data, found.place[rows], elem.size), limits.below(), inside)
        some = index >= 0
        status[some] = target.status[index[some]]
        detail = np.where(some, target.detail[np.maximum(index, 0)], address)
        return Vector(kind, status, detail, address, Shared(index, target))

    def _interface(self, kind: PlanType, raw: U8Array) -> Vector:
        word, address = _word(raw, 0), _word(raw, 1)
        distinct, which = np.unique(word, return_inverse=True)
        known = [self._dynamic_types.get(w) for w in distinct.tolist()]
        names = tuple(sorted({name for name in known if name is not None}))
        number = {name: at for at, name in enumerate(names)}
        type_of = np.array([-1 if name is None else number[name] for name in known], dtype=np.int64)
        types = type_of[which.reshape(-1)] if len(word) else np.zeros(0, dtype=np.int64)
        status = statuses(len(raw), Status.OK)
        status[types < 0] = Status.TYPE_UNKNOWN
        status[word == 0] = Status.NIL
        return Vector(kind, status, np.where(status == Status.TYPE_UNKNOWN, word, 0), address, Dynamic(types, names))

    def _shared(
        self,
        kind: PlanType,
        status: U8Array,
        detail: U64Array,
        address: U64Array,
        rows: I64Array,
        index: I64Array,
        data: Texts | Items,
    ) -> Vector:
        target = Vector(kind, status[rows], detail[rows], None, data)
        return Vector(kind, status, detail, address, Shared(index, target))

    def _elements(self, places: I64Array, counts: I64Array, size: int) -> U8Array:
        total = int(counts.sum())
        if size == 0:
            return np.zeros((total, 0), dtype=np.uint8)
        element = run_indices(np.zeros(len(counts), dtype=np.int64), counts)
        return text.rows_of(self._data, np.repeat(places, counts) + element * size, size)

    def _bound(self, kind: PlanType, limits: Limits) -> int:
        """How many elements of a slice or array are shown: bytes are limited as a string is."""
        return limits.max_string if is_bytes(kind, self.types) else limits.max_items

    def _elem(self, kind: PlanType) -> PlanType | None:
        return None if kind.elem is None else self.types[kind.elem]

    def _cycle(self, kind: int, addresses: U64Array, path: _Path) -> BoolArray:
        again = np.zeros(len(addresses), dtype=np.bool_)
        for of, passed in path.passed:
            if of == kind:
                again |= passed == addresses
        return again

    def _is_recursive(self, kind: int) -> bool:
        """Whether a value of the type can lead to another one of it."""
        if kind not in self._recursive:
            seen: set[int] = set()
            pending = self._leads_to(kind)
            while pending and kind not in seen:
                at = pending.pop()
                if at not in seen:
                    seen.add(at)
                    pending += self._leads_to(at)
            self._recursive[kind] = kind in seen
        return self._recursive[kind]

    def _leads_to(self, kind: int) -> list[int]:
        of = self.types[kind]
        return [item.type for item in of.fields] + ([] if of.elem is None else [of.elem])


def _word(raw: U8Array, number: int) -> U64Array:
    """Word `number` of each row."""
    return np.ascontiguousarray(raw[:, number * 8 : number * 8 + 8]).view("<u8").reshape(-1)


_DTYPES = {"int": "<i", "uint": "<u", "float": "<f", "complex": "<c"}


def _numbers(kind: PlanType, raw: U8Array) -> npt.NDArray[np.generic]:
    flat = np.ascontiguousarray(raw)
    if kind.kind == "bool":
        return np.asarray(flat != 0).reshape(-1)
    return np.asarray(flat.view(f"{_DTYPES[kind.kind]}{kind.size}").reshape(-1))


def _times(kind: PlanType, raw: U8Array) -> Vector:
    wall, ext = _word(raw, 0), _word(raw, 1).view("<i8")
    since_1885 = ((wall >> np.uint64(30)) & np.uint64((1 << 33) - 1)).astype(np.int64) + _SECONDS_1885
    since_year_1 = ext - _SECONDS_YEAR_1  # may wrap
    monotonic = (wall & _HAS_MONOTONIC) != 0
    seconds = np.where(monotonic, since_1885, since_year_1)
    wrapped = ~monotonic & (since_year_1 > ext)
    return fine(kind, len(raw), Times(seconds, (wall & _NANOSECONDS).astype(np.int64), wrapped))


def _reference(kind: PlanType, raw: U8Array) -> Vector:
    """Kinds that are one word (map, chan, func, …) or unknown: nil, or unsupported."""
    if kind.kind not in _REFERENCES and kind.kind != "pointer":
        return missing(kind, len(raw), Status.UNSUPPORTED)
    address = _word(raw, 0)
    return _nil_or(missing(kind, len(raw), Status.UNSUPPORTED, address), address)


def _nil_or(vector: Vector, address: U64Array) -> Vector:
    vector.status[address == 0] = Status.NIL
    return vector


def _run_status(
    address: U64Array, length: U64Array, found: Found, shown: U64Array, *, sized: bool = True
) -> tuple[U8Array, U64Array]:
    """Status and detail of strings and slices: `shown` of `length` elements of the object found at `address`."""
    status = statuses(len(address), Status.OK)
    short = shown < length
    status[short] = Status.TRUNCATED
    detail = np.where(short, length, 0).astype(np.uint64)
    if sized:
        absent = (length > 0) & (found.row < 0)
        failed = (length > 0) & (found.row >= 0) & (found.readable == 0)
        status[absent], status[failed] = Status.BUDGET, Status.UNREADABLE
        detail[absent | failed] = address[absent | failed]
    # No Go value has a negative length, or elements at address 0.
    broken = (length >= 1 << 63) | ((address == 0) & (length > 0))
    status[broken], detail[broken] = Status.UNREADABLE, address[broken]
    return status, detail


def _distinct(present: BoolArray, *keys: npt.NDArray[Any]) -> tuple[I64Array, I64Array]:
    """Group the `present` rows by equal keys: one row of each group, and for every row its group's number or -1."""
    chosen = np.flatnonzero(present).astype(np.int64)
    index: I64Array = np.full(len(present), -1, dtype=np.int64)
    if not len(chosen):
        return chosen, index
    code, span = np.zeros(len(chosen), dtype=np.int64), 1
    for key in keys:
        part, distinct = _ranked(key[chosen])
        if span * distinct >= 1 << 62:
            _, code = np.unique(code, return_inverse=True)
            _, part = np.unique(part, return_inverse=True)
            span = distinct = len(chosen)
        code, span = code * distinct + part, span * distinct
    _, first, group = np.unique(code, return_index=True, return_inverse=True)
    index[chosen] = group
    return chosen[first], index


def _ranked(key: npt.NDArray[Any]) -> tuple[I64Array, int]:
    """The key as numbers from 0 in the same order, and a bound above them: by distance where that is small."""
    low, high = int(key.min()), int(key.max())
    if high - low < 1 << 40:
        return (key - key.dtype.type(low)).astype(np.int64), high - low + 1
    distinct, rank = np.unique(key, return_inverse=True)
    return rank.astype(np.int64), len(distinct)
