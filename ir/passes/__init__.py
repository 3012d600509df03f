"""Transformations of IR programs, one a file.

A pass is a frozen dataclass whose fields are its options and whose `run` takes a program to another one that does the
same: the same output on the same memory. The program is verified before the first pass and after each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sey.ir.nodes import Program
from sey.ir.passes.dead import RemoveDead
from sey.ir.passes.decide import Decide
from sey.ir.passes.inline import Inline
from sey.ir.passes.share import Share
from sey.ir.passes.unused import DropUnused
from sey.ir.verify import check_size, verify

__all__ = ["DEFAULT_PASSES", "Decide", "DropUnused", "Inline", "Pass", "RemoveDead", "Share", "run_passes"]


class Pass(Protocol):
    """A transformation that keeps what a program does."""

    def run(self, program: Program) -> Program:
        """The transformed program."""
        ...


DEFAULT_PASSES: tuple[Pass, ...] = (Decide(), Inline(), Share(), RemoveDead())
"""What a program goes through before a backend."""


def run_passes(program: Program, passes: Sequence[Pass]) -> Program:
    """The program after all passes, in order.

    Raises SeyError where the program is wrong or a pass made it so (SEY0502 to SEY0505, bugs of ours), and where the
    result doesn't fit the kernel (SEY0506, SEY0507).
    """
    verify(program)
    for each in passes:
        program, before = each.run(program), program
        verify(program, before)
    check_size(program)
    return program
