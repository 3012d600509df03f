"""Snapshots of core files: what `snapshot.py` does with a running process, done with what was left of one.

dump = open_dump("core.4242", "shop-server")
take_dump(bundle, 0, dump, Limits()).save("shop.seyc")
"""

from __future__ import annotations

import signal
import time

import numpy as np

from sey.binary.core_problems import CoreDamaged, CoreUnreadable
from sey.binary.corenotes import Signal
from sey.binary.errors import SeyError
from sey.ir.plan import Plan, State
from sey.runtime.assemble import assemble, bare_notes, counts, left_out_notes, require_build
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.choose_engine import load_for_memory
from sey.runtime.dump import Dump
from sey.runtime.engine import Results, Room, room_for
from sey.runtime.pages import Pages
from sey.runtime.plausible import check_dump
from sey.runtime.snapshot import Limits

_LONGEST_NS = 600 * 10**9
"""For a core that leads the program in circles."""
_SMALLEST_GOROUTINE = 256
"""Bytes of a runtime.g (408 in Go 1.21, more since)."""


def take_dump(bundle: Bundle, number: int, dump: Dump, limits: Limits) -> Capture:
    """Snapshot the process of a core with the probe `number` of a bundle. Raises SeyError."""
    probe = bundle.binaries[number]
    require_build(probe, dump.binary, f"the process of {dump.path}")
    if probe.plan.layout is not None:
        check_dump(dump)
    room = room_for(probe.plan, _goroutine_count(dump, probe.plan), limits.max_bytes)
    results, notes = _run(probe, dump, room)
    if results.counters["state"] in (State.NOT_RUN, State.FAILED):
        raise SeyError(CoreUnreadable(dump.path, results.counters["fault_detail"]))
    facts = _facts(probe, number, dump, results, notes)
    return Capture((bundle,), (assemble(facts, dump.binary, probe.plan, results),))


def _run(probe: BinaryProbe, dump: Dump, room: Room) -> tuple[Results, tuple[str, ...]]:
    """Run a probe's program over the core; its results, and what a reader should know of how it ran."""
    with load_for_memory(probe, lambda: dump.memory, room) as loaded:
        for run in loaded.runs(dump.threads, dump.bias, time.monotonic_ns() + _LONGEST_NS):
            run()
        return loaded.results(), left_out_notes(loaded.left_out)


def _goroutine_count(dump: Dump, plan: Plan) -> int:
    data = dump.memory.read(dump.bias + plan.goroutine_count, 8) if plan.goroutine_count else None
    count = int.from_bytes(data, "little") if data else 0
    held = sum(len(piece) for _, piece in dump.memory.ranges())
    if count > held // _SMALLEST_GOROUTINE:
        raise SeyError(CoreDamaged(dump.path, "runtime.allglen", f"{count} goroutines in {held} bytes of memory"))
    return count


def _facts(probe: BinaryProbe, number: int, dump: Dump, results: Results, notes: tuple[str, ...]) -> ProcessFacts:
    counters, when_missing = counts(probe.plan, results)
    return ProcessFacts(
        pid=dump.pid,
        executable=dump.executable,
        go_version=probe.go_version,
        build_id=probe.identity.go_build_id or probe.identity.gnu_build_id,
        captured_at_ns=dump.core.modified_ns,
        monotonic_ns=_latest(dump, probe.plan, results.pages),
        threads=len(dump.threads),
        engine="interp",
        bias=dump.bias,
        binary=number,
        counters=counters,
        when_missing=when_missing,
        core=dump.path,
        notes=(_undated(dump), *notes, *bare_notes(probe.plan)),
    )


def _latest(dump: Dump, plan: Plan, pages: Pages) -> int:
    """The last moment on the runtime's clock that anything in the core tells of: the dump was later."""
    stream = next(stream for stream in plan.streams if stream.name == "goroutine")
    since = pages.records(stream)["wait_since"].astype(np.int64)
    return max(dump.latest_ns(), int(since.max(initial=0)))


def _undated(dump: Dump) -> str:
    ended = _ended(dump.core.notes.signal)
    return f"a core{ended} doesn't tell the runtime's time: wait_ns is the least it can be"


def _ended(by: Signal | None) -> str:
    """By which signal the process ended. `gcore` stops a process, which is none."""
    if by is None or by.number in (0, signal.SIGSTOP, signal.SIGTRAP):
        return ""
    try:
        return f" of {signal.Signals(by.number).name}"
    except ValueError:
        return f" of signal {by.number}"
