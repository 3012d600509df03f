"""The reference machine: runs verified bytecode, and knows nothing of what it is about.

    program = load("shop.seyb", data)
    machine = Machine(program, memory, pages=64)
    machine.buffers["in_bias"][:8] = bias.to_bytes(8, "little")
    machine.run()
    machine.output(), machine.buffers["out_counters"]

Each instruction becomes a small function that works on the registers and gives the number of the next instruction;
running is calling them one after the other. `spec/bytecode.md` says what each does.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping

from sey.backends.interp.format import Bytecode, decode
from sey.backends.interp.state import Runner, State
from sey.backends.interp.steps import steps_of
from sey.backends.interp.verify import verify
from sey.ir.evaluate import Fault, TargetMemory


def load(path: str, data: bytes | memoryview) -> Bytecode:
    """The program in a file's bytes, decoded and verified. Raises SeyError (SEY0770, SEY0771)."""
    program = decode(path, data)
    verify(path, program)
    return program


class Machine:
    """A machine with all memories zero. `pages`: how many pages of output there are.

    `capacities` overrides what the program says of dicts. `stop_ns`: when, by the monotonic clock, a program is ended
    that has not ended itself.
    """

    name = "plain"

    def __init__(
        self,
        program: Bytecode,
        memory: TargetMemory,
        pages: int = 64,
        clock: Callable[[], int] = time.monotonic_ns,
        capacities: Mapping[str, int] | None = None,
        stop_ns: int | None = None,
    ) -> None:
        self._program = program
        self._state = State(program, memory, pages, clock, capacities or {}, stop_ns)
        for function in program.functions:
            self._state.functions.append(Runner(function, steps_of(self._state, function)))

    @property
    def buffers(self) -> Mapping[str, bytearray]:
        """The bytes of each buffer and its slack, to write before the run and to read after it."""
        return self._state.buffers

    @property
    def stop_ns(self) -> int | None:
        """When a program is ended that has not ended itself; may be set before the run."""
        return self._state.stop_ns

    @stop_ns.setter
    def stop_ns(self, stop_ns: int | None) -> None:
        self._state.stop_ns = stop_ns

    def fill(self, name: str, entries: Mapping[int, int]) -> None:
        """Put entries into a host dict, before the run."""
        self._state.dicts[name].update(entries)

    def entries(self, name: str) -> Mapping[int, int]:
        """The entries of a dict."""
        return self._state.dicts[name]

    def run(self) -> None:
        """Run the program, which may be done once. Raises SeyError (SEY0772) where it has to be stopped."""
        with contextlib.suppress(Fault):
            self._state.functions[-1].call([])

    def output(self) -> tuple[bytes, ...]:
        """The pages that were claimed, in order, each of PAGE_BYTES."""
        return self._state.output()
