"""Tables `goroutine_waits`, `waited_channels`, `waited_locks`, `lock_holders`: what is waited for, and who may hold it.

Locks of package sync are told by the word for why a goroutine waits, and found by where in them the semaphore is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.locks import COND_NOTIFY, MUTEX, RW_MUTEX, WAIT_GROUP
from sey.ir.plan import Plan, PlanStream, Wait
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.goroutines import WAITING
from sey.runtime.decode.locks import HOLDERS, LOCKS, Locks, Records, Waiting
from sey.runtime.decode.stacks import Stacks
from sey.runtime.pages import I64Array, Pages


@dataclass(frozen=True)
class _Meaning:
    """What a wait reason says: kind and operation, and how far into the thing waited for its semaphore or list is."""

    kind: str
    operation: str | None
    place: int = 0


_CHANNEL = _Meaning("channel", None)
_SEMAPHORE = _Meaning("semaphore", "acquire")
_MUTEX = _Meaning("mutex", "lock", MUTEX["sema"])
_RW_MUTEX = _Meaning("rwmutex", "lock", RW_MUTEX["w"] + MUTEX["sema"])
"""A writer that waits for other writers, by the Mutex at the start of a RWMutex."""
_WAIT_GROUP = _Meaning("waitgroup", "wait", WAIT_GROUP["sema"])
_MEANINGS: tuple[tuple[str, _Meaning], ...] = (
    ("chan receive", _Meaning("channel", "receive")),
    ("chan send", _Meaning("channel", "send")),
    ("sync.Mutex.Lock", _MUTEX),
    ("sync.RWMutex.RLock", _Meaning("rwmutex", "rlock", RW_MUTEX["readerSem"])),
    ("sync.RWMutex.Lock", _Meaning("rwmutex", "lock", RW_MUTEX["writerSem"])),
    ("sync.WaitGroup.Wait", _WAIT_GROUP),
    ("sync.Cond.Wait", _Meaning("cond", "wait", COND_NOTIFY)),
)
"""Beginnings of wait reasons (`runtime.waitReasonStrings`); `select (durable)` and the like are of package synctest."""

_WAITS = pa.schema(
    [
        ("pid", pa.int32()),
        ("goid", pa.int64()),
        ("kind", pa.string()),
        ("operation", pa.string()),
        ("address", pa.uint64()),
        ("of_select", pa.bool_()),
    ]
)
_CHANNELS = pa.schema(
    [
        ("pid", pa.int32()),
        ("address", pa.uint64()),
        ("elem_type", pa.string()),
        ("len", pa.int64()),
        ("cap", pa.int64()),
        ("closed", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class WaitTables:
    """The four tables of one process."""

    goroutine_waits: pa.Table
    waited_channels: pa.Table
    waited_locks: pa.Table
    lock_holders: pa.Table


def wait_tables(
    facts: ProcessFacts,
    plan: Plan,
    pages: Pages,
    streams: Mapping[str, PlanStream],
    goroutines: Records,
    reasons: Sequence[str | None],
    stacks: Stacks,
) -> WaitTables:
    """The tables of one process. `goroutines` are its records, `reasons` the target's words for why they wait."""
    if not all(name in streams for name in ("wait", "channel", "lock", "hold")):
        return WaitTables(*(schema.empty_table() for schema in (_WAITS, _CHANNELS, LOCKS, HOLDERS)))
    return _Process(facts, plan, pages, streams, goroutines, reasons, stacks).tables()


