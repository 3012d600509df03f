"""The distinct stacks of a trace, and the tables of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.ir.plan import StackEnd
from sey.runtime.decode.stacks import NO_STACK, Stacks, stacks_of, stacks_table
from sey.runtime.events.log import EventLog
from sey.runtime.events.rows import StackPlaces
from sey.runtime.pages import I64Array
from sey.runtime.symbols import SymbolTable


class EventStacks:
    """Numbers stacks in the order in which they are met."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._numbers: dict[tuple[bytes, int], int] = {}

    def numbers(self, stacks: StackPlaces, limit: int) -> I64Array:
        """The number of each row's stack, `NO_STACK` where it has none; walks end after `limit` frames."""
        numbers: I64Array = np.full(len(stacks.place), NO_STACK, dtype=np.int64)
        data, known = self._log.data.data, self._numbers
        rows = np.flatnonzero(stacks.frames)
        ends = np.where(stacks.frames >= limit, int(StackEnd.LIMIT), stacks.end)
        chosen = (stacks.place[rows], stacks.frames[rows] * 8, ends[rows])
        met = zip(*(column.tolist() for column in chosen), strict=True)
        numbers[rows] = [known.setdefault((bytes(data[at : at + size]), end), len(known)) for at, size, end in met]
        return numbers

    def stacks(self, symbols: SymbolTable) -> Stacks:
        """All that were met."""
        sizes = np.array([len(pcs) // 8 for pcs, _ in self._numbers], dtype=np.int64)
        ends = np.array([end for _, end in self._numbers], dtype=np.int64)
        pcs = np.frombuffer(b"".join(pcs for pcs, _ in self._numbers), dtype="<u8")
        return stacks_of(np.arange(len(sizes)), ends, sizes, sizes, sizes, pcs, symbols)


def event_stacks_table(stacks: Stacks, pid: int) -> pa.Table:
    """Table `stacks` of a trace: nobody counted goroutines, and of a walk that ended early what is left isn't known."""
    table = stacks_table(stacks, pid, np.zeros(0, dtype=np.int64))
    nothing = pa.nulls(len(table), pa.int64())
    whole = stacks.end == StackEnd.COMPLETE
    known = {
        "goroutines": nothing,
        "truncated": pa.array(np.zeros(len(table), dtype=np.int64), mask=~whole),
    }
    columns = [known.get(name, table.column(name)) for name in table.column_names]
    return pa.table(columns, names=table.column_names)
