"""Bytecode with random changes, whose checksum is right: what hostile or damaged programs may look like."""

from __future__ import annotations

import random
import struct
import zlib

_HEADER = 64
_SECTIONS = (
    ("I4 I4 Q8 Q8", 1),
    ("I4 H2 H2 Q8 Q8", 1),
    ("I4 I4 Q8", 1),
    ("I4 I4", 1),
    ("I4 I4 I4 I4 I4 H2 B1 B1 I4 I4", 3),
    ("I4 I4 I4 H2 H2", 8),
    ("Q8", 1),
    ("B1 B1 H2 H2 H2 H2 H2 I4 Q8", 16),
)
"""The fields of an entry of each section, with their bytes, and how often a section is changed where it isn't empty."""


def mutant(data: bytes, chance: random.Random) -> bytes:
    """The program with one to three changes.

    Bits of any bytes, an entry of a section in the place of another, or fields set to what may mean something there.
    """
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if chance.randrange(5):
            _change_field(changed, chance)
        else:
            changed[chance.randrange(20, len(changed))] ^= 1 << chance.randrange(8)
    return sealed(bytes(changed))


def sealed(data: bytes) -> bytes:
    """The file with the right checksum."""
    return data[:16] + struct.pack("<I", zlib.crc32(data[_HEADER:])) + data[20:]


def _change_field(data: bytearray, chance: random.Random) -> None:
    counts = struct.unpack_from("<8I", data, 24)
    start = _HEADER
    places: list[tuple[int, int, int, int]] = []  # Start of the section, bytes of an entry, entries, number.
    for number, ((form, often), count) in enumerate(zip(_SECTIONS, counts, strict=True)):
        size = sum(int(field[1]) for field in form.split())
        if start + count * size > len(data):
            return  # A change before this one was to the header.
        if count:
            places += [(start, size, count, number)] * often
        start += -(-count * size // 8) * 8
    if not places:
        return
    start, size, count, number = chance.choice(places)
    if chance.randrange(3) == 0:
        target, source = (start + chance.randrange(count) * size for _ in range(2))
        data[target : target + size] = data[source : source + size]
        return
    fields = _SECTIONS[number][0].split()
    which = chance.randrange(len(fields))
    code, width = fields[which][0], int(fields[which][1])
    offset = sum(int(field[1]) for field in fields[:which])
    at = start + chance.randrange(count) * size + offset
    (old,) = struct.unpack_from(f"<{code}", data, at)
    (other,) = struct.unpack_from(f"<{code}", data, start + chance.randrange(count) * size + offset)
    last = (1 << 8 * width) - 1
    small, medium = chance.randrange(10), chance.randrange(100)
    options = (0, old + 1, old - 1, *4 * [other], small, medium, last, 1 << 16, 1 << 23)
    struct.pack_into(f"<{code}", data, at, chance.choice(options) & last)
