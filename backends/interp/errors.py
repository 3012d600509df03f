"""What can be wrong with bytecode, and with a run of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem, SeyError


@dataclass(frozen=True)
class BadBytecode(Problem):
    """Bytes that are no program, or one that a machine must not run."""

    code: ClassVar[str] = "SEY0770"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path}: bytecode is damaged: at {place}: {reason}"
    help: ClassVar[str | None] = "build the bundle again, or copy it again from where it was made"
    path: str
    place: str
    reason: str


@dataclass(frozen=True)
class NewerBytecode(Problem):
    """Bytecode of a version that this machine doesn't know."""

    code: ClassVar[str] = "SEY0771"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path}: bytecode version {found} is newer than this sey reads ({known})"
    help: ClassVar[str | None] = "use a newer sey, or build the bundle with this one"
    path: str
    found: int
    known: int


@dataclass(frozen=True)
class TooLargeForBytecode(Problem):
    """A program beyond what any machine for bytecode has to accept: registers of a function, bytes of buffers."""

    code: ClassVar[str] = "SEY0773"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "the program is too large for bytecode: {place}: {reason}"
    help: ClassVar[str | None] = "collect less, or collect it with two specs"
    place: str
    reason: str


@dataclass(frozen=True)
class ProgramTrapped(Problem):
    """A program did what no correct one does, or ran on after its time, and was ended."""

    code: ClassVar[str] = "SEY0772"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "the program was stopped: {reason}"
    help: ClassVar[str | None] = "build the bundle again from its spec; if it happens again this is a bug of sey"
    reason: str


def bad(path: str, place: str, reason: str) -> SeyError:
    """The error to raise for bytes that are no sound program."""
    return SeyError(BadBytecode(path, place, reason))
