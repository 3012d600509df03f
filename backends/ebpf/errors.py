"""What can go wrong when a verified program is compiled: SEY0511."""

from __future__ import annotations

from dataclasses import dataclass

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class FunctionTooLong(Problem):
    """A function has more instructions (of 8 bytes) than a jump of BPF version 3 spans."""

    code = "SEY0511"
    exit_status = Exit.SPEC
    title = "the probe's function @{function} takes {instructions} instructions, at most {allowed} are possible"
    help = "capture fewer variables at once, or split the spec in two"

    function: str
    instructions: int
    allowed: int
