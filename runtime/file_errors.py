"""What can be wrong with the files sey reads and writes: the SEY07xx part of the error catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class CannotRead(Problem):
    """An input file is missing, may not be opened, or isn't a file."""

    code: ClassVar[str] = "SEY0701"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "cannot read {path}: {reason}"
    path: str
    reason: str


@dataclass(frozen=True)
class ForeignFile(Problem):
    """The file was not made by sey, or is of another kind than the command takes."""

    code: ClassVar[str] = "SEY0702"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is {found}, not {wanted}"
    help: ClassVar[str | None] = "`sey snapshot` writes captures (.seyc), `sey build` writes bundles (.seyp)"
    path: str
    found: str
    wanted: str


@dataclass(frozen=True)
class NewerFile(Problem):
    """The file has a format version that this sey doesn't know."""

    code: ClassVar[str] = "SEY0703"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} has {what} version {found}; this sey reads up to {known}"
    help: ClassVar[str | None] = "read it with the version of sey that wrote it, or a newer one"
    path: str
    what: str
    found: int
    known: int


@dataclass(frozen=True)
class OlderFile(Problem):
    """The file was written by a sey whose decode plans meant other things, and this one has forgotten which."""

    code: ClassVar[str] = "SEY0706"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} has decode plan version {found}; this sey reads {known}"
    help: ClassVar[str | None] = "read it with the version of sey that wrote it; a probe is to be built again"
    path: str
    found: int
    known: int


@dataclass(frozen=True)
class DamagedFile(Problem):
    """The file contradicts itself, or its checksums don't fit. `place` names the header or section."""

    code: ClassVar[str] = "SEY0704"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is damaged or incomplete: {place}: {reason}"
    help: ClassVar[str | None] = "copy it again from where it was made, or make it again"
    path: str
    place: str
    reason: str


@dataclass(frozen=True)
class CannotWrite(Problem):
    """The output can't be written. Nothing of it was left behind."""

    code: ClassVar[str] = "SEY0710"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "cannot write {path}: {reason}"
    help: ClassVar[str | None] = "name another output file with -o"
    path: str
    reason: str


@dataclass(frozen=True)
class NoSpace(Problem):
    """The disk (or the quota) has no room for the output. Nothing of it was left behind."""

    code: ClassVar[str] = "SEY0711"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "no space left for {path} ({needed} bytes); nothing was written"
    help: ClassVar[str | None] = "free some space, or name an output file elsewhere with -o"
    path: str
    needed: int


@dataclass(frozen=True)
class NoEvents(Problem):
    """A format for events, of a capture that has none."""

    code: ClassVar[str] = "SEY0713"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "cannot export to {path}: the capture is no trace"
    help: ClassVar[str | None] = "`sey trace -o` makes captures with events"
    path: str


@dataclass(frozen=True)
class NoGoroutines(Problem):
    """A format for goroutines, of a trace."""

    code: ClassVar[str] = "SEY0714"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "cannot export to {path}: the capture is a trace, without goroutines of one moment"
    help: ClassVar[str | None] = "`sey snapshot` makes captures with goroutines; .folded has the stacks of events"
    path: str


@dataclass(frozen=True)
class UnknownExport(Problem):
    """The ending of an export's name says no known format."""

    code: ClassVar[str] = "SEY0712"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "cannot tell from {path} what to export to"
    help: ClassVar[str | None] = "give it one of the endings {endings}"
    path: str
    endings: str
