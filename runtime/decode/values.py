"""Raw bytes of Go values to vectors: one recursive walk over the type, each step for all values at once.

Layouts: Go's runtime (facts of runtime/string.go, slice.go, time/time.go; the same from 1.21 to 1.27).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sey.ir import plan
from sey.ir.plan import POINTEE, REFERENCE_KINDS, STRING_TYPE, PlanType, Status
from sey.ir.typegraph import types_by_id
from sey.runtime.decode import text, views
from sey.runtime.decode.constants import constant_names
from sey.runtime.decode.dynamic import Interfaces
from sey.runtime.decode.grouping import BoolArray, distinct, word, word_at
from sey.runtime.decode.kinds import (
    NAME_SUFFIX,
    REFLECT_VALUE,
    is_type_description,
    name_fields,
    shown_fields,
    trie_root,
)
from sey.runtime.decode.limits import Limits, Path
from sey.runtime.decode.objects import Found, ObjectIndex
from sey.runtime.decode.references import References
from sey.runtime.decode.typegraph import TypeGraph
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.vectors import (
    Items,
    Nothing,
    Numbers,
    Record,
    Shared,
    Texts,
    Times,
    Vector,
    Words,
    fine,
    is_bytes,
    missing,
    statuses,
)
from sey.runtime.pages import I64Array, U8Array, U64Array, run_indices, run_starts

_MAX_NESTING = 112
"""Levels of a value, whatever they are made of; slices of slices aren't bounded by the depth of pointers."""
_MAX_VECTORS = 20_000
"""Vectors of one column; what branches beyond that is `budget`."""
_MAX_EMPTY_ITEMS = 1024
"""Elements without size that are shown of an array or slice."""
_LEAST_ROOM = 64 << 20
"""Bytes of values that a column may come to, however small the capture is; twice the capture if that is more. Objects
that are shared have to be decoded once for every path that leads to them, where a cycle could end on it."""
_LEAST_REPEATS, _REPEATS_AN_OBJECT, _REPEATS_A_ROW = 1 << 18, 8, 64
"""How many objects and elements a column may come to behind types that lead to themselves: so many, and more for each
object that was captured and each row. Where all point at all, there are more paths than anybody looks at."""

# time.Time (time/time.go): with the top bit of `wall` set its next 33 bits are seconds since 1885, else `ext` are
# seconds since year 1. The low 30 bits of `wall` are nanoseconds.
_HAS_MONOTONIC = np.uint64(1 << 63)
_SECONDS_1885 = 59453308800 - 62135596800
_SECONDS_YEAR_1 = 62135596800
_NANOSECONDS = np.uint64((1 << 30) - 1)

FunctionNames = Callable[[U64Array], list[str | None]]
"""The functions whose code begins at these addresses, None where none does."""


