"""Where the rows of `event` blocks are in a log, and the stacks that came with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sey.ir.plan import EVENT_STACK_END, Plan, PlanEvent
from sey.runtime.events.log import MAX_EVENT_BYTES, EventLog, Records
from sey.runtime.pages import I64Array, U64Array, run_indices

_TOGETHER = 1 << 16
"""Events whose records are looked at together."""


class EventPlaces(NamedTuple):
    """Rows of a block: the number of the event in the log, and where in it the row is."""

    event: I64Array
    place: I64Array


class StackPlaces(NamedTuple):
    """Of each row where in the log the pcs of its stack are, how many, and how its walk ended (0 unknown)."""

    place: I64Array
    frames: I64Array
    end: I64Array


def walked(log: EventLog) -> Iterator[tuple[I64Array, Records]]:
    """All events by number, some at a time, with their records. Raises SeyError."""
    for first in range(0, len(log), _TOGETHER):
        events = np.arange(first, min(first + _TOGETHER, len(log)))
        yield events, log.records(events)


def row_places(log: EventLog, plan: Plan) -> list[EventPlaces]:
    """The rows of each of the plan's events, in the order of the log. Raises SeyError."""
    streams = {stream.name: stream for stream in plan.streams}
    wanted = [streams[event.stream] for event in plan.events]
    found: defaultdict[int, list[EventPlaces]] = defaultdict(list)
    for events, records in walked(log):
        for number, stream in enumerate(wanted):
            rows = records.of(stream)
            if len(rows.place):
                log.check(stream, rows)
                found[number].append(EventPlaces(events[rows.event], rows.place))
    nothing: I64Array = np.zeros(0, dtype=np.int64)
    parts = ([EventPlaces(nothing, nothing), *found[number]] for number in range(len(wanted)))
    return [EventPlaces(*map(np.concatenate, zip(*each, strict=True))) for each in parts]


def stack_places(log: EventLog, plan: Plan, event: PlanEvent, rows: EventPlaces) -> StackPlaces:
    """The stacks of rows of an event. Raises SeyError where one is outside of its event."""
    stream = next(stream for stream in plan.streams if stream.name == event.stream)
    position, frames, flags = (log.field(stream, rows.place, name) for name in ("stack", "frames", "flags"))
    count = np.where(position > 0, np.minimum(frames, MAX_EVENT_BYTES), 0).astype(np.int64)
    place = log.places(rows.event, position.astype(np.uint64), count * 8, "a stack")
    return StackPlaces(place, count, flags.astype(np.int64) & EVENT_STACK_END)


def stack_pcs(log: EventLog, stacks: StackPlaces) -> U64Array:
    """The distinct pcs of stacks, ascending."""
    return np.unique(log.data[run_indices(stacks.place, stacks.frames * 8)].view("<u8"))
