"""Errors that a user can cause, as values with a stable code; the leaf that every part of sey shares.

A part declares each of its errors as a frozen dataclass deriving from `Problem` and raises it wrapped in
`SeyError`. The command line renders problems and turns `exit_status` into the process's own (DESIGN §11).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import Any, ClassVar


class Exit(enum.IntEnum):
    """Exit statuses of the command line."""

    DONE = 0
    SPEC = 1
    USAGE = 2
    HOST = 3
    TARGET = 4
    NOTHING = 5
    FILE = 6
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: typed fields in, sentences out.

    Subclasses set `code` (`SEY0401`), `exit_status`, `title` (a template over the fields, one sentence saying what
    is wrong) and may set `help` (a template saying what to do) and `notes`.
    """

    code: ClassVar[str] = "SEY0900"
    exit_status: ClassVar[Exit] = Exit.BUG
    title: ClassVar[str] = "a bug in sey"
    help: ClassVar[str | None] = None

    def values(self) -> dict[str, Any]:
        """The fields by name, for templates and for machine-readable output."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def message(self) -> str:
        """The title with the fields filled in."""
        return self.title.format(**self.values())

    def advice(self) -> str | None:
        """The help with the fields filled in, or None."""
        return self.help.format(**self.values()) if self.help else None

    def notes(self) -> tuple[str, ...]:
        """Further sentences: candidates, the other identity, the kernel's own words."""
        return ()


class SeyError(Exception):
    """Raised with the problems found; the first decides the exit status."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(p.message() for p in problems))
        self.problems = problems

    @property
    def exit_status(self) -> Exit:
        """The status the command ends with."""
        return self.problems[0].exit_status if self.problems else Exit.BUG


def catalogue() -> dict[str, type[Problem]]:
    """Every declared problem of the modules imported so far, by code. Raises ValueError where two share a code."""
    found: dict[str, type[Problem]] = {}
    pending = list(Problem.__subclasses__())
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if "code" not in vars(kind):
            continue
        if kind.code in found and found[kind.code] is not kind:
            raise ValueError(f"{kind.code} is both {found[kind.code].__name__} and {kind.__name__}")
        found[kind.code] = kind
    return found
