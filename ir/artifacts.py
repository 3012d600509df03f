"""What a backend hands over: facts that a bundle stores and that the host, which has no compiler, reads.

Everything here is plain data: `facts()` gives what JSON can hold, `from_facts` takes it back.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes `offset` to `offset + size` of the value of the array map called `map`."""

    map: str
    offset: int
    size: int


@dataclass(frozen=True)
class BpfProgram:
    """A BPF object file and where the host finds the program's inputs and results in it.

    `object` is an ELF file for libbpf, `program` the name of its only program (a task iterator). `output` is an
    mmapable array map of `chunk_bytes` a value, of which the first `ir.nodes.CHUNK_BYTES` hold pages; the host sets
    its `max_entries` before it loads. `pages` (u64, written before a run) is how many pages the program may use,
    `pages_used` (u64) how many it has begun. `buffers` are the IR's host buffers by name, slack included; `dicts`
    the map of each dict (u64 to u64), whose `max_entries` is the capacity unless the host sets another before it loads.
    """

    object: bytes
    program: str
    output: str
    chunk_bytes: int
    pages: Place
    pages_used: Place
    buffers: Mapping[str, Place]
    dicts: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """Everything but the object, for JSON."""
        return {
            "program": self.program,
            "output": self.output,
            "chunk_bytes": self.chunk_bytes,
            "pages": _place_facts(self.pages),
            "pages_used": _place_facts(self.pages_used),
            "buffers": {name: _place_facts(place) for name, place in self.buffers.items()},
            "dicts": dict(self.dicts),
        }

    @classmethod
    def from_facts(cls, object_bytes: bytes, facts: Mapping[str, Any]) -> BpfProgram:
        """The program that `facts()` described. Raises KeyError or TypeError where a fact is missing or misshapen."""
        return cls(
            object=object_bytes,
            program=str(facts["program"]),
            output=str(facts["output"]),
            chunk_bytes=int(facts["chunk_bytes"]),
            pages=_place(facts["pages"]),
            pages_used=_place(facts["pages_used"]),
            buffers={str(name): _place(place) for name, place in facts["buffers"].items()},
            dicts={str(name): str(target) for name, target in facts["dicts"].items()},
        )


@dataclass(frozen=True)
class EventProgram:
    """A BPF object of an event program: one program that all probes run, and where the host finds what it needs.

    `program` is a sleepable uprobe program, the attach cookie is the number of the probe, plus `WANT_TLS` for code
    that keeps no goroutine in a register. `ring` is the ring buffer, `slots` the array map of `slot_bytes` a value
    that hits work in: the host sets the `max_entries` of both (powers of two) before it loads. `probes` has
    `PROBE_BYTES` for each probe, words as `PROBE_COUNTERS` names them. `pid` (u64): the process wanted, 0 for any;
    `fsbase` (u64): the offset of `thread.fsbase` in the kernel's task_struct, 0 unknown. `hold` (words of HOLD_WORDS)
    is how a hit holds its thread for the host. `buffers` and `dicts` are as in `BpfProgram`; `stashes` are the maps of
    what is kept between runs.
    """

    object: bytes
    program: str
    ring: str
    slots: str
    slot_bytes: int
    probes: Place
    pid: Place
    fsbase: Place
    hold: Place
    buffers: Mapping[str, Place]
    dicts: Mapping[str, str]
    stashes: Mapping[str, str]

    @classmethod
    def none(cls) -> EventProgram:
        """That of events which were looked at and not compiled: there is nothing to load."""
        nowhere = Place("", 0, 0)
        return cls(b"", "", "", "", 0, nowhere, nowhere, nowhere, nowhere, {}, {}, {})

    def facts(self) -> dict[str, Any]:
        """Everything but the object, for JSON."""
        return {
            "program": self.program,
            "ring": self.ring,
            "slots": self.slots,
            "slot_bytes": self.slot_bytes,
            "probes": _place_facts(self.probes),
            "pid": _place_facts(self.pid),
            "fsbase": _place_facts(self.fsbase),
            "hold": _place_facts(self.hold),
            "buffers": {name: _place_facts(place) for name, place in self.buffers.items()},
            "dicts": dict(self.dicts),
            "stashes": dict(self.stashes),
        }

    @classmethod
    def from_facts(cls, object_bytes: bytes, facts: Mapping[str, Any]) -> EventProgram:
        """The program that `facts()` described. Raises KeyError or TypeError where a fact is missing or misshapen."""
        return cls(
            object=object_bytes,
            program=str(facts["program"]),
            ring=str(facts["ring"]),
            slots=str(facts["slots"]),
            slot_bytes=int(facts["slot_bytes"]),
            probes=_place(facts["probes"]),
            pid=_place(facts["pid"]),
            fsbase=_place(facts["fsbase"]),
            hold=_place(facts["hold"]),
            buffers={str(name): _place(place) for name, place in facts["buffers"].items()},
            dicts={str(name): str(target) for name, target in facts["dicts"].items()},
            stashes={str(name): str(target) for name, target in facts["stashes"].items()},
        )


WANT_TLS = 1 << 32
"""Added to the cookie of a probe at code that keeps no goroutine in a register."""
PROBE_BYTES = 64
PROBE_COUNTERS: tuple[str, ...] = (
    "hits",
    "ns",  # spent in the program, by all hits together
    "lost",  # events for which the ring buffer had no room
    "no_slot",  # hits for which no slot was free
    "emitted",  # events put into the ring buffer
)
"""Words of a probe in `EventProgram.probes`."""


class HoldState(enum.IntEnum):
    """What a hit with output does with its thread."""

    OFF = 0
    """It lets the thread go on, as all do in a trace."""
    SHUT = 1
    """Nothing yet, and its output isn't sent."""
    ARMED = 2
    """The first one holds its thread; the output of others isn't sent."""
    HOLDING = 3
    RELEASED = 4
    """The thread was held until the host let it go."""
    EXPIRED = 5
    """The thread went on by itself, since the host took too long."""


HOLD_REGISTERS = 16
HOLD_WORDS: tuple[str, ...] = (
    "state",  # HoldState
    "release",  # not 0: the host lets go
    "limit",  # ns that a thread is held at most
    "time",  # when the hit was, and when it was let go or let go of itself: CLOCK_MONOTONIC
    "ended",
    "tid",  # of the thread, in the kernel's first pid namespace
    "pc",  # of the instruction that is probed
    *(f"register{number}" for number in range(HOLD_REGISTERS)),  # by their numbers in DWARF, at the hit
)
"""Words of `EventProgram.hold`."""


def _place_facts(place: Place) -> list[Any]:
    return [place.map, place.offset, place.size]


def _place(facts: Any) -> Place:
    name, offset, size = facts
    return Place(str(name), int(offset), int(size))
