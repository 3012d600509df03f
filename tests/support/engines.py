"""Runs one probe over one process by every engine, the IR's evaluator among them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sey.backends.interp.machine import Machine as PlainMachine
from sey.backends.interp.machine import load
from sey.backends.interp.native.machine import NativeMachine
from sey.binary.gobinary import open_go
from sey.ir.evaluate import Machine, TargetMemory
from sey.ir.parser import parse_program
from sey.runtime.bundle import BinaryProbe
from sey.runtime.ebpf_engine import load_ebpf
from sey.runtime.engine import LoadedProbe, Results, Room, room_for
from sey.runtime.interp_engine import MakeMachine, load_interp
from sey.runtime.pause import paused
from sey.runtime.process import Process
from sey.runtime.processmemory import ProcessMemory
from tests.kernel.support import compiled

ENGINES = ("ebpf", "interp", "native", "evaluator")
BUDGET_NS = 60_000_000_000


class Evaluator(Machine):
    """The IR's evaluator where a machine for bytecode is expected."""

    name = "evaluator"
    stop_ns: int | None = None

    def entries(self, name: str) -> Mapping[int, int]:
        return self.dicts[name]

    def fill(self, name: str, entries: Mapping[int, int]) -> None:
        self.dicts[name].update(entries)


def run_engine(engine: str, pid: int, executable: Path, spec: str, parts: int = 1, goroutines: int = 4096) -> Results:
    """What a run of the probe leaves."""
    probe = compiled(executable, spec).binaries[0]
    process = Process.look(pid)
    bias = process.load_bias(open_go(process.exe_path).elf.entry)
    with loaded(engine, probe, process, room_for(probe.plan, goroutines, 256 << 20), parts) as ready:
        with paused(process, BUDGET_NS, workers=ready.parts) as pause:
            pause.run_all(ready.runs(pause.threads, bias, pause.deadline_ns))
        return ready.results()


def loaded(engine: str, probe: BinaryProbe, process: Process, room: Room, parts: int) -> LoadedProbe:
    """The probe, ready to run by an engine."""
    tids = process.living_threads()
    if engine == "ebpf":
        assert probe.program is not None
        return load_ebpf(probe.program, probe.plan, tids, room, parts)
    assert probe.bytecode is not None
    bytecode, program = load(probe.path, probe.bytecode), parse_program(probe.ir)

    def evaluator(memory: TargetMemory, pages: int, capacities: Mapping[str, int]) -> Evaluator:
        made = Evaluator(program, memory, pages)
        made.capacity.update(capacities)
        return made

    def native(memory: TargetMemory, pages: int, capacities: Mapping[str, int]) -> NativeMachine:
        return NativeMachine(bytecode, memory, pages, capacities=capacities)

    def plain(memory: TargetMemory, pages: int, capacities: Mapping[str, int]) -> PlainMachine:
        return PlainMachine(bytecode, memory, pages, capacities=capacities)

    machines: dict[str, MakeMachine] = {"interp": plain, "native": native, "evaluator": evaluator}
    return load_interp(machines[engine], probe.plan, lambda: ProcessMemory(process.pid, tids[0]), room, parts)
