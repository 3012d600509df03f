"""What can be wrong with a core file and the executable given for it (SEY0730 to SEY0739)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class NotCore(Problem):
    """The file named by `--core` is something else; `found` says what, as far as its first bytes tell."""

    code: ClassVar[str] = "SEY0730"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is {found}, not an ELF core file"
    help: ClassVar[str | None] = "name a core that Linux or `gcore` wrote; `coredumpctl dump -o FILE` has systemd's"
    path: str
    found: str


@dataclass(frozen=True)
class CompressedCore(Problem):
    """The file is compressed, and can't be mapped into memory as it is."""

    code: ClassVar[str] = "SEY0731"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is compressed ({method}); cores are mapped into memory as they were dumped"
    help: ClassVar[str | None] = "decompress it: {command}"
    path: str
    method: str
    command: str


@dataclass(frozen=True)
class CoreMachine(Problem):
    """The core of a process of another architecture, or of a 32-bit one."""

    code: ClassVar[str] = "SEY0732"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is the core of a {machine} process; only 64-bit amd64 is supported"
    path: str
    machine: str


@dataclass(frozen=True)
class CoreTruncated(Problem):
    """The core ends before the memory that its headers tell of."""

    code: ClassVar[str] = "SEY0733"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is truncated: its headers tell of {expected} bytes, and it has {size}"
    help: ClassVar[str | None] = (
        "copy it again; if it was dumped so, look at `ulimit -c`, at the limits of systemd-coredump "
        "(ProcessSizeMax=, ExternalSizeMax=) and at the space on the disk"
    )
    path: str
    expected: int
    size: int


@dataclass(frozen=True)
class CoreDamaged(Problem):
    """The core contradicts itself. `place` names the header or note."""

    code: ClassVar[str] = "SEY0734"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is damaged: {place}: {reason}"
    help: ClassVar[str | None] = "copy it again from where it was dumped"
    path: str
    place: str
    reason: str


@dataclass(frozen=True)
class ExecutableNeeded(Problem):
    """A core leaves out what is in the executable as well, and the executable was not given or found."""

    code: ClassVar[str] = "SEY0735"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "{core} can only be read with the executable that it is of: {reason}"
    help: ClassVar[str | None] = "name that file with --exe: the one that ran, or an unstripped one of the same build"
    core: str
    reason: str


@dataclass(frozen=True)
class OtherExecutable(Problem):
    """The executable isn't the one that the process of the core ran. `reason` is what differs."""

    code: ClassVar[str] = "SEY0736"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{core} is not of a process that ran {executable}: {reason}"
    help: ClassVar[str | None] = "name with --exe the file that ran, or an unstripped one of the same build"
    core: str
    executable: str
    reason: str
    of_core: str
    of_executable: str

    def notes(self) -> tuple[str, ...]:
        """Both sides of what differs, and what the core itself calls its executable."""
        return (f"in the core: {self.of_core}", f"in the executable: {self.of_executable}")


@dataclass(frozen=True)
class CoreIncomplete(Problem):
    """The core holds too little of the process. `what` is what is missing."""

    code: ClassVar[str] = "SEY0737"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} lacks {what}"
    help: ClassVar[str | None] = (
        "dump it with at least the private memory of the process (the lowest bit of /proc/PID/coredump_filter), "
        "by Linux or by `gcore`"
    )
    path: str
    what: str


@dataclass(frozen=True)
class CoreUnreadable(Problem):
    """What every snapshot starts from isn't in the core."""

    code: ClassVar[str] = "SEY0738"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "the Go runtime's own data at {address:#x} could not be read from {path}"
    help: ClassVar[str | None] = "the core is incomplete, or was dumped before the program's runtime had started"
    path: str
    address: int
