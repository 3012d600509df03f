"""An event program in the kernel: loaded, with what the host tells it and what it counts."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sey.ir.artifacts import HOLD_WORDS, PROBE_BYTES, PROBE_COUNTERS, EventProgram, HoldState, Place
from sey.ir.plan import EVENT_COUNTER_BYTES, EVENT_COUNTERS, EVENT_INPUT_BYTES, EVENT_INPUTS, Plan
from sey.runtime.events.check import check_event_object
from sey.runtime.events.kernel import UPROBE_MULTI, thread_pointer_offset
from sey.runtime.events.ring import Ring
from sey.runtime.libbpf import BpfObject
from sey.runtime.pages import U64Array
from sey.runtime.pause import Gate

_WORD = struct.Struct("<Q")
_PAIR = struct.Struct("<2Q")
_LEAST_SLOTS = 16
_SLOTS_PER_PROCESSOR = 4
"""Hits that were preempted on a processor, or wait in it for a page, have slots of their own."""


@dataclass(frozen=True)
class Counts:
    """What was counted since the start, of each probe (a row of PROBE_COUNTERS) and each event (EVENT_COUNTERS)."""

    probes: U64Array
    events: U64Array


class LoadedEvents:
    """The program of one process's events. `fd`s and memory of ours hold all of it; `close` gives it back.

    `multi`: it is to be attached by links of many uprobes. Raises SeyError where it can't be loaded.
    """

    def __init__(self, program: EventProgram, plan: Plan, ring_bytes: int, *, multi: bool) -> None:
        self._program, self._plan = program, plan
        self._memories: dict[str, mmap.mmap] = {}
        self.object = BpfObject.open(program.object)
        try:
            check_event_object(self.object, program, plan)
            self.object.map(program.ring).resize(max_entries=ring_bytes)
            self.object.map(program.slots).resize(max_entries=slots_for(os.cpu_count() or 1))
            if multi:
                self.object.expect_attachment(program.program, UPROBE_MULTI)
            self.object.load()
            self.ring = Ring(self.object.map(program.ring).fd, ring_bytes)
        except BaseException:
            self.object.close()
            raise

    def start(self, bias: int, pid: int) -> None:
        """Set what the program starts from: the load bias, the process alone to look at (0: whatever is probed)."""
        self._write(self._program.buffers["in_bias"], _WORD.pack(bias & (1 << 64) - 1))
        self._write(self._program.pid, _WORD.pack(pid))
        if any(probe.tls for probe in self._plan.probes):
            self._write(self._program.fsbase, _WORD.pack(thread_pointer_offset()))
        for event in self._plan.events:
            self.set(event.index, sample=event.sample, limit=event.limit, window=event.window_ns)

    def set(self, event: int, **inputs: int) -> None:
        """Set words of EVENT_INPUTS of one event."""
        place = self._program.buffers["in_events"]
        for name, value in inputs.items():
            offset = event * EVENT_INPUT_BYTES + 8 * EVENT_INPUTS.index(name)
            self._write(Place(place.map, place.offset + offset, 8), _WORD.pack(value))

    def counts(self) -> Counts:
        """What it has counted so far."""
        program, plan = self._program, self._plan
        probes = self._read(program.probes, len(plan.probes) * PROBE_BYTES).reshape(-1, PROBE_BYTES // 8)
        events = self._read(program.buffers["out_events"], len(plan.events) * EVENT_COUNTER_BYTES)
        events = events.reshape(-1, EVENT_COUNTER_BYTES // 8)
        return Counts(probes[:, : len(PROBE_COUNTERS)], events[:, : len(EVENT_COUNTERS)])

    def shut(self, limit_ns: int) -> None:
        """Let no event go out before one is to hold its thread, for so long at most."""
        self._hold(state=HoldState.SHUT, limit=limit_ns)

    def gate(self) -> Gate:
        """What waits for the event that holds its thread."""
        place = self._program.hold
        memory = self.object.map(place.map)
        return Gate(self.object.map(self._program.ring).fd, memory.fd, memory.memory_size, place.offset)

    def held(self) -> dict[str, int]:
        """The words of HOLD_WORDS as they are."""
        values = self._read(self._program.hold, 8 * len(HOLD_WORDS)).tolist()
        return dict(zip(HOLD_WORDS, values, strict=True))

    def _hold(self, **words: int) -> None:
        place = self._program.hold
        for name, value in words.items():
            self._write(Place(place.map, place.offset + 8 * HOLD_WORDS.index(name), 8), _WORD.pack(value))

    def words(self, name: str) -> Mapping[int, int]:
        """What one of its dicts holds now."""
        entries = self.object.map(self._program.dicts[name]).entries()
        return dict(_PAIR.unpack(key + value) for key, value in entries)

    def close(self) -> None:
        """Free it, also in the kernel; what is attached must be detached before."""
        self.ring.close()
        for memory in self._memories.values():
            memory.close()
        self.object.close()

    def _memory(self, name: str) -> mmap.mmap:
        if name not in self._memories:
            self._memories[name] = self.object.map(name).mmap()
        return self._memories[name]

    def _write(self, place: Place, data: bytes) -> None:
        self._memory(place.map)[place.offset : place.offset + len(data)] = data

    def _read(self, place: Place, size: int) -> U64Array:
        return np.frombuffer(self._memory(place.map)[place.offset : place.offset + size], dtype="<u8")


def slots_for(processors: int) -> int:
    """How many hits can be in the program at once: a power of two."""
    wanted = max(_LEAST_SLOTS, _SLOTS_PER_PROCESSOR * processors)
    return 1 << (wanted - 1).bit_length()
