"""Pc tables: what is written by the linker's rules is read back, one by one and in bulk; damage is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sey.binary.errors import SeyError
from sey.binary.pctable import PcTableArea
from sey.binary.problems import Damaged

ROW = st.tuples(st.integers(min_value=1, max_value=1 << 20), st.integers(min_value=-(1 << 30), max_value=1 << 30))
TABLE = st.lists(ROW, min_size=1, max_size=12)


def fail(reason: str) -> SeyError:
    return SeyError(Damaged("test", "pc table", reason))


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def encode(rows: list[tuple[int, int]]) -> bytes:
    """`rows` are (bytes of code, value); the form is that of cmd/internal/obj/pcln.go."""
    out, before = b"", -1
    for length, value in rows:
        change = value - before
        out += varint(change << 1 ^ (change >> 63) if change >= 0 else ((-change) << 1) - 1) + varint(length)
        before = value
    return out + b"\0"


def distinct(rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """No value twice in a row, as the linker writes tables."""
    return [row for i, row in enumerate(rows) if i == 0 or rows[i - 1][1] != row[1]]


@given(st.lists(TABLE.map(distinct), min_size=1, max_size=8))
def test_tables_are_read_back(tables: list[list[tuple[int, int]]]) -> None:
    data, offsets = b"\0", []
    for table in tables:
        offsets.append(len(data))
        data += encode(table)
    area = PcTableArea(memoryview(data), fail)
    bulk = area.tables(np.array(offsets, dtype=np.uint32))
    queries: list[tuple[int, int, int]] = []
    for number, (offset, table) in enumerate(zip(offsets, tables, strict=True)):
        one = area.table(offset)
        assert one.values == [value for _, value in table]
        assert one.ends == np.cumsum([length for length, _ in table]).tolist()
        begin = 0
        for length, value in table:
            queries += [(number, begin, value), (number, begin + length - 1, value)]
            begin += length
        queries += [(number, begin, -1), (number, -1, -1), (number, 1 << 40, -1), (-1, 0, -1)]
        assert one.at(begin) == one.at(-1) == -1
    which, code, expected = (np.array(column, dtype=np.int64) for column in zip(*queries, strict=True))
    assert bulk.at(which, code).tolist() == expected.tolist()


@given(st.binary(min_size=1, max_size=60), st.sets(st.integers(0, 70), min_size=1, max_size=5))
def test_random_bytes_are_read_alike_or_refused(data: bytes, starts: set[int]) -> None:
    area = PcTableArea(memoryview(data), fail)
    ones = []
    for offset in sorted(starts - {0}):
        try:
            ones.append((offset, area.table(offset)))
        except SeyError:
            with pytest.raises(SeyError):
                area.tables(np.array([offset], dtype=np.uint32))
    for offset, one in ones:
        try:
            bulk = area.tables(np.array([offset], dtype=np.uint32))
        except SeyError:
            assert max(one.ends) >= 1 << 32
            continue
        assert (bulk.ends.tolist(), bulk.values.tolist()) == (one.ends, one.values)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\2", "no end"),
        (b"\0\2\2", "no end"),
        (b"\0\2\x80\0", "breaks off|too long"),
        (b"\0\2\2\2\0", "breaks off"),
        (b"\0" + b"\xff" * 6 + b"\1\1\0", "breaks off|too long"),
        (b"\0\2" + b"\xff\xff\xff\xff\x7f" + b"\0", "4 GiB"),
    ],
)
def test_damage(data: bytes, reason: str) -> None:
    area = PcTableArea(memoryview(data), fail)
    with pytest.raises(SeyError, match=reason):
        area.tables(np.array([1], dtype=np.uint32))


def test_overlapping_and_distant_tables() -> None:
    area = PcTableArea(memoryview(b"\0\2\2\4\4\0"), fail)
    with pytest.raises(SeyError, match="overlap"):
        area.tables(np.array([1, 3], dtype=np.uint32))
    for offset in (6, 1 << 31):
        with pytest.raises(SeyError, match="of 6 bytes"):
            area.tables(np.array([offset], dtype=np.uint32))
        with pytest.raises(SeyError, match="of 6 bytes"):
            area.table(offset)
