"""Stack deltas of a whole executable as one searchable table: PC → bytes between SP and the return address.

The deltas are the compiler's own (pcsp in pclntab), the same as the CFI of `.debug_frame`, and survive stripping.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sey.binary.elf import U64Array
from sey.binary.pclntab import WORD_PCSP, PcFunc, PclnTab
from sey.binary.pctable import NO_VALUE, I64Array

I32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Rows:
    """Code offsets from the start of the text, and the delta from each up to the next row."""

    starts: I64Array
    deltas: I64Array


def pcsp_rows(table: PclnTab, functions: Iterable[PcFunc] | None = None) -> tuple[U64Array, I32Array]:
    """Where the stack delta changes, in the given functions or in all: ascending addresses, and the delta from each on.

    The delta at an address is that of the last row at or before it: CFA = SP + delta + 8; -1 means unknown. A
    function's last delta is said to hold for the padding behind it, which never runs. Neighbours of one delta share a
    row. Behind the last function, and in the gaps between chosen functions, the delta is -1. Raises SeyError.
    """
    chosen = _indexes(table, functions)
    if not len(chosen):
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int32)
    rows = _sorted(_table_rows(table, chosen), _closing_rows(table, chosen))
    if np.any(np.abs(rows.deltas) >= 1 << 31):
        raise table.fail("a stack delta of more than 2 GiB")
    changes = np.concatenate(([True], rows.deltas[1:] != rows.deltas[:-1]))
    starts = rows.starts[changes].astype(np.uint64) + np.uint64(table.text)
    return starts, rows.deltas[changes].astype(np.int32)


def _indexes(table: PclnTab, functions: Iterable[PcFunc] | None) -> I64Array:
    if functions is None:
        return np.arange(len(table), dtype=np.int64)
    return np.unique(np.array([f.index for f in functions], dtype=np.int64))


def _table_rows(table: PclnTab, chosen: I64Array) -> _Rows:
    """A row for every row of the functions' pcsp tables, which many functions share."""
    offsets = table.column(WORD_PCSP, chosen)
    owner = chosen[offsets > 0]
    distinct, which = np.unique(offsets[offsets > 0], return_inverse=True)
    decoded = table.tables.tables(distinct.astype(np.uint32))
    sizes = np.diff(decoded.first)[which]
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    row = np.repeat(decoded.first[:-1][which], sizes) + within
    begin = np.where(within > 0, decoded.ends[row - 1], 0) if len(row) else row
    entry, end = table.bounds(owner)
    starts = np.repeat(entry, sizes) + begin
    inside = starts < np.repeat(end, sizes)
    return _Rows(starts[inside], decoded.values[row][inside])


def _closing_rows(table: PclnTab, chosen: I64Array) -> _Rows:
    """Rows of no delta: where chosen functions end, and where functions without a table begin."""
    entry, end = table.bounds(chosen)
    starts = np.concatenate((end, entry[table.column(WORD_PCSP, chosen) == 0]))
    return _Rows(starts, np.full(len(starts), NO_VALUE, dtype=np.int64))


def _sorted(known: _Rows, unknown: _Rows) -> _Rows:
    """Both by address; where both have a row at one address, the known one."""
    starts = np.concatenate((unknown.starts, known.starts))
    deltas = np.concatenate((unknown.deltas, known.deltas))
    order = np.argsort(starts, kind="stable")
    starts, deltas = starts[order], deltas[order]
    last = np.concatenate((starts[1:] != starts[:-1], [True]))
    return _Rows(starts[last], deltas[last])