class ValueDecoder:
    """Decodes values of one process: `words` name what interfaces hold, `functions` what funcs are."""

    def __init__(
        self,
        types: Sequence[PlanType],
        data: U8Array,
        objects: ObjectIndex,
        words: TypeWords,
        functions: FunctionNames,
    ) -> None:
        self.types = types_by_id(types)
        self.data = data
        self.objects = objects
        self._interfaces = Interfaces(self, words)
        self._references = References(self, functions)
        self._graph = TypeGraph(self._leads_to)
        self._left, self._room, self._repeats = _MAX_VECTORS, _LEAST_ROOM, _LEAST_REPEATS
        self.vectors = self.bytes = 0
        """How many vectors were decoded so far, of how many raw bytes."""

    def decode(self, kind: int, raw: U8Array, limits: Limits, events: I64Array | None = None) -> Vector:
        """Decode the rows of `raw` (n × size) as values of type `kind`; `events` are those that they belong to."""
        room = max(_LEAST_ROOM, 2 * len(self.data), 2 * raw.size)
        self._left, self._room = _MAX_VECTORS, room
        self._repeats = _LEAST_REPEATS + _REPEATS_AN_OBJECT * len(self.objects) + _REPEATS_A_ROW * len(raw)
        vector = self.value(self.types[kind], raw, limits, Path(events=events))
        self.vectors += _MAX_VECTORS - self._left
        self.bytes += room - self._room
        return vector

    def value(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        """Decode the rows of `raw` as values of type `kind`, as a part of what is being decoded."""
        self._left -= 1
        self._room -= raw.size
        if self._left < 0 or self._room < 0:
            return missing(kind, len(raw), Status.BUDGET)
        if path.level > _MAX_NESTING:
            return missing(kind, len(raw), Status.DEPTH)
        return views.present(kind, raw, self._go_value(kind, raw, limits, path), self.types)

    def _go_value(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        """The values as their Go type has them."""
        if kind.special == "time":
            return _times(kind, raw, self._zone(kind, raw, limits, path))
        if kind.special == "address":
            return replace(fine(kind, len(raw), Numbers(_numbers(kind, raw))), address=word(raw, 0))
        match kind.kind:
            case "bool" | "int" | "uint" | "float" | "complex":
                return fine(kind, len(raw), Numbers(_numbers(kind, raw)))
            case "string":
                return self._strings(kind, raw, limits, path)
            case plan.HIDDEN_KIND:
                return missing(kind, len(raw), Status.REDACTED)
            case "struct" if kind.entry is not None:
                return self._trie(kind, raw, limits, path)
            case "struct" if kind.name == REFLECT_VALUE:
                return self._interfaces.reflected(kind, raw, limits, path)
            case "struct" if (root := trie_root(kind)) is not None:
                return self._references.maps(kind, word_at(raw, root), limits, path)
            case "struct":
                return self._struct(kind, raw, limits, path)
            case "array":
                return self._array(kind, raw, limits, path)
            case "slice":
                return self._slice(kind, raw, limits, path)
            case "pointer":
                return self._pointer(kind, raw, limits, path)
            case "interface":
                return self._interfaces.interfaces(kind, raw, limits, path)
            case "shared":
                return self._interfaces.instances(kind, raw, limits, path)
            case "map":
                return self._references.maps(kind, word(raw, 0), limits, path)
            case "chan":
                return self._references.channels(kind, word(raw, 0), limits, path)
            case "func":
                return self._references.functions(kind, word(raw, 0), limits, path)
            case "unsafe.Pointer":
                address = word(raw, 0)
                return nil_where_zero(replace(fine(kind, len(raw), Words(address)), address=address), address)
            case _:
                return missing(kind, len(raw), Status.UNSUPPORTED)

    def behind(self, kind: PlanType, elem: PlanType, address: U64Array, limits: Limits, path: Path) -> Vector:
        """The values of type `elem` that lie at these addresses, as a vector of `kind`; nil at address 0.

        `limits` are those of the values.
        """
        status = statuses(len(address), Status.OK)
        if elem.size:
            key = elem.id | POINTEE if elem.kind in REFERENCE_KINDS else elem.id
            found = self.objects.find(path.keys(address), key)
            status[found.bytes < elem.size] = Status.BUDGET
            status[(found.row >= 0) & (found.readable == 0)] = Status.UNREADABLE
            place, same = found.place, found.row
        else:
            place = same = np.zeros(len(address), dtype=np.int64)
        status[self.passed(elem.id, address, path)] = Status.DEPTH
        status[address == 0] = Status.NIL
        if elem.kind == plan.HIDDEN_KIND:
            status[:] = Status.REDACTED
        rows, index = distinct(status == Status.OK, same, *(passed for _, passed in path.passed))
        if not self.affords(len(rows), path):
            status[status == Status.OK] = Status.BUDGET
            rows = rows[:0]
        if not len(rows):
            return Vector(kind, status, np.where(status == Status.OK, 0, address), address, Nothing())
        inside = self.through(elem.id, address[rows], path.take(rows))
        target = self.value(elem, text.rows_of(self.data, place[rows], elem.size), limits, inside)
        some = index >= 0
        status[some] = target.status[index[some]]
        detail = np.where(some, target.detail[np.maximum(index, 0)], address)
        return Vector(kind, status, detail, address, Shared(index, target))

    def affords(self, count: int, path: Path) -> bool:
        """Whether so many more objects or elements may be decoded that other paths may lead to as well."""
        if not path.passed:
            return True
        fits = count <= self._repeats
        self._repeats -= count if fits else 0
        return fits

    def through(self, kind: int, addresses: U64Array, path: Path) -> Path:
        """The path past these addresses of values of type `kind`, noted where a cycle could lead back to them."""
        return path.through(kind, addresses) if self._graph.is_recursive(kind) else path

    def passed(self, kind: int, addresses: U64Array, path: Path) -> BoolArray:
        """Where the path has been at these addresses of values of type `kind` before."""
        again = np.zeros(len(addresses), dtype=np.bool_)
        for of, passed in path.passed:
            if of == kind:
                again |= passed == addresses
        return again

    def type_at(self, number: int | None) -> PlanType | None:
        """The type of that number, None where there is none."""
        return None if number is None else self.types.get(number)

    def runs(self, places: I64Array, counts: I64Array, size: int) -> U8Array:
        """The elements of `size` bytes of runs of so many, end to end, a row each."""
        total = int(counts.sum())
        if size == 0:
            return np.zeros((total, 0), dtype=np.uint8)
        element = run_indices(np.zeros(len(counts), dtype=np.int64), counts)
        return text.rows_of(self.data, np.repeat(places, counts) + element * size, size)

    def _strings(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        address, length = word(raw, 0), word(raw, 1)
        found = self.objects.find(path.keys(address), STRING_TYPE)
        shown = np.minimum(found.bytes, np.minimum(length, limits.max_string).astype(np.int64))
        status, detail = _run_status(address, length, found, shown.astype(np.uint64))
        status[(address == plan.HIDDEN_WORD) & (length == 0)] = Status.REDACTED
        present = (status == Status.OK) | (status == Status.TRUNCATED)
        shown = np.where(present, shown, 0)
        cut = status == Status.TRUNCATED
        rows, index = distinct(present, found.place, shown, cut.astype(np.uint8))
        target = text.utf8(self.data, found.place[rows], shown[rows], cut[rows])
        return self._shared(kind, status, detail, address, rows, index, Texts(target))

    def _trie(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        """Tries, which are as maps are (`ir/plan.py`, "Values")."""
        root = next((item.offset for item in kind.fields if item.name == "root"), None)
        if root is None:
            return missing(kind, len(raw), Status.UNSUPPORTED)
        return self._references.maps(kind, word_at(raw, root), limits, path)

    def _zone(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector | None:
        """Where times are, by the pointers to their time.Location; None where these aren't followed."""
        item = next((item for item in kind.fields if item.name == "loc"), None)
        if item is None:
            return None
        part = raw[:, item.offset : item.offset + 8]
        return self.value(self.types[item.type], part, limits.field(chain=item.chain), path.inward())

    def _struct(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        named = name_fields(kind, self.types)
        names: list[str] = []
        vectors: list[Vector] = []
        for item in shown_fields(kind):
            of = self.types[item.type]
            part = raw[:, item.offset : item.offset + of.size]
            vector = self.value(of, part, limits.field(chain=item.chain), path.inward())
            names.append(item.name)
            vectors.append(vector)
            if item.name in named:
                names.append(item.name + NAME_SUFFIX)
                vectors.append(fine(self.types[STRING_TYPE], len(raw), Texts(constant_names(vector))))
        return fine(kind, len(raw), Record(tuple(names), tuple(vectors)))

    def _array(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        rows, length = len(raw), kind.length or 0
        elem = self.type_at(kind.elem)
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
            items = self.value(elem, matrix, limits, path.repeat(counts))
            result = fine(kind, rows, Items(run_starts(counts), items))
        if shown < length:
            whole: U64Array = np.full(rows, length, dtype=np.uint64)
            return replace(result, status=statuses(rows, Status.TRUNCATED), detail=whole)
        return result

    def _slice(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        address, length, capacity = word(raw, 0), word(raw, 1), word(raw, 2)
        elem = self.type_at(kind.elem)
        if elem is None:
            return missing(kind, len(raw), Status.UNSUPPORTED, address)
        found = self.objects.find(path.keys(address), kind.id)
        room = found.bytes // elem.size if elem.size else np.full(len(raw), _MAX_EMPTY_ITEMS)
        shown = np.minimum(room, np.minimum(length, self._bound(kind, limits)).astype(np.int64))
        status, detail = _run_status(address, length, found, shown.astype(np.uint64), sized=elem.size > 0)
        status[(address == 0) & (length == 0) & (capacity == 0)] = Status.NIL
        broken = length > capacity
        cycle = self.passed(kind.id, address, path) & (length > 0) & ~broken
        status[broken], status[cycle] = Status.UNREADABLE, Status.DEPTH
        detail[broken | cycle] = address[broken | cycle]
        present = (status == Status.OK) | (status == Status.TRUNCATED)
        shown = np.where(present, shown, 0)
        if is_bytes(kind, self.types):
            rows, index = distinct(present, found.place, shown)
            target = Texts(text.hexadecimal(self.data, found.place[rows], shown[rows]))
            return self._shared(kind, status, detail, address, rows, index, target)
        rows, index = distinct(present, found.place, shown, status, *(passed for _, passed in path.passed))
        if not self.affords(int(shown[rows].sum()), path):
            status[present], detail[present] = Status.BUDGET, address[present]
            return Vector(kind, status, detail, address, Nothing())
        inside = path.take(rows).repeat(shown[rows])
        inside = self.through(kind.id, np.repeat(address[rows], shown[rows]), inside)
        raw_items = self.runs(found.place[rows], shown[rows], elem.size)
        items = Items(run_starts(shown[rows]), self.value(elem, raw_items, limits.beside(), inside))
        return self._shared(kind, status, detail, address, rows, index, items)

    def _pointer(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        address, elem = word(raw, 0), self.type_at(kind.elem)
        if elem is not None and is_type_description(elem):
            return self._interfaces.type_names(kind, address)
        if limits.ended:
            return nil_where_zero(missing(kind, len(raw), Status.DEPTH, address), address)
        if elem is None:
            return nil_where_zero(missing(kind, len(raw), Status.UNSUPPORTED, address), address)
        return self.behind(kind, elem, address, limits.below(), path)

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

    def _bound(self, kind: PlanType, limits: Limits) -> int:
        """How many elements of a slice or array are shown: bytes are limited as a string is."""
        return limits.max_string if is_bytes(kind, self.types) else limits.max_items

    def _leads_to(self, number: int) -> Iterable[int]:
        kind = self.types[number]
        if kind.kind in ("interface", "shared") or kind.name == REFLECT_VALUE:
            return self._interfaces.met
        if kind.kind == "func":
            return self._references.closures
        inner = [item.type for item in kind.fields]
        return inner + [other for other in (kind.elem, kind.key) if other is not None]


def nil_where_zero(vector: Vector, address: U64Array) -> Vector:
    """The vector with `nil` where the address is 0."""
    vector.status[address == 0] = Status.NIL
    return vector


_DTYPES = {"int": "<i", "uint": "<u", "float": "<f", "complex": "<c"}


def _numbers(kind: PlanType, raw: U8Array) -> npt.NDArray[np.generic]:
    flat = np.ascontiguousarray(raw)
    if kind.kind == "bool":
        return np.asarray(flat != 0).reshape(-1)
    return np.asarray(flat.view(f"{_DTYPES[kind.kind]}{kind.size}").reshape(-1))


def _times(kind: PlanType, raw: U8Array, zone: Vector | None) -> Vector:
    wall, ext = word(raw, 0), word(raw, 1).view("<i8")
    since_1885 = ((wall >> np.uint64(30)) & np.uint64((1 << 33) - 1)).astype(np.int64) + _SECONDS_1885
    since_year_1 = ext - _SECONDS_YEAR_1  # may wrap
    monotonic = (wall & _HAS_MONOTONIC) != 0
    seconds = np.where(monotonic, since_1885, since_year_1)
    wrapped = ~monotonic & (since_year_1 > ext)
    nanoseconds = (wall & _NANOSECONDS).astype(np.int64)
    return fine(kind, len(raw), Times(seconds, nanoseconds, wrapped, ext.astype(np.int64), monotonic, zone))


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
