"""Separate debug files: found by name, by build id or by link, and checked to be of the same build."""

from __future__ import annotations

from pathlib import Path

from sey.binary.elf import ElfFile, open_elf
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.frontend.debuginfo import problems

_DEBUG_ROOT = Path("/usr/lib/debug")
_IDS = ((".note.gnu.build-id", b"GNU", "GNU build id"), (".note.go.buildid", b"Go", "Go build id"))


def debug_elf(binary: GoBinary, debug_file: str | None) -> ElfFile | None:
    """The file to read debug information from, or None for the executable itself, or where there is no other.

    Raises SeyError where `debug_file` is named and can't be read, has no debug information or is of another build.
    """
    if debug_file is not None:
        named = open_elf(debug_file)
        _check(binary.elf, named, debug_file)
        return named
    if _has_dwarf(binary.elf):
        return None
    return next((elf for path in _candidates(binary.elf) if (elf := _matching(binary.elf, path))), None)


def _has_dwarf(elf: ElfFile) -> bool:
    return all((s := elf.section(name)) is not None and s.size > 0 for name in (".debug_info", ".debug_abbrev"))


def _ids(elf: ElfFile) -> dict[str, bytes]:
    return {label: found for section, owner, label in _IDS if (found := elf.note(section, owner))}


def _check(elf: ElfFile, debug: ElfFile, name: str) -> None:
    if not _has_dwarf(debug):
        raise SeyError(problems.DebugFileMismatch(elf.path, name, "no debug information in it", "DWARF sections"))
    own, other = _ids(elf), _ids(debug)
    shared = [label for label in own if label in other]
    if not shared:
        expected = ", ".join(own) or "a build id"
        raise SeyError(problems.DebugFileMismatch(elf.path, name, "no build id in common", expected))
    for label in shared:
        if own[label] != other[label]:
            expected, found = (f"{label} {ids[label].hex()[:16]}" for ids in (own, other))
            raise SeyError(problems.DebugFileMismatch(elf.path, name, found, expected))


def _candidates(elf: ElfFile) -> list[Path]:
    """Where debuggers look (GDB manual, "Separate Debug Files")."""
    found = list[Path]()
    gnu = elf.note(".note.gnu.build-id", b"GNU")
    if gnu and len(gnu) > 1:
        found.append(_DEBUG_ROOT / ".build-id" / gnu.hex()[:2] / f"{gnu.hex()[2:]}.debug")
    link = elf.section(".gnu_debuglink")
    name = bytes(link.raw()).split(b"\0")[0].decode("utf-8", "replace") if link else ""
    if name and "/" not in name:
        folder = Path(elf.path).resolve().parent
        found += [folder / name, folder / ".debug" / name, _DEBUG_ROOT / folder.relative_to("/") / name]
    return found


def _matching(elf: ElfFile, path: Path) -> ElfFile | None:
    try:
        debug = open_elf(str(path))
        _check(elf, debug, str(path))
    except SeyError:
        return None
    return debug
