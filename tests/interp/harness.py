"""Runs a random case on a machine for bytecode."""

from __future__ import annotations

from collections.abc import Callable

from sey.backends.interp.choose import AnyMachine
from sey.backends.interp.format import Bytecode
from sey.backends.interp.lower import compile_bytecode
from sey.backends.interp.machine import Machine, load
from sey.ir.evaluate import Image, TargetMemory
from sey.ir.parser import parse_program
from tests.ir.programs import PAGE, Case, Outcome


class Windows(Image):
    """The same memory, which also tells of stretches of up to `most` pages; ranges have to be whole pages."""

    most = 2

    def window(self, address: int) -> tuple[int, bytes]:
        start = address // PAGE * PAGE
        found = b""
        while len(found) < self.most * PAGE and (page := self.read(start + len(found), PAGE)) is not None:
            found += page
        return start, found


def bytecode_of(case: Case) -> Bytecode:
    """The program of a case as a host gets it: out of a file's bytes."""
    return load("case.seyb", compile_bytecode(case.program).encode())


def program_of(text: str) -> Bytecode:
    """A program from the text of its IR."""
    return load("text.seyb", compile_bytecode(parse_program(text)).encode())


def outcome(
    case: Case, machine: Callable[..., AnyMachine] = Machine, memory: Callable[..., TargetMemory] = Image
) -> Outcome:
    """Run a random case."""
    running = machine(bytecode_of(case), memory(case.image), pages=case.pages)
    for name, data in case.inputs.items():
        held = running.buffers[name]
        held[: len(data)] = data[: len(held)]
    for name, entries in case.entries.items():
        running.fill(name, entries)
    running.run()
    return Outcome(
        {b.name: bytes(running.buffers[b.name][: b.size]) for b in case.program.buffers if b.host},
        {d.name: dict(running.entries(d.name)) for d in case.program.dicts if d.host},
        tuple(map(bytes, running.output())),
    )
