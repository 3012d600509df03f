"""Runs a random case on a machine for bytecode."""

from __future__ import annotations

from collections.abc import Callable

from sey.backends.interp.format import Bytecode
from sey.backends.interp.lower import compile_bytecode
from sey.backends.interp.machine import Machine, load
from sey.ir.evaluate import Image
from tests.ir.programs import Case, Outcome


def bytecode_of(case: Case) -> Bytecode:
    """The program of a case as a host gets it: out of a file's bytes."""
    return load("case.seyb", compile_bytecode(case.program).encode())


def outcome(case: Case, machine: Callable[..., Machine] = Machine) -> Outcome:
    """Run a random case."""
    running = machine(bytecode_of(case), Image(case.image), pages=case.pages)
    for name, data in case.inputs.items():
        running.buffers[name][: len(data)] = data
    for name, entries in case.entries.items():
        running.fill(name, entries)
    running.run()
    return Outcome(
        {b.name: bytes(running.buffers[b.name][: b.size]) for b in case.program.buffers if b.host},
        {d.name: dict(running.entries(d.name)) for d in case.program.dicts if d.host},
        running.output(),
    )
