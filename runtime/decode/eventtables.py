"""The tables of traces: what a row of an `event` block has besides its captures, and how many events there were."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from sey.ir.artifacts import PROBE_COUNTERS
from sey.ir.plan import EVENT_COUNTERS, PlanEvent
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.blocktables import BlockTable, Member, functions, goids, pids
from sey.runtime.decode.events import DecodedEvents, EventRows
from sey.runtime.decode.forms import TIMESTAMP
from sey.runtime.decode.rows import DecodedBlock
from sey.runtime.decode.stacks import NO_STACK

_COUNTERS = (*EVENT_COUNTERS, *(name for name in PROBE_COUNTERS if name not in EVENT_COUNTERS))
_NAMES = {"ns": "probe_ns"}
"""Columns that are called otherwise than the counter."""

EVENTS_SCHEMA = pa.schema(
    [
        ("pid", pa.int32()),
        ("event", pa.string()),
        ("moment", pa.string()),
        ("target", pa.string()),
        *((_NAMES.get(name, name), pa.int64()) for name in _COUNTERS),
    ]
)
"""Table `events`: a row for each event of each traced process."""


def event_table(rows: Sequence[EventRows]) -> BlockTable:
    """The table of one `event` block over all processes: `rows` are its rows in each."""
    lead = [
        pids,
        goids,
        Member(pa.field("thread_id", pa.int32()), _of(lambda e: pa.array(e.thread.astype(np.int32)))),
        Member(pa.field("time", TIMESTAMP), _of(lambda e: pa.array(e.unix // 1000).cast(TIMESTAMP))),
        Member(pa.field("time_ns", pa.int64()), _of(lambda e: pa.array(e.time))),
        functions,
    ]
    if any(each.block.moment == "return" for each in rows):
        lead.append(Member(pa.field("duration", pa.int64()), _of(lambda e: pa.array(e.duration, mask=e.duration < 0))))
    if any(each.block.stack for each in rows):
        lead.append(Member(pa.field("stack_id", pa.uint32()), _of(_stacks)))
    return BlockTable(rows, lead)


def _of(array: Callable[[DecodedEvents], pa.Array]) -> Callable[[DecodedBlock], pa.Array]:
    def member(rows: DecodedBlock) -> pa.Array:
        assert isinstance(rows, DecodedEvents)
        return array(rows)

    return member


def _stacks(events: DecodedEvents) -> pa.Array:
    return pa.array(events.stack.astype(np.uint32), mask=events.stack == NO_STACK)


def events_table(facts: ProcessFacts, events: Sequence[PlanEvent]) -> pa.Table:
    """The rows of table `events` of one process, which was traced for these events."""
    counters = [facts.event_counters.get(event.table, {}) for event in events]
    counts = [[each.get(name) for each in counters] for name in _COUNTERS]
    words = ([facts.pid] * len(events), *([getattr(e, name) for e in events] for name in ("table", "moment", "target")))
    arrays = [pa.array(column, each.type) for column, each in zip((*words, *counts), EVENTS_SCHEMA, strict=True)]
    return pa.table(arrays, schema=EVENTS_SCHEMA)
