"""A Go executable: what has to be true of a file before anything else of sey looks into it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sey.binary import problems
from sey.binary.buildinfo import BuildInfo, read_build_info
from sey.binary.elf import ElfFile, open_elf
from sey.binary.errors import SeyError


@dataclass(frozen=True)
class GoBinary:
    """An open executable that Go 1.21 or newer made; it may still be stripped."""

    elf: ElfFile
    build: BuildInfo


def open_go(path: str | os.PathLike[str]) -> GoBinary:
    """Open a Go executable. Raises SeyError as `open_elf` does, and: not Go, built before Go 1.21."""
    elf = open_elf(path)
    return GoBinary(elf, read_build_info(elf))


def require_debug_info(binary: GoBinary) -> None:
    """Raise SeyError naming the build flag to drop, unless the executable has debug information (DWARF)."""
    elf = binary.elf
    sections = (elf.section(name) for name in (".debug_info", ".debug_abbrev"))
    if all(section is not None and section.size for section in sections):
        return
    flags = binary.build.settings.get("-ldflags", "")
    if elf.has_symbols:
        raise SeyError(problems.DwarfStripped(elf.path, _to_drop(flags, "-w", "strip --strip-debug"), flags))
    raise SeyError(problems.SymbolsStripped(elf.path, _to_drop(flags, "-s", "strip"), flags))


def _to_drop(ldflags: str, flag: str, command: str) -> str:
    """The flags to drop: those recorded, else (a -trimpath build records none) the one that has this effect."""
    recorded = [word for word in ("-s", "-w") if word in ldflags.split()]
    if recorded:
        return f"{' '.join(recorded)} in -ldflags"
    return f"-ldflags={flag} (and don't run `{command}` on it)"
