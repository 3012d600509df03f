"""What can keep a well-typed spec from becoming a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class NoRuntimeFact(Problem):
    """The binary doesn't describe a part of the Go runtime that a snapshot reads."""

    name: str
    code: ClassVar[str] = "SEY0550"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "the binary's debug information doesn't describe `{name}` of the Go runtime"
    help: ClassVar[str | None] = (
        "this version of sey reads programs built with Go 1.21 to 1.27; for a newer release a newer sey may be needed"
    )


@dataclass(frozen=True)
class TooManyVariables(Problem):
    """A block names more variables than a probe has room for."""

    function: str
    count: int
    most: int
    code: ClassVar[str] = "SEY0551"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "the block for {function} names {count} variables, at most {most} are possible"
    help: ClassVar[str | None] = "split it into two blocks for the same function, each with a name of its own (`as`)"
