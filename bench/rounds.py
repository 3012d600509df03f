"""Pauses a process again and again, reading it in turns with a probe of ours and with the baseline in C."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from bench.baseline import Baseline, Copied
from sey.backends.interp.choose import AnyMachine
from sey.backends.interp.machine import Machine, load
from sey.backends.interp.native.machine import NativeMachine
from sey.binary.gobinary import open_go
from sey.ir.evaluate import TargetMemory
from sey.runtime import libc
from sey.runtime.bundle import BinaryProbe
from sey.runtime.ebpf_engine import load_ebpf
from sey.runtime.engine import LoadedProbe, Results, Room, room_for
from sey.runtime.interp_engine import load_interp
from sey.runtime.pause import Pauser, paused
from sey.runtime.process import Process
from sey.runtime.processmemory import ProcessMemory

_BUDGET_NS = 60_000_000_000
_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Taken:
    """One capture: the pause as the target feels it, the run of the probe in it by the clock and by the processor."""

    pause_ns: int
    wall_ns: int
    cpu_ns: int
    results: Results

    @property
    def counters(self) -> Mapping[str, int]:
        """What the probe counted."""
        return self.results.counters


@dataclass
class Rounds:
    """The best of all rounds, the machine being shared."""

    goroutines: int
    taken: list[Taken] = field(default_factory=list)
    stacks: list[Copied] = field(default_factory=list)
    goroutines_and_stacks: list[Copied] = field(default_factory=list)

    def micros(self, of: Callable[[Taken], int]) -> list[float]:
        """Microseconds a goroutine of each of our rounds."""
        return [of(one) / 1000 / self.goroutines for one in self.taken]

    def baseline_micros(self, of: Callable[[Copied], int], *, with_g: bool = False) -> list[float]:
        """Microseconds a goroutine of each round of the baseline."""
        return [of(one) / 1000 / self.goroutines for one in (self.goroutines_and_stacks if with_g else self.stacks)]


def capture(process: Process, probe: BinaryProbe, parts: int = 1, engine: str = "ebpf") -> Taken:
    """What `runtime/snapshot.py` does between the bundle and the pages, with a stopwatch.

    `engine`: `ebpf`, or the bytecode's `native` or `plain` machine.
    """
    pauser = Pauser()
    bias = process.load_bias(open_go(process.exe_path).elf.entry)
    count = struct.unpack("<Q", libc.read_memory(process.pid, bias + probe.plan.goroutine_count, 8))[0]
    marks: list[tuple[int, int, int]] = []
    room = room_for(probe.plan, count, _MAX_BYTES)
    with _load(process, probe, room, parts, engine) as loaded:
        names = process.namespace_tids(process.threads())
        loaded.expect_threads(np.array(sorted(names.values()), dtype=np.int32))
        with paused(process, budget_ns=_BUDGET_NS, pauser=pauser, workers=parts) as pause:

            def timed(run: Callable[[], None]) -> None:
                wall, cpu = time.monotonic_ns(), time.thread_time_ns()
                run()
                marks.append((wall, time.monotonic_ns(), time.thread_time_ns() - cpu))

            pause.run_all([partial(timed, run) for run in loaded.runs(pause.threads, bias, pause.deadline_ns)])
        results = loaded.results()
    wall = max(end for _, end, _ in marks) - min(start for start, _, _ in marks)
    return Taken(pause.pause_ns, wall, sum(cpu for _, _, cpu in marks), results)


def _load(process: Process, probe: BinaryProbe, room: Room, parts: int, engine: str) -> LoadedProbe:
    threads = sorted(process.threads())
    if engine == "ebpf":
        assert probe.program is not None
        return load_ebpf(probe.program, probe.plan, threads, room, parts)
    assert probe.bytecode is not None
    program = load(probe.path, probe.bytecode)
    machine = NativeMachine if engine == "native" else Machine

    def make(memory: TargetMemory, pages: int, capacities: Mapping[str, int]) -> AnyMachine:
        return machine(program, memory, pages, capacities=capacities)

    return load_interp(make, probe.plan, lambda: ProcessMemory(process.pid, threads[0]), room, parts)


def alternate(pid: int, executable: Path, probe: BinaryProbe, rounds: int, parts: int = 1) -> Rounds:
    """Read process `pid` so many times with the probe and with the baseline, stopped each time."""
    process = Process.look(pid)
    bias = process.load_bias(open_go(process.exe_path).elf.entry)
    baseline = Baseline(pid, executable, bias)
    found = Rounds(baseline.goroutines)
    try:
        for _ in range(rounds):
            found.taken.append(capture(process, probe, parts))
            with paused(process, budget_ns=_BUDGET_NS):
                found.stacks.append(baseline.stacks())
                found.goroutines_and_stacks.append(baseline.goroutines_and_stacks())
    finally:
        baseline.close()
    return found
