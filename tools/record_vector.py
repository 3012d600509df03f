"""Record a walk over a real process as a conformance vector: `python -m tools.record_vector BUNDLE PID NAME`.

What the program reads of the process becomes the vector's memory. The process is paused like for a snapshot.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sey.backends.interp.format import Bytecode
from sey.backends.interp.machine import Machine, load
from sey.binary.gobinary import open_go
from sey.binary.identity import identity
from sey.ir.evaluate import TargetMemory
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.engine import Room
from sey.runtime.interp_engine import load_interp
from sey.runtime.pause import paused
from sey.runtime.process import Process
from sey.runtime.processmemory import ProcessMemory
from tools.vectors import CLOCK, FOLDER, Run, document, leaves

_BUDGET_NS = 60_000_000_000
_ROOM = Room(pages=64, stacks=4096)


class _Recorder:
    """A memory that notes what was read of another one."""

    def __init__(self, memory: TargetMemory) -> None:
        self._memory = memory
        self._bytes: dict[int, int] = {}

    def read(self, address: int, length: int) -> bytes | None:
        """See `TargetMemory`."""
        data = self._memory.read(address, length)
        self._bytes.update(zip(range(address, address + length), data or b"", strict=False))
        return data

    def blocks(self) -> dict[int, bytes]:
        """All that was read, in blocks that don't touch."""
        found: dict[int, bytearray] = {}
        start = last = -1
        for address, value in sorted(self._bytes.items()):
            if address != last + 1:
                start = address
                found[start] = bytearray()
            found[start].append(value)
            last = address
        return {at: bytes(block) for at, block in found.items()}


class _Recorded(Machine):
    """A machine that notes what the host gave it, and whose clock stands still."""

    def __init__(self, program: Bytecode, memory: TargetMemory, pages: int, capacities: Mapping[str, int]) -> None:
        super().__init__(program, memory, pages, lambda: CLOCK, capacities)
        self.capacities = capacities
        self.given: dict[str, bytes] = {}
        self.filled: dict[str, Mapping[int, int]] = {}

    def run(self) -> None:
        self.buffers["in_deadline"][:8] = ((1 << 63) - 1).to_bytes(8, "little")
        hosts = [buffer.name for buffer in self._program.buffers if buffer.host]
        self.given = {name: bytes(self.buffers[name]).rstrip(b"\0") for name in hosts if any(self.buffers[name])}
        self.filled = {each.name: dict(self.entries(each.name)) for each in self._program.dicts if each.host}
        super().run()


def record(probe: BinaryProbe, process: Process, name: str) -> None:
    """Write the vector of a walk over a process."""
    assert probe.bytecode is not None
    program = load(name, probe.bytecode)
    recorder = _Recorder(ProcessMemory(process.pid, process.living_threads()[0]))
    made: list[_Recorded] = []

    def make(memory: TargetMemory, pages: int, capacities: Mapping[str, int]) -> Machine:
        made.append(_Recorded(program, memory, pages, capacities))
        return made[0]

    bias = process.load_bias(open_go(process.exe_path).elf.entry)
    with load_interp(make, probe.plan, lambda: recorder, _ROOM) as ready, paused(process, _BUDGET_NS) as pause:
        pause.run_all(ready.runs(pause.threads, bias, pause.deadline_ns))
    (machine,) = made
    run = Run(recorder.blocks(), machine.given, machine.filled, _ROOM.pages, machine.capacities)
    about = f"A walk over the goroutines of a process ({probe.go_version}), recorded."
    vector = document(about, program, run, {"leaves": leaves(program, machine)})
    (FOLDER / f"{name}.json").write_text(vector)


def main() -> None:
    """Record one."""
    bundle, pid, name = Bundle.load(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    process = Process.look(pid)
    probe = bundle.for_identity(identity(open_go(process.exe_path).elf))
    assert probe is not None, "the bundle is for another build"
    record(probe, process, name)


if __name__ == "__main__":
    main()
