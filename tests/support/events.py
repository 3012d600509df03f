"""Traces made up by tests: a plan with `event` blocks, events as probes stream them, captures that hold them.

trace = Trace()
trace.add("get", time=NOW, duration=1500, values=(7, b"big"))
capture = trace.capture()
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sey.binary.identity import Identity
from sey.ir.artifacts import HOLD_WORDS, PROBE_BYTES, EventProgram, Place
from sey.ir.nodes import Stream, Type, layout_stream
from sey.ir.plan import (
    EVENT_COUNTER_BYTES,
    EVENT_INPUT_BYTES,
    EVENT_MEMBERS,
    PLAN_VERSION,
    STREAMS,
    Plan,
    PlanColumn,
    PlanEvent,
    PlanProbe,
    PlanSite,
    PlanStream,
    PlanType,
    Status,
)
from sey.runtime.bundle import BinaryProbe, Bundle, EventProbe
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.events.log import EventLog, frame
from sey.runtime.pages import Pages
from tests.support.captures import NOW, SECOND, Shop, symbol_table
from tests.support.pages import GoTypes, Memory, Object, column, plan_stream

_TYPES = {"i8": Type.I8, "i16": Type.I16, "i32": Type.I32, "i64": Type.I64}


class EventWriter:
    """Writes one event as a program's run leaves it."""

    def __init__(self, streams: Iterable[PlanStream]) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._data = bytearray()

    def add(self, name: str, **members: int | bytes) -> int:
        """A record with these members, the others zero; gives its position."""
        stream = self._streams[name]
        record = bytearray(stream.size)
        for item in stream.fields:
            value = members.pop(item.name, 0)
            raw = value.to_bytes(item.length, "little", signed=value < 0) if isinstance(value, int) else value
            record[item.offset : item.offset + len(raw)] = raw
        assert not members, f"stream {name} has no {sorted(members)}"
        return self._append(name, bytes(record))

    def put(self, data: bytes) -> int:
        """Bytes; gives their position."""
        return self._append("bytes", data + bytes(-len(data) % 8))

    def objects(self, objects: Iterable[Object]) -> None:
        """Objects and their bytes."""
        for item in objects:
            members = {"address": item.address, "type": item.type, "status": int(item.status), "length": item.length}
            self.add("object", **members, bytes=len(item.data), position=self.put(item.data))

    def done(self) -> bytes:
        """The event, as a log has it."""
        return frame(bytes(self._data))

    def _append(self, name: str, data: bytes) -> int:
        self._data += struct.pack("<II", self._streams[name].number + 1, len(data))
        self._data += data
        return len(self._data) - len(data)


def event_streams(*rows: Sequence[int]) -> tuple[PlanStream, ...]:
    """The streams of an event program whose events have columns of these sizes."""
    wanted = ("object", "typeword")
    streams = [layout_stream(name, [(m, _TYPES[t]) for m, t in STREAMS[name]]) for name in wanted]
    streams.append(Stream("bytes"))
    for number, sizes in enumerate(rows):
        members: list[tuple[str, Type | int]] = [(m, _TYPES[t]) for m, t in EVENT_MEMBERS]
        for at, size in enumerate(sizes):
            members += [(f"s{at}", Type.I8), (f"d{at}", Type.I64), (f"v{at}", size)]
        streams.append(layout_stream(f"event_{number}", members))
    return tuple(plan_stream(number, stream) for number, stream in enumerate(streams))


def event_plan(
    go: GoTypes,
    *events: tuple[str, str, Sequence[PlanColumn], int],
    early: Mapping[str, tuple[int, ...]] = {},
) -> Plan:
    """A plan of events, each given as name, moment, columns and frames of the stack; `early` are columns of calls."""
    streams = event_streams(*([c.bytes for c in columns] for _, _, columns, _ in events))

    def sites(name: str, columns: Sequence[PlanColumn]) -> tuple[PlanSite, ...]:
        """One that has every column, one that has none."""
        return PlanSite(f"main.{name}", 0, (0,) * len(columns)), PlanSite(f"main.{name}2", 1, (-1,) * len(columns))

    blocks = tuple(
        PlanEvent(
            index=number,
            table=name,
            stream=f"event_{number}",
            moment=moment,
            target=f"main.{name}",
            columns=tuple(columns),
            sites=sites(name, columns),
            stack=stack,
            early=early.get(name, ()),
        )
        for number, (name, moment, columns, stack) in enumerate(events)
    )
    probes = tuple(
        PlanProbe(number, number, event.moment, event.target, 0x1000 + number, True)
        for number, event in enumerate(blocks)
    )
    return Plan(
        version=PLAN_VERSION,
        go_version="go1.25.5",
        spec_path="shop.sey",
        streams=streams,
        types=tuple(go.all.values()),
        blocks=(),
        globals=(),
        programs=(),
        tables=(),
        columns=(),
        events=blocks,
        probes=probes,
    )


