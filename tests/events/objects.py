"""An event program as the compiler makes them, from hand-written LLVM IR: counts and streams, and captures nothing.

Each hit of probe N counts in the counters of probe N and of event 0, and streams one row: the time, register R14, the
thread, and as its site the number of the probe.
"""

from __future__ import annotations

from sey.ir.artifacts import HOLD_WORDS, EventProgram, Place
from sey.ir.plan import PLAN_VERSION, Plan, PlanEvent, PlanProbe
from tests.support.bpfmodule import BpfModule

PROBES = 4096
SLOT_BYTES = 64
_WORDS = {
    "in_bias": 1,
    "pid": 1,
    "fsbase": 1,
    "hold": len(HOLD_WORDS),
    "in_events": 64,
    "out_events": 128,
    "probes": 8 * PROBES,
}


def event_program() -> EventProgram:
    """The program, with room for PROBES probes and 8 events."""
    places, at = {}, 0
    for name, words in _WORDS.items():
        places[name] = Place(".bss.host", at, 8 * words)
        at += 8 * words
    return EventProgram(
        object=_object(),
        program="event",
        ring="ring",
        slots="slots",
        slot_bytes=SLOT_BYTES,
        probes=places.pop("probes"),
        pid=places.pop("pid"),
        fsbase=places.pop("fsbase"),
        hold=places.pop("hold"),
        buffers=places,
        dicts={},
        stashes={},
    )


def event_plan(events: tuple[PlanEvent, ...], probes: tuple[PlanProbe, ...]) -> Plan:
    """A plan of nothing but events and their probes."""
    return Plan(PLAN_VERSION, "go1.26", "traced.sey", (), (), (), (), (), (), (), events=events, probes=probes)


def _object() -> bytes:
    module = BpfModule("event", "uprobe.s", file="events.sey")
    module.map("ring", type=module.number(27), max_entries=module.number(4096))
    value = module.pointing(module.words(SLOT_BYTES // 8))
    slots = {"type": module.number(2), "max_entries": module.number(1), "key": module.pointing(module.u32)}
    module.map("slots", **slots, value=value)
    module.data("host", ".bss.host", sum(_WORDS.values()))
    return module.emit(_code())


def _code() -> str:
    at = {name: 8 * sum(list(_WORDS.values())[:n]) for n, name in enumerate(_WORDS)}
    return f"""
  %row = alloca [9 x i64], align 8
  %ids = call i64 inttoptr (i64 14 to ptr)()
  %tgid = lshr i64 %ids, 32
  %wanted = load volatile i64, ptr getelementptr (i8, ptr @host, i64 {at["pid"]}), align 8
  %any = icmp eq i64 %wanted, 0
  %same = icmp eq i64 %wanted, %tgid
  %ours = or i1 %any, %same
  br i1 %ours, label %go, label %out
go:
  %cookie = call i64 inttoptr (i64 174 to ptr)(ptr %ctx)
  %probe = and i64 %cookie, {PROBES - 1}
  %offset = shl i64 %probe, 6
  %counters = getelementptr i8, ptr getelementptr (i8, ptr @host, i64 {at["probes"]}), i64 %offset
  %hits = atomicrmw add ptr %counters, i64 1 seq_cst
  %seen = atomicrmw add ptr getelementptr (i8, ptr @host, i64 {at["out_events"]}), i64 1 seq_cst
  %time = call i64 inttoptr (i64 5 to ptr)()
  %r14_at = getelementptr i8, ptr %ctx, i64 8
  %r14 = load i64, ptr %r14_at, align 8
  %head = getelementptr i8, ptr %row, i64 0
  store i64 {1 | 64 << 32}, ptr %head, align 8
  %row0 = getelementptr i8, ptr %row, i64 8
  store i64 %time, ptr %row0, align 8
  %row1 = getelementptr i8, ptr %row, i64 16
  store i64 %r14, ptr %row1, align 8
  %thread = and i64 %ids, 4294967295
  %site = shl i64 %probe, 32
  %both = or i64 %thread, %site
  %row2 = getelementptr i8, ptr %row, i64 24
  store i64 %both, ptr %row2, align 8
  %row3 = getelementptr i8, ptr %row, i64 32
  store i64 -1, ptr %row3, align 8
  %row4 = getelementptr i8, ptr %row, i64 40
  store i64 0, ptr %row4, align 8
  %row5 = getelementptr i8, ptr %row, i64 48
  store i64 0, ptr %row5, align 8
  %row6 = getelementptr i8, ptr %row, i64 56
  store i64 0, ptr %row6, align 8
  %row7 = getelementptr i8, ptr %row, i64 64
  store i64 0, ptr %row7, align 8
  %rc = call i64 inttoptr (i64 130 to ptr)(ptr @ring, ptr %row, i64 72, i64 1)
  %full = icmp ne i64 %rc, 0
  br i1 %full, label %lost, label %put
lost:
  %lost_at = getelementptr i8, ptr %counters, i64 16
  %lost_was = atomicrmw add ptr %lost_at, i64 1 seq_cst
  br label %out
put:
  %put_at = getelementptr i8, ptr %counters, i64 32
  %put_was = atomicrmw add ptr %put_at, i64 1 seq_cst
  br label %out
out:
  ret i32 0
"""
