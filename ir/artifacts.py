"""What a backend hands over: facts that a bundle stores and that the host, which has no compiler, reads.

Everything here is plain data: `facts()` gives what JSON can hold, `from_facts` takes it back.
"""

from __future__ import annotations

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


def _place_facts(place: Place) -> list[Any]:
    return [place.map, place.offset, place.size]


def _place(facts: Any) -> Place:
    name, offset, size = facts
    return Place(str(name), int(offset), int(size))
