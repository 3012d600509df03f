"""Events of a trace: rows of `event` blocks.

Objects are those of one moment of one event, so slices have at most half as many events as their keys tell apart
(`limits.MOST_EVENTS`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sey.ir.plan import EVENT_EARLY, STATUS_MASK, Plan, PlanEvent, Status
from sey.ir.typegraph import types_by_id
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.columns import ColumnShape
from sey.runtime.decode.eventstacks import EventStacks
from sey.runtime.decode.limits import MOST_EVENTS, event_keys
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.rows import DecodedBlock, DecodedSlice, SlicedRows, forms_of
from sey.runtime.decode.stacks import Stacks
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.values import ValueDecoder
from sey.runtime.events.log import MAX_EVENT_BYTES, EventLog, Records
from sey.runtime.events.rows import EventPlaces, row_places, stack_places
from sey.runtime.pages import I64Array
from sey.runtime.symbols import SymbolTable

_PLAIN = frozenset(("bool", "int", "uint", "float", "complex"))
"""Kinds that lead to no objects."""


@dataclass(frozen=True)
class DecodedEvents(DecodedBlock):
    """Rows of an `event` block: `time` by CLOCK_MONOTONIC, and `unix` time, in nanoseconds.

    `duration` is -1 where it isn't known, `stack` is `NO_STACK` where there is none.
    """

    block: PlanEvent
    time: I64Array
    unix: I64Array
    thread: I64Array
    duration: I64Array
    stack: I64Array


@dataclass(frozen=True)
class EventRows(SlicedRows):
    """All rows of an `event` block, not decoded yet, by time."""

    block: PlanEvent
    pid: int
    shapes: tuple[ColumnShape, ...]
    time: I64Array
    stack: I64Array
    _places: EventPlaces
    _source: _Source

    most = MOST_EVENTS // 2
    """Each event is two moments: of a return event the call's entry, and all else."""

    def __len__(self) -> int:
        return len(self.time)

    @property
    def captured(self) -> int:
        """How many bytes its events have."""
        return int(self._source.log.lengths[self._places.event].sum())

    def decoded(self, rows: slice) -> DecodedSlice:
        """These rows decoded, of at most `most` events. Raises SeyError."""
        source, block = self._source, self.block
        records = source.log.read(source.streams[block.stream], self._places.place[rows])
        events, number = np.unique(self._places.event[rows], return_inverse=True)
        plain = all(kind.kind in _PLAIN for shape in self.shapes for kind in shape.kinds)
        decoder = source.decoder(block, events[:0] if plain else events)
        site = records["site"].astype(np.int64)
        if len(site) and int(site.max()) >= len(block.sites):
            source.log.fail(f"stream `{block.stream}`", "a row comes from an unknown place")
        late = 2 * number.reshape(-1) + 1
        columns = tuple(
            shape.decode(decoder, at, records, forms_of(block, site, at), late - 1 if at in block.early else late)
            for at, shape in enumerate(self.shapes)
        )
        time = self.time[rows]
        decoded = DecodedEvents(
            block=block,
            pid=self.pid,
            goid=records["goid"].astype(np.int64),
            depth=np.full(len(time), -1, dtype=np.int64),
            site=site,
            columns=columns,
            time=time,
            unix=time + source.unix_offset,
            thread=records["thread"].astype(np.int64),
            duration=records["duration"].astype(np.int64),
            stack=self.stack[rows],
        )
        return DecodedSlice(decoded, decoder.bytes, decoder.vectors)


class TracedEvents(NamedTuple):
    """The events of a process, by block, and their distinct stacks."""

    rows: tuple[EventRows, ...]
    stacks: Stacks


def decode_events(log: EventLog, facts: ProcessFacts, plan: Plan, symbols: SymbolTable) -> TracedEvents:
    """The events of a process; values are decoded when they are asked for. Raises SeyError where the log is damaged."""
    source, stacks = _Source(log, facts, plan, symbols), EventStacks(log)
    places = row_places(log, plan)
    rows = tuple(_rows(source, *of, stacks) for of in zip(plan.events, places, strict=True))
    return TracedEvents(rows, stacks.stacks(symbols))


def _rows(source: _Source, event: PlanEvent, places: EventPlaces, stacks: EventStacks) -> EventRows:
    log, stream = source.log, source.streams[event.stream]
    if event.program is not None and event.program not in source.facts.programs:
        places = EventPlaces(places.event[:0], places.place[:0])
    time = log.field(stream, places.place, "time").astype(np.int64)
    order = np.argsort(time, kind="stable")  # processors reserve room in the ring in another order
    places, time = EventPlaces(places.event[order], places.place[order]), time[order]
    stack = stacks.numbers(stack_places(log, source.plan, event, places), event.stack)
    shapes = tuple(
        ColumnShape.of(column, source.types, np.array([site.forms[number] for site in event.sites], dtype=np.int64))
        for number, column in enumerate(event.columns)
    )
    return EventRows(event, source.facts.pid, shapes, time, stack, places, source)


class _Source:
    """What the events of a process are decoded with."""

    def __init__(self, log: EventLog, facts: ProcessFacts, plan: Plan, symbols: SymbolTable) -> None:
        self.log, self.facts, self.plan = log, facts, plan
        self.streams = {stream.name: stream for stream in plan.streams}
        self.types = types_by_id(plan.types)
        self.unix_offset = facts.captured_at_ns - facts.monotonic_ns
        self._words = TypeWords.of_events(facts.type_words, self.types, facts.type_names)
        self._functions = symbols.functions

    def decoder(self, event: PlanEvent, events: I64Array) -> ValueDecoder:
        """What decodes values of these events, by their places in `events` times 2, plus 1 where they aren't early."""
        objects = self._objects(event, events)
        return ValueDecoder(self.plan.types, self.log.data, objects, self._words, self._functions)

    def _objects(self, event: PlanEvent, events: I64Array) -> ObjectIndex:
        stream = self.streams["object"]
        records = self.log.records(events)
        met = records.of(stream)
        self.log.check(stream, met)
        objects = self.log.read(stream, met.place)
        there = (objects["status"] & STATUS_MASK) == Status.OK
        sizes = np.where(there, np.minimum(objects["bytes"], MAX_EVENT_BYTES + 1), 0).astype(np.int64)
        places = self.log.places(events[met.event], objects["position"], sizes, "an object")
        late = met.place - self.log.starts[events[met.event]] >= self._early(event, events, records)[met.event]
        objects["address"] = event_keys(2 * met.event + late, objects["address"])
        return ObjectIndex.of_events(objects, places)

    def _early(self, event: PlanEvent, events: I64Array, records: Records) -> I64Array:
        """How many bytes of each event are of the call's entry."""
        early: I64Array = np.zeros(len(events), dtype=np.int64)
        if event.early:
            stream = self.streams[event.stream]
            rows = records.of(stream)
            early[rows.event] = self.log.field(stream, rows.place, "flags").astype(np.int64) & EVENT_EARLY
        return early
