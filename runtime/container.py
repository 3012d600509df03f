"""The container of both file formats: named sections behind a table of contents (spec/bundle.md, "Container").

All integers are little-endian. The file is: a header of 32 bytes, a table of 64 bytes a section, the sections, each at
a multiple of 8 with zeros between. There is one way to lay out given sections, and a reader refuses any other.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from sey.binary.errors import SeyError
from sey.runtime.file_errors import DamagedFile, ForeignFile, NewerFile
from sey.runtime.files import read_whole, write_whole

_HEADER = struct.Struct("<4sIQIIQ")  # magic, version, file size, sections, CRC-32 of the table, zero
_ENTRY = struct.Struct("<40sQQII")  # name, offset, length, CRC-32 of the contents, zero
_ALIGN = 8
_MAX_SECTIONS = 1 << 16

Section = bytes | memoryview


@dataclass(frozen=True)
class Format:
    """A kind of file: its magic, the version written (and the newest one read), and how messages call it."""

    magic: bytes
    version: int
    noun: str


BUNDLE = Format(b"SEYP", 1, "a probe bundle (.seyp)")
CAPTURE = Format(b"SEYC", 1, "a capture (.seyc)")
_FORMATS = {BUNDLE.magic: BUNDLE, CAPTURE.magic: CAPTURE}


@dataclass(frozen=True)
class Container:
    """An opened file: `path` for messages, `version` of its format, and its sections in order, checked."""

    path: str
    version: int
    sections: Mapping[str, memoryview]
    digest: str
    """Over names and checksums of all sections: equal for equal contents."""

    def section(self, name: str) -> memoryview:
        """The bytes of a section. Raises SeyError where there is none."""
        if name not in self.sections:
            raise self.damage("the table of contents", f"there is no section `{name}`")
        return self.sections[name]

    def damage(self, place: str, reason: str) -> SeyError:
        """The error to raise for something wrong in this file."""
        return SeyError(DamagedFile(self.path, place, reason))


def pack(kind: Format, sections: Mapping[str, Section]) -> list[Section]:
    """The file's bytes, in parts. Raises ValueError for a section name that doesn't fit (40 bytes of UTF-8)."""
    at = _HEADER.size + _ENTRY.size * len(sections)
    entries, body = [], list[Section]()
    for name, data in sections.items():
        encoded = name.encode()
        if not 0 < len(encoded) <= 40 or b"\0" in encoded:
            raise ValueError(f"not a section name: {name!r}")
        entries.append(_ENTRY.pack(encoded, at, len(data), zlib.crc32(data), 0))
        padding = -len(data) % _ALIGN
        body += [data, bytes(padding)]
        at += len(data) + padding
    table = b"".join(entries)
    return [_HEADER.pack(kind.magic, kind.version, at, len(entries), zlib.crc32(table), 0), table, *body]


def save(path: str, kind: Format, sections: Mapping[str, Section]) -> None:
    """Write the file, whole or not at all. Raises SeyError."""
    write_whole(path, pack(kind, sections))


def load(path: str, *kinds: Format) -> tuple[Format, Container]:
    """Read and check a file of one of `kinds`. Raises SeyError."""
    return unpack(path, read_whole(path), *kinds)


def sniff(data: bytes) -> Format | None:
    """Which of the formats a file has, by its first bytes."""
    return _FORMATS.get(data[:4])


def unpack(path: str, data: bytes, *kinds: Format) -> tuple[Format, Container]:
    """Check the bytes of a file of one of `kinds`; `path` is for messages. Raises SeyError."""
    kind = sniff(data)
    if kind not in kinds or kind is None:
        raise SeyError(ForeignFile(path, _foreign(data, kind), " or ".join(k.noun for k in kinds)))
    if len(data) < _HEADER.size:
        raise SeyError(DamagedFile(path, "header", f"{len(data)} bytes are left of {_HEADER.size}"))
    _, version, size, count, crc, zero = _HEADER.unpack_from(data)
    if version > kind.version:
        raise SeyError(NewerFile(path, "format", version, kind.version))
    reader = _Reader(path, data)
    reader.expect(version > 0 and zero == 0 and count <= _MAX_SECTIONS, "header", "a field has an impossible value")
    reader.expect(size == len(data), "header", f"{size} bytes are announced, the file has {len(data)}")
    return kind, reader.read(version, count, crc)


class _Reader:
    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data

    def expect(self, truth: bool, place: str, reason: str) -> None:
        if not truth:
            raise SeyError(DamagedFile(self.path, place, reason))

    def read(self, version: int, count: int, crc: int) -> Container:
        place = "table of contents"
        view = memoryview(self.data)
        at = _HEADER.size + _ENTRY.size * count
        table = view[_HEADER.size : at]
        self.expect(len(table) == _ENTRY.size * count, place, "the file ends inside it")
        self.expect(zlib.crc32(table) == crc, place, "the checksum differs")
        sections: dict[str, memoryview] = {}
        digest = 0
        for raw, offset, length, check, zero in _ENTRY.iter_unpack(table):
            name = self._name(raw)
            self.expect(name not in sections and zero == 0 and offset == at, place, f"section `{name}` is misplaced")
            end = at + length + (-length % _ALIGN)
            self.expect(end <= len(view), f"section `{name}`", "the file ends inside it")
            contents = view[at : at + length]
            self.expect(zlib.crc32(contents) == check, f"section `{name}`", "the checksum differs")
            self.expect(not any(view[at + length : end]), f"section `{name}`", "bytes behind it are not zero")
            sections[name] = contents
            digest = zlib.crc32(contents, digest)
            at = end
        self.expect(at == len(view), "the end", f"{len(view) - at} bytes belong to no section")
        return Container(self.path, version, sections, f"{crc:08x}{digest:08x}{len(view):x}")

    def _name(self, raw: bytes) -> str:
        stripped = raw.rstrip(b"\0")
        self.expect(bool(stripped) and b"\0" not in stripped, "table of contents", "a section has no name")
        try:
            return stripped.decode()
        except UnicodeDecodeError:
            raise SeyError(DamagedFile(self.path, "table of contents", "a section's name is not UTF-8")) from None


def _foreign(data: bytes, kind: Format | None) -> str:
    if kind is not None:
        return kind.noun
    if not data:
        return "empty"
    known = ((b"\x7fELF", "an ELF file"), (b"PAR1", "a Parquet file"), (b"SQLite format 3", "an SQLite database"))
    for magic, noun in known:
        if data.startswith(magic):
            return noun
    return "a DuckDB database" if data[8:12] == b"DUCK" else "a file of another kind"
