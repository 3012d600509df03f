"""Which engine runs a probe: the kernel where the host can, else our own machine, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sey.binary.errors import Exit, SeyError
from sey.runtime.bundle import BinaryProbe
from sey.runtime.capture_errors import NoBackend
from sey.runtime.engine import LoadedProbe, Room
from sey.runtime.process import Process

if TYPE_CHECKING:
    from sey.ir.evaluate import TargetMemory

ENGINES = ("auto", "ebpf", "interp")


def load_probe(process: Process, probe: BinaryProbe, room: Room, parts: int, engine: str) -> LoadedProbe:
    """Get a probe ready for a process. Raises SeyError where the engine asked for can't, or none can.

    With `auto` what keeps the kernel from it becomes the reason.
    """
    tids = process.living_threads()
    if engine == "interp":
        return _interp(process, probe, room, parts)
    try:
        return _ebpf(probe, tids, room, parts)
    except SeyError as error:
        if engine == "ebpf" or probe.bytecode is None or error.problems[0].exit_status is not Exit.HOST:
            raise
        reason = error.problems[0].message()
    return _interp(process, probe, room, parts, reason)


def load_for_memory(
    probe: BinaryProbe, memory: Callable[[], TargetMemory], room: Room, parts: int = 1, reason: str = ""
) -> LoadedProbe:
    """Get a probe ready for our own machine; `memory` makes what each part reads. Raises SeyError."""
    # Like that of the kernel's, the import of this engine takes as long as a small snapshot.
    from sey.backends.interp.choose import machine_for
    from sey.backends.interp.machine import load
    from sey.runtime.interp_engine import load_interp

    if probe.bytecode is None:
        raise SeyError(NoBackend(probe.path, "bytecode"))
    program = load(probe.path, probe.bytecode)
    return load_interp(partial(machine_for, program), probe.plan, memory, room, parts, reason)


def _ebpf(probe: BinaryProbe, tids: Sequence[int], room: Room, parts: int) -> LoadedProbe:
    from sey.runtime.ebpf_engine import load_ebpf

    if probe.program is None:
        raise SeyError(NoBackend(probe.path, "eBPF program"))
    return load_ebpf(probe.program, probe.plan, tids, room, parts)


def _interp(process: Process, probe: BinaryProbe, room: Room, parts: int, reason: str = "") -> LoadedProbe:
    from sey.runtime.processmemory import ProcessMemory

    def memory() -> ProcessMemory:
        return ProcessMemory(process.pid, process.living_threads()[0])

    return load_for_memory(probe, memory, room, parts, reason)
