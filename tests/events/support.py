"""Probes at functions of the target `traced`, by their symbols alone: for tests that need no compiler."""

from __future__ import annotations

import functools
from pathlib import Path

from sey.binary.elf import open_elf
from sey.binary.gobinary import open_go
from sey.binary.identity import identity
from sey.binary.pclntab import open_pclntab
from sey.ir.artifacts import EventProgram
from sey.ir.plan import Plan, PlanEvent, PlanProbe
from sey.runtime.bundle import BinaryProbe, EventProbe
from tests.events.objects import event_plan, event_program

_SPLIT_FRAME = b"\x55\x48\x89\xe5"  # push rbp; mov rbp, rsp


@functools.cache
def program() -> EventProgram:
    """The hand-written program."""
    return event_program()


def probe_for(path: Path, *functions: str) -> BinaryProbe:
    """A probe with an event for each function, at the instruction that begins its frame."""
    events = tuple(
        PlanEvent(n, f"e{n}", f"event_{n}", "entry", name, (), ()) for n, name in enumerate(functions or ("main.work",))
    )
    probes = tuple(
        PlanProbe(n, n, "entry", event.target, frame_begin(path, event.target), True) for n, event in enumerate(events)
    )
    return bare(path, event_plan(events, probes))


def bare(path: Path, plan: Plan) -> BinaryProbe:
    """The probe of a plan."""
    found = identity(open_elf(path))
    return BinaryProbe(path.name, found, plan.go_version, plan, "", events=EventProbe(plan, "", program()))


def frame_begin(path: Path, function: str) -> int:
    """The address of the `push rbp` of a function, of one without a frame its first instruction."""
    binary = open_go(str(path))
    table = open_pclntab(binary)
    found = table.find(function)
    assert found is not None
    start = found.entry
    return start + max(binary.elf.read(start, found.end - start).find(_SPLIT_FRAME), 0)


def filling(path: Path) -> int:
    """The address of an `int3` between two functions."""
    binary = open_go(str(path))
    start = frame_begin(path, "main.work")
    return start + binary.elf.read(start, 256).index(b"\xcc\xcc")
