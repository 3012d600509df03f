"""The tables of `func` and `event` blocks, a slice of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from sey.runtime.decode.columns import ColumnShape, DecodedColumn
from sey.runtime.decode.forms import JSON, TIMESTAMP, Form
from sey.runtime.decode.kinds import NAME_SUFFIX
from sey.runtime.decode.rows import DecodedBlock, SlicedRows
from sey.runtime.decode.text import constant


@dataclass(frozen=True)
class Member:
    """A column of the table."""

    field: pa.Field
    of: Callable[[DecodedBlock], pa.Array]


class BlockTable:
    """The table of one block over all processes: `blocks` are its rows in each.

    `lead` are the columns before those of the captures.
    """

    def __init__(self, blocks: Sequence[SlicedRows], lead: Sequence[Member]) -> None:
        self._shapes = [{shape.column.name: shape for shape in rows.shapes} for rows in blocks]
        self._members: dict[str, Member] = {}
        for member in lead:
            self._put(member.field, member.of)
        self._add_captures()

    @cached_property
    def schema(self) -> pa.Schema:
        """The table's columns."""
        return pa.schema([member.field for member in self._members.values()])

    def batch(self, rows: DecodedBlock) -> pa.RecordBatch:
        """A slice of the rows of one process."""
        arrays = [plain(member.of(rows)) for member in self._members.values()]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _put(self, field: pa.Field, of: Callable[[DecodedBlock], pa.Array]) -> None:
        # A capture may be called like a column that goes with another one; the capture stays.
        self._members.setdefault(field.name.lower(), Member(field, of))

    def _add_captures(self) -> None:
        names = list(dict.fromkeys(name for shapes in self._shapes for name in shapes))
        forms = {name: _common_form([s[name].form for s in self._shapes if name in s]) for name in names}
        for name in names:
            self._put_each(forms[name].field(name), name, _values_in(forms[name]))
        text, word, number = pa.string(), pa.uint64(), pa.int64()
        for name in names:
            if self._any(name, lambda shape: shape.has_names):
                self._put_each(pa.field(f"{name}{NAME_SUFFIX}", text), name, DecodedColumn.names)
        for name in names:
            if forms[name].arrow == TIMESTAMP:
                self._put_each(pa.field(f"{name}__zone", text), name, DecodedColumn.zones)
                self._put_each(pa.field(f"{name}__monotonic", number), name, DecodedColumn.monotonic)
        for name in names:
            self._put_each(pa.field(f"{name}__status", text), name, DecodedColumn.status_words)
            self._put_each(pa.field(f"{name}__detail", text), name, DecodedColumn.details)
            if self._any(name, lambda shape: shape.has_address):
                self._put_each(pa.field(f"raw_{name}", word), name, DecodedColumn.addresses)

    def _put_each(self, field: pa.Field, name: str, of: Callable[[DecodedColumn], pa.Array]) -> None:
        """A column from the captured one of that name, NULL in processes that have none."""

        def member(rows: DecodedBlock) -> pa.Array:
            column = rows.column(name)
            return pa.nulls(len(rows), field.type) if column is None else of(column)

        self._put(field, member)

    def _any(self, name: str, has: Callable[[ColumnShape], bool]) -> bool:
        return any(name in shapes and has(shapes[name]) for shapes in self._shapes)


def depths(rows: DecodedBlock) -> pa.Array:
    """The depth of each row's frame, NULL where it isn't known."""
    return pa.array(rows.depth.astype(np.int32), mask=rows.depth < 0)


def plain(array: pa.Array) -> pa.Array:
    """The array with its values themselves where it has them by number."""
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _values_in(form: Form) -> Callable[[DecodedColumn], pa.Array]:
    return lambda column: column.values(form)


def _common_form(forms: Sequence[Form]) -> Form:
    return forms[0] if all(form == forms[0] for form in forms) else JSON


def _functions(rows: DecodedBlock) -> pa.Array:
    names = constant(*(site.function for site in rows.block.sites))
    return pa.DictionaryArray.from_arrays(pa.array(rows.site.astype(np.int32)), names)


pids = Member(pa.field("pid", pa.int32()), lambda rows: pa.array(np.full(len(rows), rows.pid, dtype=np.int32)))
goids = Member(pa.field("goid", pa.int64()), lambda rows: pa.array(rows.goid))
functions = Member(pa.field("function", pa.string()), _functions)
FUNC_LEAD = (pids, goids, Member(pa.field("depth", pa.int32()), depths), functions)
"""What rows of `func` blocks begin with."""
