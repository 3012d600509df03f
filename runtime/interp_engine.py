"""Runs a probe here: bytecode on a machine of our own, for hosts without eBPF and for what is no process any more."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from sey.backends.interp.choose import AnyMachine
from sey.ir.evaluate import TargetMemory
from sey.ir.plan import Plan
from sey.runtime.engine import LoadedProbe, Room, load_parts, write_registers
from sey.runtime.pages import Buffer
from sey.runtime.threadplaces import ThreadPlaces

_WORD = struct.Struct("<Q")
_SPARE_NS = 1_000_000_000
"""How long a program that doesn't keep to its deadline may go on."""


MakeMachine = Callable[[TargetMemory, int, Mapping[str, int]], AnyMachine]
"""A machine for a memory, with so many pages of output, and capacities of dicts by name."""


def load_interp(
    make: MakeMachine,
    plan: Plan,
    memory: Callable[[], TargetMemory],
    room: Room,
    parts: int = 1,
    reason: str = "",
) -> LoadedProbe:
    """A probe that reads what `memory` gives each part for a run; with as many `parts` the kernel leaves the same."""
    share = room.share(parts)
    loads = [partial(_Part, make, memory, share, n, parts) for n in range(parts)]
    return LoadedProbe(plan, load_parts(loads), "interp", reason)


class _Part:
    """One machine, with its share of the walk."""

    def __init__(
        self, make: MakeMachine, memory: Callable[[], TargetMemory], room: Room, number: int, parts: int
    ) -> None:
        self.number = number
        self.left_out = 0
        self._make, self._memory, self._room, self._parts = make, memory, room, parts
        self._threads: dict[int, int] = {}
        self._places = ThreadPlaces(self._threads)
        self._start()

    def _start(self) -> None:
        """A machine runs once; what takes long, its code, is made once for all of them."""
        self._machine = self._make(self._memory(), self._room.pages, {"stacks": self._room.stacks})
        self._write("in_share", self.number)
        self._write("in_shares", self._parts)
        self._write("in_pages", self._room.pages)

    def reset(self, tid: int) -> None:
        del tid  # the memory knows its thread
        self._start()

    def close(self) -> None:
        """There is nothing outside of this process."""

    def expect_threads(self, ns_tids: npt.NDArray[np.int32]) -> None:
        self._places.expect(ns_tids.tolist())

    def run(self, threads: npt.NDArray[np.void], bias: int, deadline_ns: int) -> None:
        places = self._places.of(threads)
        keep = places >= 0
        self.left_out = len(places) - int(keep.sum())
        write_registers(self._machine.buffers["in_regs"], 0, threads[keep], places[keep])
        self._machine.fill("threads", self._threads)
        self._write("in_bias", bias & (1 << 64) - 1)
        self._write("in_deadline", deadline_ns)
        self._machine.stop_ns = deadline_ns + _SPARE_NS
        self._machine.run()

    def pages(self) -> Sequence[Buffer]:
        return self._machine.output()

    def words(self, buffer: str, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}Q", self._machine.buffers[buffer])

    def _write(self, buffer: str, value: int) -> None:
        self._machine.buffers[buffer][:8] = _WORD.pack(value)