class _Process:
    def __init__(
        self,
        facts: ProcessFacts,
        plan: Plan,
        pages: Pages,
        streams: Mapping[str, PlanStream],
        goroutines: Records,
        reasons: Sequence[str | None],
        stacks: Stacks,
    ) -> None:
        self.facts, self.plan, self.stacks = facts, plan, stacks
        self.records = {name: pages.records(streams[name]) for name in ("wait", "channel", "lock", "hold")}
        self.goroutines = goroutines[np.argsort(goroutines["g"], kind="stable")]
        self.reasons = list(reasons)

    def tables(self) -> WaitTables:
        waits, at = self._matched(self.records["wait"])
        meanings, number = self._meanings(waits, at)
        places = np.array([meaning.place for meaning in meanings], dtype=np.uint64)[number]
        address = np.where(waits["kind"] == Wait.CHANNEL, waits["address"], waits["address"] - places)
        channels = self._channels()
        goid = self.goroutines["goid"][at].astype(np.int64)
        order = np.lexsort((address, goid))
        table = pa.table(
            [
                self._pid(len(order)),
                pa.array(goid[order]),
                pa.array([meaning.kind for meaning in meanings], pa.string()).take(pa.array(number[order])),
                self._operations(waits[order], meanings, number[order], channels),
                pa.array(address[order].astype(np.uint64)),
                pa.array(waits["of_select"][order] != 0),
            ],
            schema=_WAITS,
        )
        kinds = np.array([meaning.kind for meaning in meanings], dtype=object)[number]
        of_sync = waits["kind"] != Wait.CHANNEL
        waiting = Waiting(waits["g"][of_sync], address[of_sync], waits["address"][of_sync], kinds[of_sync])
        locks = Locks(self.facts, waiting, self.records["lock"], self.records["hold"])
        holders = locks.holders(self.goroutines, self.stacks)
        return WaitTables(table, self._channels_table(channels), locks.table(), holders)

    def _pid(self, count: int) -> pa.Array:
        return pa.array(np.full(count, self.facts.pid, dtype=np.int32))

    def _matched(self, records: Records) -> tuple[Records, I64Array]:
        """The waits of goroutines that do wait, each once, and for each the number of its goroutine."""
        # A semaphore of the runtime's table comes before the same one as the goroutine has it.
        records = records[np.lexsort((records["kind"], records["address"], records["g"]))]
        if not len(records) or not len(self.goroutines):
            return records[:0], np.zeros(0, dtype=np.int64)
        again = (records["g"][1:] == records["g"][:-1]) & (records["address"][1:] == records["address"][:-1])
        records = records[np.concatenate(([True], ~again))]
        known = self.goroutines["g"]
        at = np.minimum(np.searchsorted(known, records["g"]), len(known) - 1)
        there = (known[at] == records["g"]) & np.isin(self.goroutines["status"][at], WAITING)
        return records[there], at[there].astype(np.int64)

    def _meanings(self, waits: Records, at: I64Array) -> tuple[list[_Meaning], I64Array]:
        """Distinct meanings, and the number of each wait's."""
        reason = self.goroutines["wait_reason"][at].astype(np.int64)
        stack = self.stacks.index_of(self.goroutines["stack"][at])
        of_group = np.append(self.stacks.with_function("sync.(*WaitGroup).Wait"), False)[stack]
        of_writer = np.append(self.stacks.with_function("sync.(*RWMutex).Lock"), False)[stack]
        channel = waits["kind"] == Wait.CHANNEL
        keys, number = np.unique(
            np.stack([reason, channel, of_group, of_writer], axis=1).astype(np.int64), axis=0, return_inverse=True
        )
        found = [self._meaning(r, bool(c), bool(g), bool(w)) for r, c, g, w in keys.tolist()]
        return found or [_SEMAPHORE], number.reshape(-1).astype(np.int64)

    def _meaning(self, reason: int, channel: bool, of_group: bool, of_writer: bool) -> _Meaning:
        text = (self.reasons[reason] if 0 <= reason < len(self.reasons) else None) or ""
        told = next((meaning for start, meaning in _MEANINGS if text.startswith(start)), None)
        if channel:
            return told if told is not None and told.kind == "channel" else _CHANNEL
        if not self.plan.locks:
            return _SEMAPHORE
        if told is None or told.kind == "channel":
            return _WAIT_GROUP if of_group else _SEMAPHORE
        return _RW_MUTEX if told is _MUTEX and of_writer else told

    def _operations(self, waits: Records, meanings: list[_Meaning], number: I64Array, channels: Records) -> pa.Array:
        """What each would do; a case of a select by the queue of the channel that it is in."""
        known = [meaning.operation for meaning in meanings]
        told = pa.array(known, pa.string()).take(pa.array(number))
        at = np.searchsorted(channels["address"], waits["address"])
        at = np.minimum(at, max(len(channels) - 1, 0))
        if not len(channels):
            return told
        here = channels[at]
        is_channel = (waits["kind"] == Wait.CHANNEL) & (here["address"] == waits["address"])
        first = here["first_receiver"] == waits["sudog"]
        receives = is_channel & (here["first_receiver"] != 0) & (first | (here["first_sender"] == 0))
        sends = is_channel & (here["first_sender"] != 0) & ~receives
        sends &= (here["first_receiver"] == 0) | (here["first_sender"] == waits["sudog"])
        by_queue = pa.array(["receive", "send", None], pa.string()).take(
            pa.array(np.where(receives, 0, np.where(sends, 1, 2)))
        )
        return pc.coalesce(told, by_queue)

    def _channels(self) -> Records:
        """The channels by address, each once."""
        records = self.records["channel"]
        _, first = np.unique(records["address"], return_index=True)
        return records[first]

    def _channels_table(self, channels: Records) -> pa.Table:
        types = [self.facts.type_names.get(int(word)) for word in channels["elem_type"]]
        return pa.table(
            [
                self._pid(len(channels)),
                pa.array(channels["address"].astype(np.uint64)),
                pa.array(types, pa.string()),
                pa.array(channels["count"].astype(np.int64)),
                pa.array(channels["capacity"].astype(np.int64)),
                pa.array(channels["closed"] != 0),
            ],
            schema=_CHANNELS,
        )
