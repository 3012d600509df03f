"""What can be wrong with an executable file: the problems that this package raises (SEY0401 to SEY0449)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class FileUnreadable(Problem):
    """The file is missing or may not be opened. `reason` is the operating system's own text."""

    code: ClassVar[str] = "SEY0401"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "cannot open {path}: {reason}"
    path: str
    reason: str


@dataclass(frozen=True)
class NotRegularFile(Problem):
    """A directory, device, pipe or socket stands where an executable was expected."""

    code: ClassVar[str] = "SEY0402"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "{path} is {found}, not an executable file"
    path: str
    found: str


@dataclass(frozen=True)
class NotElf(Problem):
    """The file is of another format; `found` says which, as far as its first bytes tell."""

    code: ClassVar[str] = "SEY0403"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is {found}, not an ELF executable"
    help: ClassVar[str | None] = "name an executable that `go build` made for linux/amd64"
    path: str
    found: str


@dataclass(frozen=True)
class UnsupportedClass(Problem):
    """A 32-bit executable."""

    code: ClassVar[str] = "SEY0404"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is a 32-bit executable ({machine}); only 64-bit ones are supported"
    help: ClassVar[str | None] = "build it with GOARCH=amd64"
    path: str
    machine: str


@dataclass(frozen=True)
class UnsupportedMachine(Problem):
    """An executable for an architecture that sey can't read."""

    code: ClassVar[str] = "SEY0405"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is for {machine}; only amd64 is supported"
    help: ClassVar[str | None] = "build it with GOARCH=amd64"
    path: str
    machine: str


@dataclass(frozen=True)
class BigEndian(Problem):
    """A big-endian executable."""

    code: ClassVar[str] = "SEY0406"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is big-endian ({machine}); only little-endian executables are supported"
    help: ClassVar[str | None] = "build it with GOARCH=amd64"
    path: str
    machine: str


@dataclass(frozen=True)
class NotExecutable(Problem):
    """An ELF file that isn't a program: an object file or a core dump."""

    code: ClassVar[str] = "SEY0407"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is {found}, not an executable"
    path: str
    found: str


@dataclass(frozen=True)
class Damaged(Problem):
    """The file contradicts itself or ends too early. `place` names the header, section or table."""

    code: ClassVar[str] = "SEY0408"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} is damaged or truncated: {place}: {reason}"
    help: ClassVar[str | None] = "copy or build the file again"
    path: str
    place: str
    reason: str


@dataclass(frozen=True)
class NotGo(Problem):
    """No Go build information in the file. `hint` says what the file looks like, or is empty."""

    code: ClassVar[str] = "SEY0409"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is not a Go program: it has no Go build information"
    help: ClassVar[str | None] = "name the executable that `go build` made, not a packed copy or a wrapper around it"
    path: str


@dataclass(frozen=True)
class SymbolsStripped(Problem):
    """Neither symbol table nor debug information: linked with -s, or `strip` was run.

    `flags` are the linker flags that the build information records, `drop` what to leave out.
    """

    code: ClassVar[str] = "SEY0410"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} is stripped: it has neither a symbol table nor debug information (DWARF)"
    help: ClassVar[str | None] = "build it without {drop}"
    path: str
    drop: str
    flags: str

    def notes(self) -> tuple[str, ...]:
        """The linker flags that the build information records."""
        return _recorded(self.flags)


@dataclass(frozen=True)
class DwarfStripped(Problem):
    """A symbol table but no debug information: linked with -w, or `strip --strip-debug` was run."""

    code: ClassVar[str] = "SEY0411"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} has no debug information (DWARF)"
    help: ClassVar[str | None] = "build it without {drop}"
    path: str
    drop: str
    flags: str

    def notes(self) -> tuple[str, ...]:
        """The linker flags that the build information records."""
        return _recorded(self.flags)


def _recorded(flags: str) -> tuple[str, ...]:
    return (f"its build information says -ldflags={flags!r}",) if flags else ()


@dataclass(frozen=True)
class GoTooOld(Problem):
    """Built by a Go release older than the oldest supported."""

    code: ClassVar[str] = "SEY0412"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} was built with {version}; Go {oldest} is the oldest supported"
    help: ClassVar[str | None] = "build it with Go {oldest} or newer"
    path: str
    version: str
    oldest: str


@dataclass(frozen=True)
class TableMissing(Problem):
    """A table that every Go program has can't be found. `table` names it, `reason` says where it was sought."""

    code: ClassVar[str] = "SEY0413"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "{path} has no {table}: {reason}"
    help: ClassVar[str | None] = "if the file was packed or rewritten after the build, use the one that `go build` made"
    path: str
    table: str
    reason: str


@dataclass(frozen=True)
class AddressNotInFile(Problem):
    """A read outside what the file loads: the address belongs to no loadable segment."""

    code: ClassVar[str] = "SEY0414"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "{path} holds nothing at address {address:#x} ({size} bytes wanted)"
    path: str
    address: int
    size: int


@dataclass(frozen=True)
class UnsupportedCompression(Problem):
    """A section compressed by a method that sey can't inflate."""

    code: ClassVar[str] = "SEY0415"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "section {section} of {path} is compressed with {method}; only zlib is supported"
    help: ClassVar[str | None] = "decompress it: objcopy --decompress-debug-sections {path}"
    path: str
    section: str
    method: str


@dataclass(frozen=True)
class NoSuchMapping(Problem):
    """A process maps a part of the file that its program headers don't: the process runs another build."""

    code: ClassVar[str] = "SEY0416"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "no segment of {path} is loaded from file offset {offset:#x}: the process runs another build"
    help: ClassVar[str | None] = "name the executable that the process was started from"
    path: str
    offset: int
