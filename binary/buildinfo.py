"""Go build information: which Go release made the file, from which modules, with which settings.

Source: debug/buildinfo and runtime/debug/mod.go of the Go tree. The blob is a 32-byte header, then since Go 1.18 two
strings, each behind a varint length: the Go version, and the text that `go version -m` shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import total_ordering

from sey.binary import problems
from sey.binary.elf import PF_W, ElfFile
from sey.binary.errors import SeyError

_MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_HEADER = 32
_INLINE = 2
_SENTINEL = 16
"""Bytes of the markers that the linker puts before and after the module text (cmd/go/internal/modload/build.go)."""
_VERSION = re.compile(r"(?:^|\s)go(\d+)\.(\d+)(?:\.(\d+))?")


@total_ordering
@dataclass(frozen=True)
class GoVersion:
    """A Go release. `text` is the binary's own spelling (`go1.26.8 X:nodwarf5`), which ordering ignores."""

    major: int
    minor: int
    patch: int
    text: str = field(compare=False)

    def __lt__(self, other: GoVersion) -> bool:
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)

    def __str__(self) -> str:
        return self.text


OLDEST = GoVersion(1, 21, 0, "1.21")


@dataclass(frozen=True)
class Module:
    """A module of the build. `version` is `(devel)` for one built in place, `replaced_by` is from a `replace` line."""

    path: str
    version: str
    sum: str = ""
    replaced_by: Module | None = None


@dataclass(frozen=True)
class BuildInfo:
    """What `go version -m` prints. Everything but `version` is empty for programs built outside of modules."""

    version: GoVersion
    package: str
    """Import path of the main package (`command-line-arguments` for `go build file.go`)."""
    main: Module | None
    dependencies: tuple[Module, ...]
    settings: Mapping[str, str]
    """`-buildmode`, `CGO_ENABLED`, `GOARCH`, `-trimpath`, `-ldflags`, `vcs.revision`, …"""

    @property
    def module(self) -> str:
        """Path of the main module, or empty."""
        return self.main.path if self.main else ""


def parse_version(text: str) -> GoVersion | None:
    """The release that a version string names; None for strings without one (`devel +abcdef`)."""
    found = _VERSION.search(text)
    if not found:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return GoVersion(major, minor, patch, text)


def read_build_info(elf: ElfFile) -> BuildInfo:
    """The build information of an executable. Raises SeyError: not Go, built before Go 1.21, damaged."""
    blob = _find(elf)
    if blob is None:
        raise SeyError(problems.NotGo(elf.path))
    if len(blob) < _HEADER:
        raise elf.damaged("build information", f"only {len(blob)} bytes")
    if not blob[15] & _INLINE:
        raise SeyError(problems.GoTooOld(elf.path, "Go 1.17 or older", OLDEST.text))
    version_text, at = _string(elf, blob, _HEADER)
    modules, _ = _string(elf, blob, at)
    version = parse_version(version_text.decode("utf-8", "replace"))
    if version is None:
        raise elf.damaged("build information", f"no Go version in {version_text[:64]!r}")
    if version < OLDEST:
        raise SeyError(problems.GoTooOld(elf.path, version.text, OLDEST.text))
    return parse_modules(version, _without_sentinels(modules).decode("utf-8", "replace"))


def _find(elf: ElfFile) -> memoryview | None:
    """The blob from its header on, to the end of its section, or of the first writable segment where none has it."""
    section = elf.section(".go.buildinfo")
    writable = next((s for s in elf.loads if s.flags & PF_W), None)
    if section is not None:
        area = section.raw()
    elif writable is not None and writable.file_size:
        area = elf.mapped(writable.address)
    else:
        return None
    whole, at = bytes(area), -1
    while (at := whole.find(_MAGIC, at + 1)) >= 0:
        if at % _ALIGN == 0:
            return area[at:]
    return None


def _string(elf: ElfFile, blob: memoryview, at: int) -> tuple[bytes, int]:
    size = shift = 0
    while True:
        if at >= len(blob) or shift > 63:
            raise elf.damaged("build information", "a string length runs past the end")
        byte = blob[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if at + size > len(blob):
        raise elf.damaged("build information", f"a string of {size} bytes with {len(blob) - at} left")
    return bytes(blob[at : at + size]), at + size


def _without_sentinels(text: bytes) -> bytes:
    return text[_SENTINEL:-_SENTINEL] if len(text) >= 2 * _SENTINEL + 1 and text[-_SENTINEL - 1] == 0x0A else b""


def parse_modules(version: GoVersion, text: str) -> BuildInfo:
    """Parse the lines of `go version -m` (tabs between the words); lines of unknown kinds are passed over."""
    package, mains, dependencies, settings = "", list[Module](), list[Module](), dict[str, str]()
    last = mains
    for words in (line.split("\t") for line in text.splitlines()):
        match words:
            case ["path", path]:
                package = path
            case ["mod" | "dep" as kind, *rest] if rest:
                last = mains if kind == "mod" else dependencies
                last.append(_module(rest))
            case ["=>", *rest] if rest and last:
                before = last[-1]
                last[-1] = Module(before.path, before.version, before.sum, _module(rest))
            case ["build", *rest]:
                settings.update(_setting("\t".join(rest)))
    return BuildInfo(version, package, mains[0] if mains else None, tuple(dependencies), settings)


def _module(words: list[str]) -> Module:
    path, version, total = [*words, "", ""][:3]
    return Module(path, version, total)


def _setting(text: str) -> Iterator[tuple[str, str]]:
    """`key=value`, where each may be quoted as Go quotes strings."""
    if text.startswith('"'):
        key_end = text.find('"=', 1)
        key, value = _unquote(text[: key_end + 1]), text[key_end + 2 :]
    else:
        key, equals, value = text.partition("=")
        if not equals:
            return
    yield key, _unquote(value)


def _unquote(text: str) -> str:
    """Undo strconv.Quote, whose escapes are JSON's for what build settings hold; others are left as they stand."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        found = json.loads(text, strict=False)
    except ValueError:
        return text[1:-1]
    return found if isinstance(found, str) else text
