"""Captured columns: the value, its status, the detail that goes with it, and the address behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.plan import PlanColumn, PlanType, Status
from sey.runtime.decode import times
from sey.runtime.decode.arrow_form import to_arrow
from sey.runtime.decode.constants import constant_names
from sey.runtime.decode.forms import JSON, Form
from sey.runtime.decode.json_form import BEING_WRITTEN, bare_json, to_json, to_text
from sey.runtime.decode.kinds import WITH_ADDRESS, has_names
from sey.runtime.decode.limits import Limits
from sey.runtime.decode.siblings import monotonic, zones
from sey.runtime.decode.text import constant, hex_words
from sey.runtime.decode.type_forms import form_of
from sey.runtime.decode.values import ValueDecoder
from sey.runtime.decode.vectors import (
    OUT_OF_RANGE,
    STATUS_WORDS,
    Entries,
    Nothing,
    Times,
    Vector,
    changing_of,
    spread,
    through,
)
from sey.runtime.pages import I64Array, U8Array, U64Array


@dataclass(frozen=True)
class Part:
    """The rows of a column that have values of one type; `there` marks those whose own bytes were captured."""

    rows: I64Array
    vector: Vector
    there: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ColumnShape:
    """What is known of a column before its values are decoded: `form` is how these appear in tables.

    `kinds` are its types, `has_address` tells whether an address can be behind a value, `has_names` whether a type of
    the values at hand has named constants.
    """

    column: PlanColumn
    kinds: tuple[PlanType, ...]
    form: Form
    has_address: bool
    has_names: bool

    @classmethod
    def of(cls, column: PlanColumn, types: Mapping[int, PlanType], forms: I64Array) -> ColumnShape:
        """The shape of a column whose rows have the types numbered by `forms`, -1 where a row has none."""
        kinds = tuple(types[kind] for kind in column.types)
        met = [kinds[max(which, 0)] for which in np.unique(forms).tolist()] if kinds else []
        form = column_form(column, types)
        return cls(column, kinds, form, any(_has_address(kind, types) for kind in kinds), any(map(has_names, met)))

    def decode(
        self,
        decoder: ValueDecoder,
        number: int,
        records: npt.NDArray[np.void],
        forms: I64Array,
        events: I64Array | None = None,
    ) -> DecodedColumn:
        """The column's values in `records`, whose column `number` it is; `forms` has the type of each row, or -1.

        `events` are those that the rows belong to.
        """
        status, detail = records[f"s{number}"], records[f"d{number}"]
        # A number that no program writes says nothing, so neither does the value beside it.
        status = np.where(status > max(Status), int(Status.UNREACHED), status).astype(np.uint8)
        parts = []
        for which in np.unique(forms).tolist():
            rows = np.flatnonzero(forms == which).astype(np.int64)
            if which < 0:
                parts.append(self._without_place(rows, status, detail))
            else:
                raw = records[f"v{number}"]
                parts.append(_decode_rows(decoder, self.kinds[which], self.column, raw, rows, status, detail, events))
        return DecodedColumn(self, len(records), tuple(parts))

    def _without_place(self, rows: I64Array, status: U8Array, detail: U64Array) -> Part:
        # The program says why; where it never came to it, there was no place to read.
        kind = self.kinds[0] if self.kinds else PlanType(0, "", "unknown", 0)
        why = np.where(status[rows] <= Status.OK, int(Status.OPTIMIZED_OUT), status[rows]).astype(np.uint8)
        return Part(rows, Vector(kind, why, detail[rows], None, Nothing()), np.zeros(len(rows), dtype=np.bool_))


@dataclass(frozen=True)
class DecodedColumn:
    """Values of one captured column: `count` rows, those of each type decoded."""

    shape: ColumnShape
    count: int
    parts: tuple[Part, ...]

    @property
    def column(self) -> PlanColumn:
        """The plan's column."""
        return self.shape.column

    @property
    def form(self) -> Form:
        """How the values appear in tables."""
        return self.shape.form

    def values(self, form: Form | None = None) -> pa.Array:
        """The values in the column's form, or another; missing ones NULL."""
        form = form or self.form
        return self._merged([to_arrow(part.vector, form) for part in self.parts], form.arrow)

    def json(self) -> pa.StringArray:
        """The values as JSON text, missing ones NULL."""
        return self._merged([bare_json(part.vector) for part in self.parts], pa.string())

    def inner_json(self) -> pa.StringArray:
        """The values as JSON text as within other values, where missing ones are objects that say why."""
        return self._merged([to_json(part.vector) for part in self.parts], pa.string())

    def texts(self) -> pa.StringArray:
        """The values as text to search, missing ones NULL."""
        return self._merged([to_text(part.vector) for part in self.parts], pa.string())

    def type_names(self) -> pa.Array:
        """The name of each value's Go type; NULL where the column can't be had."""
        names = [part.vector.type.name for part in self.parts]
        index = pa.array(self._part_of, mask=self._part_of < 0)
        return pa.DictionaryArray.from_arrays(index, constant(*names))

    def names(self) -> pa.StringArray:
        """The names of the constants that the values are, NULL where they are none."""
        return self._merged([constant_names(part.vector) for part in self.parts], pa.string())

    def zones(self) -> pa.StringArray:
        """The names of the zones that instants are shown in, NULL where they aren't known."""
        return self._merged([zones(part.vector) for part in self.parts], pa.string())

    def monotonic(self) -> pa.Int64Array:
        """The monotonic clock of instants, in nanoseconds since the process started; NULL where they have none."""
        return self._merged([monotonic(part.vector) for part in self.parts], pa.int64())

    def status_words(self) -> pa.Array:
        """The statuses, as words."""
        return pa.DictionaryArray.from_arrays(pa.array(self.statuses), constant(*STATUS_WORDS))

    @cached_property
    def statuses(self) -> U8Array:
        """The status numbers, OUT_OF_RANGE among them."""
        result: U8Array = np.zeros(self.count, dtype=np.uint8)
        for part in self.parts:
            status = np.where(self._beyond(part), OUT_OF_RANGE, part.vector.status)
            result[part.rows] = np.where(self._left_out(part) > 0, Status.TRUNCATED, status)
        return result

    def status_counts(self) -> I64Array:
        """How many values have each status, by its index into STATUS_WORDS."""
        return np.bincount(self.statuses, minlength=len(STATUS_WORDS))

    def details(self) -> pa.StringArray:
        """Address, true length, type name or exact time, whatever the status asks for; else NULL."""
        fine = (self.statuses == Status.OK) | (self.statuses == Status.NIL)
        if bool(fine.all()) and all(changing_of(part.vector) is None for part in self.parts):
            return pa.nulls(self.count, pa.string())
        return self._merged([self._part_details(part) for part in self.parts], pa.string())

    def addresses(self) -> pa.Array:
        """The address behind each value, NULL where the value itself isn't known."""
        result: U64Array = np.zeros(self.count, dtype=np.uint64)
        known = np.zeros(self.count, dtype=np.bool_)
        for part in self.parts:
            if part.vector.address is not None:
                result[part.rows] = part.vector.address
                known[part.rows] = part.there
        return pa.array(result, mask=~known)

    @cached_property
    def _part_of(self) -> npt.NDArray[np.int32]:
        result = np.full(self.count, -1, dtype=np.int32)
        for number, part in enumerate(self.parts):
            result[part.rows] = number
        return result

    def _merged(self, arrays: list[pa.Array], arrow: pa.DataType) -> pa.Array:
        """The parts' arrays as one, in the order of the rows."""
        if len(arrays) == 1 and len(self.parts[0].rows) == self.count:
            return arrays[0]
        if not arrays:
            return pa.nulls(self.count, arrow)
        place: I64Array = np.full(self.count, -1, dtype=np.int64)
        at = 0
        for part in self.parts:
            place[part.rows] = np.arange(at, at + len(part.rows))
            at += len(part.rows)
        return pa.concat_arrays([a.cast(arrow) for a in arrays]).take(pa.array(place, mask=place < 0))

    def _beyond(self, part: Part) -> npt.NDArray[np.bool_]:
        """Where a time is there but doesn't fit into the column."""
        inside = _times(part.vector)
        if inside is None or self.form is JSON:
            return np.zeros(len(part.rows), dtype=np.bool_)
        values, index = inside
        _, fits = times.microseconds(values)
        if not len(fits):
            return np.zeros(len(part.rows), dtype=np.bool_)
        return np.asarray((part.vector.status == Status.OK) & (index >= 0) & ~fits[np.maximum(index, 0)])

    def _left_out(self, part: Part) -> U64Array:
        """Where a MAP can't have all the entries of a map, since keys are missing or look alike: how many there are."""
        inner, index = through(part.vector)
        entries = inner.data
        if self.form.kind != "map" or not isinstance(entries, Entries) or bool(entries.distinct.all()):
            return np.zeros(len(part.rows), dtype=np.uint64)
        counts = np.diff(entries.offsets)
        owner = np.repeat(np.arange(len(inner)), counts)
        lacking = np.bincount(owner[~entries.distinct], minlength=len(inner)) > 0
        whole = np.where(lacking & (inner.status == Status.OK), counts, 0).astype(np.uint64)
        return whole if index is None else np.where(index >= 0, whole[np.maximum(index, 0)], 0).astype(np.uint64)

    def _part_details(self, part: Part) -> pa.StringArray:
        vector = part.vector
        status = vector.status
        result = np.full(len(status), None, dtype=object)
        cut = status == Status.TRUNCATED
        known = cut & (vector.detail > 0)
        result[known] = vector.detail[known].astype(str)
        left_out = self._left_out(part)
        result[left_out > 0] = left_out[left_out > 0].astype(str)
        fixed = {Status.UNSUPPORTED: through(vector)[0].type.name, Status.OPTIMIZED_OUT: self.column.problem}
        for which, text in fixed.items():
            result[status == which] = text
        beyond = self._beyond(part)
        if bool(beyond.any()):
            inside = _times(vector)
            assert inside is not None
            exact = times.texts(inside[0]).to_numpy(zero_copy_only=False)
            result[beyond] = exact[inside[1][beyond]]
        others = (status != Status.OK) & ~cut & ~np.isin(status, list(fixed)) & (vector.detail != 0)
        if bool(others.any()):
            result[others] = hex_words(vector.detail[others]).to_numpy(zero_copy_only=False)
        changing = changing_of(vector)
        for at in np.flatnonzero(changing).tolist() if changing is not None else ():
            result[at] = BEING_WRITTEN if result[at] is None else f"{result[at]}, {BEING_WRITTEN}"
        return pa.array(result, pa.string(), from_pandas=True)


