"""Write `spec/vectors/`: programs in bytecode, what they look at, and what they have to leave.

Run as `python -m tools.vectors`. What is expected comes from the IR's evaluator, or is written down with
the program; vectors for what a machine has to refuse are sound programs with one thing wrong.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sey.backends.interp.disassemble import disassemble
from sey.backends.interp.format import Bytecode
from sey.backends.interp.lower import compile_bytecode
from sey.ir.evaluate import Image, Machine
from sey.ir.nodes import Program
from sey.ir.parser import parse_program
from sey.ir.verify import verify
from tools.vector_edges import Edge, edges
from tools.vector_faults import Fault, refused, trapped
from tools.vector_programs import PROGRAMS, Source

FOLDER = Path(__file__).parent.parent / "spec" / "vectors"
CLOCK = 0x123456789ABCDEF
_RUN = re.compile(rb"[^\0]+(?:\0{1,31}[^\0]+)*")


@dataclass(frozen=True)
class Run:
    """What a run depends on besides the program; `memory` by address, `capacities` of dicts that the host changes."""

    memory: Mapping[int, bytes]
    buffers: Mapping[str, bytes]
    dicts: Mapping[str, Mapping[int, int]]
    pages: int
    capacities: Mapping[str, int] = field(default_factory=dict)


class Finished(Protocol):
    """A machine after its run."""

    @property
    def buffers(self) -> Mapping[str, bytearray | memoryview]:
        """The bytes of each buffer, slack included."""
        ...

    def entries(self, name: str) -> Mapping[int, int]:
        """The entries of a dict."""
        ...

    def output(self) -> Sequence[bytes | memoryview]:
        """The pages that were claimed."""
        ...


def vectors() -> Iterator[tuple[str, str]]:
    """All vectors, but for the recorded ones: names and contents of the files."""
    for source in PROGRAMS:
        yield source.name, computed(source)
    for edge in edges():
        yield edge.name, _stated(edge)
    for fault in refused():
        yield fault.name, _faulty(fault, {"refused": fault.why})
    for fault in trapped():
        yield fault.name, _faulty(fault, {"trap": fault.why})


class _Evaluated(Machine):
    """The evaluator with the face of a machine."""

    def entries(self, name: str) -> Mapping[int, int]:
        return self.dicts[name]


def computed(source: Source) -> str:
    """The vector of an IR program, with what the evaluator makes of it."""
    program = parse_program(source.text)
    verify(program)
    run = Run(source.memory, source.buffers, source.dicts, source.pages)
    return evaluated(source.about, program, run)


def evaluated(about: str, program: Program, run: Run) -> str:
    """The vector of a verified IR program, with what the evaluator makes of it. No fault leaves its main function."""
    machine = _Evaluated(program, Image(run.memory), run.pages, lambda: CLOCK)
    for name, data in run.buffers.items():
        machine.buffers[name][: len(data)] = data
    for name, entries in run.dicts.items():
        machine.dicts[name].update(entries)
    machine.run()
    compiled = compile_bytecode(program)
    return document(about, compiled, run, {"leaves": leaves(compiled, machine)})


def leaves(program: Bytecode, machine: Finished) -> dict[str, Any]:
    """What a machine has left behind."""
    return {
        "buffers": {b.name: _runs(machine.buffers[b.name]) for b in program.buffers if b.host},
        "dicts": {d.name: _entries(machine.entries(d.name)) for d in program.dicts if d.host},
        "pages": [_runs(page) for page in machine.output()],
    }


def _stated(edge: Edge) -> str:
    """The vector of a program that says itself what it leaves."""
    left = {
        "buffers": {name: _runs(contents) for name, contents in edge.buffers.items()},
        "dicts": {},
        "pages": [_runs(page) for page in edge.pages],
    }
    return document(edge.about, edge.program, Run(edge.memory, {}, {}, edge.allowed), {"leaves": left})


def _faulty(fault: Fault, expected: Mapping[str, str]) -> str:
    return document(fault.about, fault.program, Run({}, {}, {}, 4), expected, fault.data)


def document(about: str, program: Bytecode, run: Run, expected: Mapping[str, Any], data: bytes | None = None) -> str:
    """The text of a vector. `data`: the program's bytes, where they are others than its own."""
    parts = {
        "about": about,
        "program": base64.b64encode(program.encode() if data is None else data).decode(),
        "memory": {hex(start): block.hex() for start, block in run.memory.items()},
        "pages": run.pages,
        "clock": hex(CLOCK),
        "capacities": dict(run.capacities),
        "buffers": {name: contents.hex() for name, contents in run.buffers.items()},
        "dicts": {name: _entries(entries) for name, entries in run.dicts.items()},
        **expected,
        "listing": [] if "refused" in expected else list(disassemble(program)),
    }
    return json.dumps({name: part for name, part in parts.items() if part or name != "capacities"}, indent=1) + "\n"


def _runs(data: bytes | bytearray | memoryview) -> dict[str, str]:
    """What isn't zero, by where it is: stretches with fewer than 32 zeros in a row."""
    return {hex(found.start()): found[0].hex() for found in _RUN.finditer(bytes(data))}


def _entries(entries: Mapping[int, int]) -> dict[str, str]:
    return {hex(key): hex(value) for key, value in sorted(entries.items())}


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in vectors():
        (FOLDER / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main()
