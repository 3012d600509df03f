"""What can be wrong with a program's debug information: the problems of this package (SEY0450 to SEY0479)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class DebugInfoDamaged(Problem):
    """The debug information contradicts itself or ends too early. `place` is a section with an offset."""

    code: ClassVar[str] = "SEY0450"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "the debug information of {path} is damaged: {place}: {reason}"
    help: ClassVar[str | None] = "copy or build the file again"
    path: str
    place: str
    reason: str


@dataclass(frozen=True)
class DebugInfoUnsupported(Problem):
    """Debug information in a form that no Go compiler of the supported releases writes."""

    code: ClassVar[str] = "SEY0451"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "the debug information of {path} is in a form that sey can't read: {what}"
    help: ClassVar[str | None] = "build the program with Go 1.21 to 1.27 and its default debug settings"
    path: str
    what: str


@dataclass(frozen=True)
class NoGoUnits(Problem):
    """Debug information, but of other languages only."""

    code: ClassVar[str] = "SEY0452"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "the debug information of {path} describes no Go code"
    help: ClassVar[str | None] = "link the Go parts without -w in -ldflags"
    path: str


@dataclass(frozen=True)
class DebugFileMismatch(Problem):
    """The separate debug file was made from another build."""

    code: ClassVar[str] = "SEY0453"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{debug_file} is not the debug information of {path}: {found}, expected {expected}"
    help: ClassVar[str | None] = "name the file made from this very build (objcopy --only-keep-debug)"
    path: str
    debug_file: str
    found: str
    expected: str


@dataclass(frozen=True)
class RuntimeFactMissing(Problem):
    """The Go runtime of this program lacks something that sey has to know. `what` is a type, field or variable."""

    code: ClassVar[str] = "SEY0454"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "the Go runtime of {path} has no {what}"
    help: ClassVar[str | None] = "use a Go release that this version of sey knows (1.21 to 1.27)"
    path: str
    what: str