def decode_column(
    decoder: ValueDecoder, column: PlanColumn, number: int, records: npt.NDArray[np.void], forms: I64Array
) -> DecodedColumn:
    """Column `number` of the rows in `records`; `forms` has for each row the index into the column's types, or -1."""
    return ColumnShape.of(column, decoder.types, forms).decode(decoder, number, records, forms)


def _has_address(kind: PlanType, types: Mapping[int, PlanType]) -> bool:
    shape = types.get(kind.elem or 0) if kind.kind == "shared" else None
    return (shape or kind).kind in WITH_ADDRESS or kind.special == "address"


def column_form(column: PlanColumn, types: Mapping[int, PlanType]) -> Form:
    """How a column appears: in the form of its type; JSON where it has several types that don't agree."""
    forms = {_key(form): form for form in (form_of(types[kind], types, column.depth) for kind in column.types)}
    return next(iter(forms.values())) if len(forms) == 1 else JSON


def _key(form: Form) -> tuple[str, str]:
    return form.kind, str(form.arrow)


def _decode_rows(
    decoder: ValueDecoder,
    kind: PlanType,
    column: PlanColumn,
    raw: U8Array,
    rows: I64Array,
    status: U8Array,
    detail: U64Array,
    events: I64Array | None,
) -> Part:
    whole = len(rows) == len(raw)
    status, detail = (status, detail) if whole else (status[rows], detail[rows])
    there = status == Status.OK
    if raw.shape[1] < kind.size:  # the row has no room for values of this type
        no_room = np.where(there, int(Status.BUDGET), status).astype(np.uint8)
        return Part(rows, Vector(kind, no_room, detail, None, Nothing()), np.zeros(len(rows), dtype=np.bool_))
    chosen = raw if whole and bool(there.all()) else raw[rows[there]]
    of = None if events is None else events[rows[there]]
    vector = decoder.decode(kind.id, chosen[:, : kind.size], Limits.of(column), of)
    return Part(rows, spread(vector, there, status, detail), there)


def _times(vector: Vector) -> tuple[Times, I64Array] | None:
    """The times in a column of times (or of pointers to them), and which of them each row has."""
    inner, index = through(vector)
    if not isinstance(inner.data, Times):
        return None
    return inner.data, np.arange(len(vector), dtype=np.int64) if index is None else index