def event_program(plan: Plan) -> EventProgram:
    """Facts of an object that there is none of."""
    sizes = {
        "in_bias": 8,
        "in_events": len(plan.events) * EVENT_INPUT_BYTES,
        "out_events": len(plan.events) * EVENT_COUNTER_BYTES,
    }
    buffers = {name: Place(".bss", 64 * number, size) for number, (name, size) in enumerate(sizes.items())}
    return EventProgram(
        object=b"\x7fELF",
        program="event",
        ring="ring",
        slots="slots",
        slot_bytes=1 << 17,
        probes=Place(".bss", 4096, max(len(plan.probes), 1) * PROBE_BYTES),
        pid=Place(".bss", 8, 8),
        fsbase=Place(".bss", 16, 8),
        hold=Place(".bss", 256, 8 * len(HOLD_WORDS)),
        buffers=buffers,
        dicts={"typewords": "typewords"},
        stashes={},
    )


@dataclass
class Trace:
    """A trace of the shop: returns of `get` with a number, a text and anything, calls of `put`, with stacks."""

    go: GoTypes = field(default_factory=GoTypes)
    parts: list[bytes] = field(default_factory=list)
    words: dict[int, tuple[int, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        go = self.go
        self.item = go.struct("main.Item", ("id", go.int64), ("name", go.string))
        gets = (column("id", go.int64), column("customer", go.string), column("reply", go.any))
        puts = (column("item", go.pointer(self.item)), column("count", go.int32))
        self.kinds: Mapping[str, tuple[PlanType, ...]] = {
            "get": (go.int64, go.string, go.any),
            "put": (go.all[puts[0].types[0]], go.int32),
        }
        self.plan = event_plan(go, ("get", "return", gets, 0), ("put", "entry", puts, 4))

    def add(
        self,
        name: str,
        *,
        time: int = NOW,
        goid: int = 7,
        duration: int = -1,
        values: Sequence[Any] = (),
        stack: Sequence[int] = (),
        statuses: Sequence[int] | None = None,
        site: int = 0,
    ) -> None:
        """An event of that name. Each has a memory of its own, whose addresses are those of all others."""
        event = next(event for event in self.plan.events if event.table == name)
        writer, memory = EventWriter(self.plan.streams), Memory(self.go)
        members: dict[str, int | bytes] = {}
        for number, (kind, value) in enumerate(zip(self.kinds[name], values, strict=True)):
            members[f"s{number}"] = int(Status.OK if statuses is None else statuses[number])
            members[f"v{number}"] = memory.encode(kind, value)
        if stack:
            members["stack"] = writer.put(struct.pack(f"<{len(stack)}Q", *stack))
            members["frames"] = len(stack)
        writer.add(event.stream, time=time, goid=goid, thread=goid + 1000, site=site, duration=duration, **members)
        writer.objects(memory.objects)
        self.words |= memory.words
        self.parts.append(writer.done())

    def log(self) -> EventLog:
        """What was added."""
        return EventLog.from_parts(self.parts)

    def facts(self, pid: int = 4242) -> ProcessFacts:
        """What is known of the process besides."""
        return ProcessFacts(
            pid=pid,
            executable="/srv/shop-server",
            go_version="go1.25.5",
            captured_at_ns=1_767_323_045 * SECOND,
            monotonic_ns=NOW,
            traced=True,
            ended_ns=NOW + 10 * SECOND,
            event_counters={"get": {"seen": 12, "emitted": 10, "lost": 2, "ns": 5000}},
            type_words={word: number << 2 | direct << 1 | 1 for word, (number, direct) in self.words.items()},
        )

    def bundle(self) -> Bundle:
        """The bundle it was made with, whose other plan is that of the shop."""
        identity = Identity("go/build/id/x", "gnu", "00" * 32, 1234)
        events = EventProbe(self.plan, "program {}\n", event_program(self.plan))
        probe = BinaryProbe("shop-server", identity, "go1.25.5", Shop().plan, "program {}\n", events=events)
        return Bundle("shop.sey", "event get on return", (probe,))

    def capture(self, *pids: int) -> Capture:
        """The capture: the same events for each pid."""
        pages = Pages.parse(b"")
        traced = [ProcessCapture(self.facts(pid), pages, symbol_table(), self.log()) for pid in pids or (4242,)]
        return Capture((self.bundle(),), tuple(traced))
