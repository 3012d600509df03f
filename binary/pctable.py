"""The pc-value tables of pclntab: one at a time, and many at once with numpy.

A table maps ranges of code offsets to values and is stored as pairs of varints: the zigzag-coded change of the value
(starting from -1), then how many bytes of code have it. A value change of 0 ends the table, except in its first pair.
Source: runtime.pcvalue and step in runtime/symtab.go. The instruction quantum of amd64 is 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sey.binary.errors import SeyError

U8Array = npt.NDArray[np.uint8]
I64Array = npt.NDArray[np.int64]

NO_VALUE = -1
"""What a table says about code that it doesn't cover."""
_LONGEST = 5
"""Bytes in the longest varint of 32 bits."""


@dataclass(frozen=True)
class PcTable:
    """One decoded table: row i holds `values[i]` for code offsets below `ends[i]` and from `ends[i - 1]` (or 0) on."""

    ends: list[int]
    values: list[int]

    def at(self, offset: int) -> int:
        """The value at a code offset from the function's entry, NO_VALUE outside of the table."""
        row = bisect_right(self.ends, offset)
        return self.values[row] if row < len(self.ends) and offset >= 0 else NO_VALUE


_EMPTY = PcTable([], [])


@dataclass(frozen=True)
class PcTables:
    """Many tables decoded at once. Rows `first[t]` up to `first[t + 1]` of `ends` and `values` are table t."""

    first: I64Array
    ends: I64Array
    values: I64Array

    @cached_property
    def _keys(self) -> I64Array:
        return (self._table_of_row << 32) | self.ends

    @cached_property
    def _table_of_row(self) -> I64Array:
        return np.repeat(np.arange(len(self.first) - 1, dtype=np.int64), np.diff(self.first))

    def at(self, tables: I64Array, offsets: I64Array) -> I64Array:
        """The values of table `tables[i]` at code offset `offsets[i]`; NO_VALUE outside of it, or for table -1."""
        if not len(self._keys):
            return np.full(len(tables), NO_VALUE, dtype=np.int64)
        inside = (tables >= 0) & (offsets >= 0) & (offsets < 1 << 32)
        row = np.searchsorted(self._keys, (tables << 32) | offsets, side="right")
        inside &= row < self.first[np.where(inside, tables + 1, 0)]
        return np.where(inside, self.values[np.where(inside, row, 0)], NO_VALUE).astype(np.int64)


class PcTableArea:
    """The part of pclntab that holds all tables. `fail` makes the error for damage from a reason."""

    def __init__(self, data: memoryview, fail: Callable[[str], SeyError]) -> None:
        self._data = data
        self._fail = fail
        self._decoded: dict[int, PcTable] = {0: _EMPTY}

    def table(self, offset: int) -> PcTable:
        """The table at an offset of the area; offset 0 stands for a table without rows."""
        found = self._decoded.get(offset)
        if found is None:
            found = self._decoded[offset] = self._decode(offset)
        return found

    def _decode(self, offset: int) -> PcTable:
        if not 0 < offset < len(self._data):
            raise self._fail(f"a pc table at {offset} of {len(self._data)} bytes")
        end = int(self._terminators(np.array([offset], dtype=np.int64))[0])
        ends, values, numbers = list[int](), list[int](), _varints(self._data[offset:end])
        if numbers is None or len(numbers) % 2:
            raise self._fail(f"the pc table at {offset} breaks off")
        value, code = NO_VALUE, 0
        for change, length in zip(numbers[::2], numbers[1::2], strict=True):
            value += (change >> 1) ^ -(change & 1)
            code += length
            values.append(value)
            ends.append(code)
        return PcTable(ends, values)

    @cached_property
    def _bytes(self) -> U8Array:
        return np.frombuffer(self._data, dtype=np.uint8)

    @cached_property
    def _zeros(self) -> I64Array:
        return np.flatnonzero(self._bytes == 0).astype(np.int64)

    def _terminators(self, offsets: I64Array) -> I64Array:
        """Where the tables end: at the first zero byte behind their start. No varint of several bytes ends in zero, and
        of a table's numbers only the first change may be zero, since every row covers some code."""
        at = np.searchsorted(self._zeros, offsets, side="right")
        if len(at) and int(at.max()) >= len(self._zeros):
            raise self._fail("a pc table has no end")
        return self._zeros[at]

    def tables(self, offsets: npt.NDArray[np.uint32]) -> PcTables:
        """Decode the tables at distinct, ascending offsets (without 0) of the area."""
        starts = offsets.astype(np.int64)
        if not len(starts):
            nothing = np.zeros(0, dtype=np.int64)
            return PcTables(np.zeros(1, dtype=np.int64), nothing, nothing)
        if int(starts[0]) <= 0 or int(starts[-1]) >= len(self._data):
            raise self._fail(f"a pc table at {int(starts[-1])} of {len(self._data)} bytes")
        stops = self._terminators(starts)
        if np.any(starts[1:] <= stops[:-1]):
            raise self._fail("pc tables overlap")
        return self._decode_many(starts, stops - starts)

    def _decode_many(self, starts: I64Array, sizes: I64Array) -> PcTables:
        before = np.cumsum(sizes) - sizes
        packed = self._bytes[np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))]
        last = packed < 0x80
        count = np.cumsum(last)[before + sizes - 1]
        if not np.all(last[before + sizes - 1]) or np.any(count % 2):
            raise self._fail("a pc table breaks off")
        numbers = self._varints(packed, np.flatnonzero(last))
        changes, lengths = numbers[::2], numbers[1::2]
        changes = (changes >> 1) ^ -(changes & 1)
        first = np.concatenate(([0], count // 2))
        ends = _running(lengths, first, 0)
        if int(ends.max()) >= 1 << 32:
            raise self._fail("a pc table covers more than 4 GiB of code")
        return PcTables(first, ends, _running(changes, first, NO_VALUE))

    def _varints(self, packed: U8Array, last: I64Array) -> I64Array:
        """The numbers whose final bytes are at `last`."""
        begin = np.concatenate(([0], last[:-1] + 1))
        size = last - begin + 1
        if int(size.max()) > _LONGEST:
            raise self._fail("a number in a pc table is too long")
        numbers = np.zeros(len(last), dtype=np.int64)
        for at in range(int(size.max())):
            longer = np.flatnonzero(size > at)
            numbers[longer] |= (packed[begin[longer] + at] & 0x7F).astype(np.int64) << (7 * at)
        return numbers


def _running(changes: I64Array, first: I64Array, start: int) -> I64Array:
    """Sums from the first row of each table on, beginning with `start`."""
    sums: I64Array = np.cumsum(changes)
    base = np.where(first[:-1] > 0, sums[first[:-1] - 1], 0)
    return np.asarray(sums - np.repeat(base, np.diff(first)) + start, dtype=np.int64)


def _varints(data: memoryview) -> list[int] | None:
    """All varints of `data`; None where the last is incomplete or one is longer than 32 bits."""
    numbers, number, shift = list[int](), 0, 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
        elif shift >= 7 * _LONGEST:
            return None
    return None if shift else numbers
