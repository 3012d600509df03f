"""Ways to damage a file, each told in words that make it again."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from sey.binary.elf import ElfFile

EXTREMES = (0, 1, 0x7F, 0xFF, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 8, (1 << 64) - 1)
_SECTION_HEADER, _PROGRAM_HEADER = 64, 56

Area = tuple[str, int, int]
"""What it is, where it begins in the file, how many bytes it has."""
Damage = tuple[str, bytes]


def areas_of(elf: ElfFile) -> list[Area]:
    """The headers and every section that has bytes in the file."""
    found = [("file header", 16, 48), ("program headers", 64, len(elf.segments) * _PROGRAM_HEADER)]
    found.append(("section headers", elf.section_table[0], len(elf.sections) * _SECTION_HEADER))
    found += [(s.name, s.offset, len(s.raw())) for s in elf.sections if len(s.raw())]
    # Code is large and nobody reads it; module data lies among other data, and matters most.
    return [area for area in found if area[0] != ".text" and area[2]]


def cut(data: bytes, _: Sequence[Area], random: Random) -> Damage:
    size = random.randrange(len(data))
    return f"cut to {size}", data[:size]


def cut_at_an_edge(data: bytes, areas: Sequence[Area], random: Random) -> Damage:
    name, start, size = random.choice(areas)
    at = max(0, random.choice((start, start + size)) + random.randrange(-9, 9))
    return f"cut to {at}, by {name}", data[:at]


def flip(data: bytes, areas: Sequence[Area], random: Random) -> Damage:
    name, start, size = random.choice(areas)
    changed, count = bytearray(data), random.choice((1, 2, 8, 64, 1000))
    # Most readers look at the start of what they read first.
    reach = random.choice((min(size, 64), min(size, 4096), size))
    for _ in range(count):
        at = start + random.randrange(reach)
        changed[at] = random.choice((0, 0xFF, changed[at] ^ (1 << random.randrange(8)), random.randrange(256)))
    return f"{count} bytes of {name} changed", bytes(changed)


def overwrite(data: bytes, areas: Sequence[Area], random: Random) -> Damage:
    name, start, size = random.choice(areas)
    at = random.randrange(size)
    length = min(size - at, random.choice((1, 8, 100, 5000, size)))
    fill = random.choice((b"\0", b"\xff", b"\x80", b"\x01"))
    return f"{length} bytes of {name} at {at} are {fill!r}", data[: start + at] + fill * length + data[
        start + at + length :
    ]


def extreme(data: bytes, areas: Sequence[Area], random: Random) -> Damage:
    name, start, size = random.choice(areas)
    width, value = random.choice((1, 2, 4, 8)), random.choice(EXTREMES)
    at = start + random.randrange(min(size, random.choice((64, 1024, size)))) // width * width
    changed = bytearray(data)
    changed[at : at + width] = struct.pack("<Q", value)[:width]
    return f"{width} bytes of {name} at {at - start} say {value:#x}", bytes(changed[: len(data)])


def mixed_up(data: bytes, areas: Sequence[Area], random: Random) -> Damage:
    """Two sections exchange their places, or one gets another's: what a header says of it is true of something else."""
    headers = next((area for area in areas if area[0] == "section headers"), None)
    if headers is None:
        return flip(data, areas, random)
    changed, (_, start, size) = bytearray(data), headers
    a, b = (start + random.randrange(size // _SECTION_HEADER) * _SECTION_HEADER for _ in range(2))
    part = random.choice((slice(24, 32), slice(32, 40), slice(24, 40), slice(8, 40)))
    one, other = (slice(at + part.start, at + part.stop) for at in (a, b))
    changed[one], changed[other] = data[other], data[random.choice((one, other))]
    return f"headers {a - start >> 6} and {b - start >> 6} mixed up", bytes(changed)


def moved(data: bytes, areas: Sequence[Area], random: Random) -> Damage:
    """A part of one area over another."""
    (source, a, a_size), (name, b, b_size) = random.choice(areas), random.choice(areas)
    length = min(a_size, b_size, random.choice((8, 64, 4096)))
    return f"{length} bytes of {source} over {name}", data[:b] + data[a : a + length] + data[b + length :]


_LIES: tuple[object, ...] = (
    *(None, True, "", "x" * 5000, "\0", "../..", 0, 1, -1, 7, 1.5, [], {}, [[]], {"": None}),
    *(1 << 16, (1 << 31) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63)),
)


def lying(data: bytes, random: Random) -> Damage:
    """A JSON document of which one value is another, is there many times, is that of a neighbour, or is gone."""
    document = json.loads(data)
    places = list(_places(document))
    holder, key = random.choice(places)
    match random.randrange(6):
        case 0:
            del holder[key]
            what = "gone"
        case 1:
            other, its = random.choice(places)
            try:
                holder[key] = other[its]
            except (KeyError, IndexError, TypeError):
                holder[key] = None
            what = "that of another"
        case 2:
            holder[key] = [holder[key]] * random.choice((2, 1000, 20_000))
            what = "many times"
        case _:
            holder[key] = random.choice(_LIES)
            what = repr(holder[key])[:30]
    try:
        return f"{key} is {what}", json.dumps(document, separators=(",", ":")).encode()
    except ValueError:  # it holds itself
        return lying(data, random)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


WAYS: Mapping[Callable[[bytes, Sequence[Area], Random], Damage], int] = {
    cut: 1,
    cut_at_an_edge: 2,
    flip: 8,
    overwrite: 4,
    extreme: 6,
    mixed_up: 2,
    moved: 2,
}


def damaged(data: bytes, areas: Sequence[Area], seed: int) -> Damage:
    """The variant with that number: the same each time."""
    random = Random(seed)
    (way,) = random.choices(list(WAYS), list(WAYS.values()))
    return way(data, areas, random)
