"""Which machine runs bytecode: machine code where LLVM is at hand, else the plain machine.

    machine = machine_for(program, memory, pages=64)
    machine.name                                        # native, or plain

The environment variable SEY_INTERP says `native` or `plain` where one of them is to be used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sey.backends.interp.format import Bytecode
from sey.backends.interp.machine import Machine
from sey.backends.interp.native.build import NotNative
from sey.backends.interp.native.machine import NativeMachine
from sey.binary.errors import Exit, Problem, SeyError
from sey.ir.evaluate import TargetMemory

VARIABLE = "SEY_INTERP"


@dataclass(frozen=True)
class NoMachineCode(Problem):
    """SEY_INTERP asks for machine code, which can't be had here, or not for this program."""

    code: ClassVar[str] = "SEY0751"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "the bytecode can't become machine code here: {reason}"
    help: ClassVar[str | None] = "install sey[fast], or don't set SEY_INTERP"
    reason: str


@dataclass(frozen=True)
class NoSuchMachine(Problem):
    """SEY_INTERP names no machine."""

    code: ClassVar[str] = "SEY0752"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "SEY_INTERP is {found}, which names no machine"
    help: ClassVar[str | None] = "set it to native or plain, or not at all"
    found: str


class AnyMachine(Protocol):
    """What both machines have; see `sey.backends.interp.machine.Machine`."""

    name: str
    stop_ns: int | None

    @property
    def buffers(self) -> Mapping[str, bytearray | memoryview]:
        """The bytes of each buffer and its slack."""
        ...

    def fill(self, name: str, entries: Mapping[int, int]) -> None:
        """Put entries into a host dict."""
        ...

    def entries(self, name: str) -> Mapping[int, int]:
        """The entries of a dict."""
        ...

    def run(self) -> None:
        """Run the program, once."""
        ...

    def output(self) -> Sequence[bytes | memoryview]:
        """The pages that were claimed."""
        ...


def machine_for(
    program: Bytecode,
    memory: TargetMemory,
    pages: int = 64,
    capacities: Mapping[str, int] | None = None,
    stop_ns: int | None = None,
) -> AnyMachine:
    """A machine for a verified program, ready to run. Raises SeyError (SEY0751, SEY0752) as SEY_INTERP has it.

    Machine code takes LLVM 0.1 to some seconds, the first time for each program.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "native", "plain"):
        raise SeyError(NoSuchMachine(wanted))
    if wanted != "plain":
        try:
            return NativeMachine(program, memory, pages, capacities=capacities, stop_ns=stop_ns)
        except NotNative as error:
            if wanted:
                raise SeyError(NoMachineCode(str(error))) from None
    return Machine(program, memory, pages, capacities=capacities, stop_ns=stop_ns)
