"""Tables `waited_locks` and `lock_holders`: the locks of package sync that goroutines wait for, and who may have them.

Go doesn't note who has a lock. A goroutine counts as a holder where one of its frames is inside of a critical section
and has what those who wait have too: the same pointer into the object with the lock (`runtime/holding.py` has found
such frames), or the lock is a variable that the frame's function refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.ir.locks import LOCK_BEFORE, MUTEX, RW_MUTEX, WAIT_GROUP_COUNTER
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.stacks import Stacks
from sey.runtime.pages import I64Array, U64Array

Records = npt.NDArray[np.void]

LOCKS = pa.schema(
    [
        ("pid", pa.int32()),
        ("address", pa.uint64()),
        ("kind", pa.string()),
        ("waiters", pa.int64()),
        ("locked", pa.bool_()),
        ("readers", pa.int64()),
        ("counter", pa.int64()),
    ]
)
HOLDERS = pa.schema(
    [
        ("pid", pa.int32()),
        ("address", pa.uint64()),
        ("goid", pa.int64()),
        ("depth", pa.int32()),
        ("locked_at_line", pa.int32()),
        ("evidence", pa.string()),
    ]
)


@dataclass(frozen=True)
class Waiting:
    """Who waits for what, a row each: the runtime.g, the lock, the semaphore in it, and the kind of lock."""

    g: U64Array
    address: U64Array
    semaphore: U64Array
    kind: npt.NDArray[np.object_]


@dataclass(frozen=True)
class _Lock:
    address: int
    kind: str
    waiters: U64Array
    records: Records


class Locks:
    """The locks of one process. `records` are those of stream `lock`, `words` those of stream `hold`."""

    def __init__(self, facts: ProcessFacts, waiting: Waiting, records: Records, words: Records) -> None:
        self.facts, self.waiting, self.words = facts, waiting, words
        self.records = records[np.argsort(records["semaphore"], kind="stable")]

    @cached_property
    def _locks(self) -> list[_Lock]:
        order = np.argsort(self.waiting.address, kind="stable")
        addresses, starts = np.unique(self.waiting.address[order], return_index=True)
        found = []
        for address, rows in zip(addresses.tolist(), np.split(order, starts[1:]) if len(starts) else (), strict=True):
            own = np.isin(self.records["semaphore"], np.unique(self.waiting.semaphore[rows]))
            kind = str(self.waiting.kind[rows[0]])
            found.append(_Lock(address, kind, self.waiting.g[rows], self.records[own]))
        return found

    def table(self) -> pa.Table:
        """Table `waited_locks`."""
        rows = [(lock.address, lock.kind, len(np.unique(lock.waiters)), *_state(lock)) for lock in self._locks]
        return self._table(rows, LOCKS)

    def holders(self, goroutines: Records, stacks: Stacks) -> pa.Table:
        """Table `lock_holders`; `goroutines` by the address of their runtime.g."""
        rows = sorted(set(self._holders(goroutines, stacks)), key=lambda row: (row[0], row[1], -row[2]))
        return self._table(rows, HOLDERS)

    def _table(self, rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
        """A table of rows that lack the pid alone."""
        columns = list(zip(*rows, strict=True)) or [()] * (len(schema) - 1)
        pids = [self.facts.pid] * len(rows)
        return pa.table([pa.array(c, f.type) for c, f in zip((pids, *columns), schema, strict=True)], schema=schema)

    def _holders(self, goroutines: Records, stacks: Stacks) -> Iterator[tuple[int, int, int, int, str]]:
        """Address, goid, depth, line and evidence of each holder."""
        stack = stacks.index_of(goroutines["stack"])
        number = {int(g): row for row, g in enumerate(goroutines["g"].tolist())} if self.facts.holdings else {}
        for lock in self._locks if number else ():
            if lock.kind not in ("mutex", "rwmutex"):
                continue
            waiters, pointers = set(lock.waiters.tolist()), self._pointers(lock)
            for holding in self.facts.holdings:
                if holding.g and holding.g not in waiters and holding.word in pointers and holding.g in number:
                    row = number[holding.g]
                    places = [(row, holding.frame)]
                elif not holding.g and holding.word == lock.address:
                    places = [p for p in _with_pc(stacks, stack, holding.pc) if goroutines["g"][p[0]] not in waiters]
                else:
                    continue
                for row, frame in places:
                    depth = int(stacks.depth_of(stack[[row]], np.array([frame]), np.zeros(1, dtype=np.int64))[0])
                    evidence = "pointer" if holding.g else "variable"
                    yield lock.address, int(goroutines["goid"][row]), depth, holding.line, evidence

    def _pointers(self, lock: _Lock) -> frozenset[int]:
        """The pointers to the object with a lock that those have on their stacks who wait for it."""
        found = set[int]()
        words = self.words[np.isin(self.words["g"], lock.waiters)]
        for record in lock.records:
            inside = (words["word"] >= record["object"]) & (words["word"] <= lock.address)
            found.update(words["word"][inside].tolist())
        return frozenset(found)


def _with_pc(stacks: Stacks, stack: I64Array, pc: int) -> list[tuple[int, int]]:
    """The goroutines (rows of `stack`) that have a frame at `pc`, and the number of that frame."""
    words = np.flatnonzero(stacks.pcs == np.uint64(pc))
    owners = np.searchsorted(stacks.words, words, side="right") - 1
    found = []
    for word, owner in zip(words.tolist(), owners.tolist(), strict=True):
        frame = word - int(stacks.words[owner])
        frame += int(stacks.left_out[owner]) if frame >= int(stacks.inner[owner]) else 0
        found += [(row, frame) for row in np.flatnonzero(stack == owner).tolist()]
    return found


def _state(lock: _Lock) -> tuple[bool | None, int | None, int | None]:
    """Whether it is locked (for writing), how many readers have it, and the counter of a WaitGroup."""
    records = lock.records[lock.records["readable"] == 1]
    if not len(records):
        return None, None, None
    record = records[0]
    around = b"".join(int(record[f"word{i}"]).to_bytes(8, "little") for i in range(4))
    start = lock.address - int(record["semaphore"]) + LOCK_BEFORE

    def signed(place: int) -> int:
        return int.from_bytes(around[start + place : start + place + 4], "little", signed=True)

    match lock.kind:
        case "mutex":
            return bool(signed(MUTEX["state"]) & 1), None, None
        case "rwmutex":
            count = signed(RW_MUTEX["readerCount"])
            pending = count < 0
            readers = signed(RW_MUTEX["readerWait"]) if pending else count
            return pending and readers <= 0, max(readers, 0), None
        case "waitgroup":
            return None, None, signed(WAIT_GROUP_COUNTER)
        case _:
            return None, None, None
