"""Separate debug files: found by name, by build id or by link, and checked to be of the same build."""

from __future__ import annotations

import os
from pathlib import Path

from sey.binary.elf import ElfFile, open_elf
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.binary.processpath import known_as, root_of
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
    """Where debuggers look (GDB manual, "Separate Debug Files"), in the process's own root first; last debuginfod's
    cache of what other tools fetched (debuginfod_find_debuginfo(3))."""
    gnu = elf.note(".note.gnu.build-id", b"GNU")
    link = elf.section(".gnu_debuglink")
    name = bytes(link.raw()).split(b"\0")[0].decode("utf-8", "replace") if link else ""
    named = bool(name) and name not in (".", "..") and "/" not in name
    found = list[Path]()
    for root, folder in _places(elf.path):
        if gnu and len(gnu) > 1:
            found.append(_below(root, _DEBUG_ROOT / ".build-id" / gnu.hex()[:2] / f"{gnu.hex()[2:]}.debug"))
        if named:
            beside = [folder / name, folder / ".debug" / name, _DEBUG_ROOT / folder.relative_to("/") / name]
            found += [_below(root, path) for path in beside]
    if gnu:
        found.append(_fetched_folder() / gnu.hex() / "debuginfo")
    return found


def _places(path: str) -> list[tuple[Path, Path]]:
    """Roots to look below, each with the folder that the executable has there.

    The name behind /proc/PID/exe is one in the root of that process, and says so where the file was deleted.
    """
    root = root_of(path)
    if root is None:
        return [(Path("/"), Path(path).resolve().parent)]
    folder = Path(known_as(path)).parent
    return [(root, folder), (Path("/"), folder)] if folder.is_absolute() else []


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _fetched_folder() -> Path:
    named = os.environ.get("DEBUGINFOD_CACHE_PATH")
    if named:
        return Path(named)
    kept = os.environ.get("XDG_CACHE_HOME")
    return (Path(kept) if kept else Path("~/.cache").expanduser()) / "debuginfod_client"


def _matching(elf: ElfFile, path: Path) -> ElfFile | None:
    try:
        debug = open_elf(str(path))
        _check(elf, debug, str(path))
    except SeyError:
        return None
    return debug
