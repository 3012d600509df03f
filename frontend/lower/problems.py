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
        "this version of sey reads programs built with Go 1.24 to 1.27; for a newer release a newer sey may be needed"
    )
