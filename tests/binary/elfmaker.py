"""Writes small ELF files, so that tests of odd and damaged ones need no compiler."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_EHDR = "<4sBBBB8xHHIQQQIHHHHHH"
_PHDR = "<IIQQQQQQ"
_SHDR = "<IIQQQQIIQQ"


@dataclass(frozen=True)
class Section:
    """A section to write; with an `address` it also gets a PT_LOAD segment of `memory` bytes (or its own size)."""

    name: str
    data: bytes
    address: int = 0
    memory: int = 0
    type: int = 1
    flags: int = 0
    link: int = 0


def make_elf(
    sections: Sequence[Section],
    *,
    type: int = 2,
    machine: int = 62,
    symbols: Sequence[tuple[str, int]] = (),
    share_tails: bool = False,
) -> bytes:
    """The bytes of a 64-bit little-endian file. `share_tails` stores a name that ends another one inside it."""
    every = [Section("", b"", type=0), *sections]
    if symbols:
        names, table = _symbols(symbols, share_tails)
        every += [Section(".symtab", table, type=2, link=len(every) + 1), Section(".strtab", names, type=3)]
    every.append(Section(".shstrtab", b"", type=3))
    name_table = b"\0".join(s.name.encode() for s in every) + b"\0"
    every[-1] = Section(".shstrtab", name_table, type=3)
    loaded = [s for s in every if s.address]
    body, offsets = bytearray(), list[int]()
    start = 64 + 56 * len(loaded)
    for section in every:
        body += bytes(-(start + len(body)) % 8)
        offsets.append(start + len(body))
        body += section.data
    body += bytes(-(start + len(body)) % 8)
    headers = _section_headers(every, offsets, name_table)
    programs = b"".join(
        struct.pack(_PHDR, 1, 6, at, s.address, s.address, len(s.data), max(s.memory, len(s.data)), 0x1000)
        for s, at in zip(every, offsets, strict=True)
        if s.address
    )
    header = struct.pack(
        _EHDR, b"\x7fELF", 2, 1, 1, 0, type, machine, 1, 0x1000, 64, start + len(body),
        0, 64, 56, len(loaded), 64, len(every), len(every) - 1,
    )  # fmt: skip
    return header + programs + bytes(body) + headers


def _section_headers(sections: Sequence[Section], offsets: Sequence[int], names: bytes) -> bytes:
    made, name_at = b"", 0
    for section, at in zip(sections, offsets, strict=True):
        size = len(section.data)
        made += struct.pack(
            _SHDR, name_at, section.type, section.flags, section.address, at, size, section.link, 0, 8, 0
        )
        name_at += len(section.name) + 1
    assert name_at == len(names)
    return made


def _symbols(symbols: Sequence[tuple[str, int]], share_tails: bool) -> tuple[bytes, bytes]:
    names, table = b"\0", bytes(24)
    for name, value in symbols:
        encoded = name.encode() + b"\0"
        at = names.find(encoded) if share_tails else -1
        if at < 0:
            at = len(names)
            names += encoded
        table += struct.pack("<IBBHQQ", at, 2, 0, 1, value, 0)
    return names, table
