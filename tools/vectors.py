"""Write `spec/vectors/`: programs in bytecode, what they look at, and what they have to leave.

Run as `python -m tools.vectors`. What is expected comes from the IR's evaluator; vectors for what a machine has to
refuse are sound programs with one thing wrong.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sey.backends.interp.disassemble import disassemble
from sey.backends.interp.format import Bytecode
from sey.backends.interp.lower import compile_bytecode
from sey.ir.evaluate import Image, Machine
from sey.ir.parser import parse_program
from sey.ir.verify import verify
from tools.vector_faults import Fault, refused, trapped
from tools.vector_programs import PROGRAMS, Source

FOLDER = Path(__file__).parent.parent / "spec" / "vectors"
CLOCK = 0x123456789ABCDEF
_RUN = re.compile(rb"[^\0]+(?:\0{1,31}[^\0]+)*")


@dataclass(frozen=True)
class Vector:
    """One file: its name, and what it says."""

    name: str
    contents: Mapping[str, Any] = field(repr=False)

    def text(self) -> str:
        """The file's text."""
        return json.dumps(self.contents, indent=1, ensure_ascii=False) + "\n"


def vectors() -> Iterator[Vector]:
    """All vectors, but for the recorded one."""
    for source in PROGRAMS:
        yield computed(source)
    for fault in refused():
        yield _faulty(fault, {"refused": fault.why})
    for fault in trapped():
        yield _faulty(fault, {"trap": fault.why})


def computed(source: Source) -> Vector:
    """The vector of an IR program, with what the evaluator makes of it."""
    program = parse_program(source.text)
    verify(program)
    machine = Machine(program, Image(source.memory), source.pages, lambda: CLOCK)
    for name, data in source.buffers.items():
        machine.buffers[name][: len(data)] = data
    for name, entries in source.dicts.items():
        machine.dicts[name].update(entries)
    machine.run()
    expected = {
        "buffers": {b.name: _runs(machine.buffers[b.name]) for b in program.buffers if b.host},
        "dicts": {d.name: _entries(machine.dicts[d.name]) for d in program.dicts if d.host},
        "pages": [_runs(page) for page in machine.output()],
    }
    return Vector(source.name, _document(source.about, compile_bytecode(program), source, {"leaves": expected}))


def _faulty(fault: Fault, expected: Mapping[str, str]) -> Vector:
    source = Source(fault.name, fault.about, "")
    return Vector(fault.name, _document(fault.about, fault.program, source, expected, fault.data))


def _document(
    about: str, program: Bytecode, source: Source, expected: Mapping[str, Any], data: bytes | None = None
) -> dict[str, Any]:
    return {
        "about": about,
        "program": base64.b64encode(program.encode() if data is None else data).decode(),
        "memory": {hex(start): block.hex() for start, block in source.memory.items()},
        "pages": source.pages,
        "clock": hex(CLOCK),
        "buffers": {name: contents.hex() for name, contents in source.buffers.items()},
        "dicts": {name: _entries(entries) for name, entries in source.dicts.items()},
        **expected,
        "listing": [] if "refused" in expected else list(disassemble(program)),
    }


def _runs(data: bytes | bytearray) -> dict[str, str]:
    """What isn't zero, by where it is: stretches with fewer than 32 zeros in a row."""
    return {hex(found.start()): found[0].hex() for found in _RUN.finditer(bytes(data))}


def _entries(entries: Mapping[int, int]) -> dict[str, str]:
    return {hex(key): hex(value) for key, value in sorted(entries.items())}


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for vector in vectors():
        (FOLDER / f"{vector.name}.json").write_text(vector.text())


if __name__ == "__main__":
    main()
