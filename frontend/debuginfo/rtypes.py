"""Go types from the runtime's own descriptions of them (`abi.Type`), which lie in every executable.

They are read all at once, as columns: a large program has 50 000. Layouts: internal/abi/type.go of Go 1.21 to 1.27;
only the flag of values kept in an interface's word has moved, from bit 5 of the kind to bit 5 of the flags, in 1.26.
A description that can't be true is left out, and so is what holds such a type by value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sey.frontend.debuginfo.typearea import Bools, Ints, TypeArea

BOOL, INT, INT64, UINT, UINTPTR, FLOAT32, FLOAT64, COMPLEX64, COMPLEX128 = 1, 2, 6, 7, 12, 13, 14, 15, 16
ARRAY, CHAN, FUNC, INTERFACE, MAP, POINTER, SLICE, STRING, STRUCT, UNSAFE_POINTER = range(17, 27)
UNCOMMON, EXTRA_STAR, NAMED = 1, 2, 4
"""Type flags: a part with the package follows; the name has a star in front; the type is defined or predeclared."""
_DIRECT = 1 << 5
_KIND_MASK = 31
_HEAD = 48
_MAX_SIZE = 1 << 50
_MAX_NESTING = 200
_MAX_LEVELS = 2000
"""Steps from the starts to the description farthest away; programs take 10, since most of them are starts."""

PARTS = {ARRAY: 72, CHAN: 64, FUNC: 56, INTERFACE: 80, MAP: 72, POINTER: 56, SLICE: 56, STRUCT: 80}
"""Bytes of a description by kind, 48 where it isn't named; of a map what all releases have."""
_SIZES = {
    **dict(zip(range(BOOL, ARRAY), (1, 8, 1, 2, 4, 8, 8, 1, 2, 4, 8, 8, 4, 8, 8, 16), strict=True)),
    **{CHAN: 8, FUNC: 8, INTERFACE: 16, MAP: 8, POINTER: 8, SLICE: 24, STRING: 16, UNSAFE_POINTER: 8},
}
"""Bytes of a value by kind; those of arrays and structs differ."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What belongs to descriptions in any number: item i of description d is at `first[d]` + i, up to `first[d + 1]`.

    Of a struct the fields, of a func parameters and then results, of an interface methods. `types` are offsets, `names`
    those of names (0 for a func's), `at` the offset in the struct.
    """

    first: Ints
    types: Ints
    names: Ints
    at: Ints


@dataclass(frozen=True, eq=False)
class Descriptions:
    """Columns of all descriptions, by ascending `offset`; types are offsets too, 0 for none.

    `number` is the length of an array, the direction of a channel, how many results a func has (plus 1 << 15 for a
    variadic one). `layout` is the group or bucket type of a map. `package` is where the name of the package lies that
    unexported fields of a struct belong to.
    """

    offset: Ints
    size: Ints
    kind: Ints
    flags: Ints
    direct: Bools
    name: Ints
    elem: Ints
    key: Ints
    layout: Ints
    number: Ints
    package: Ints
    parts: Parts


def read_descriptions(area: TypeArea, starts: Iterable[int], *, direct_in_flags: bool) -> Descriptions:
    """All descriptions at `starts` and those that they lead to, as far as they make sense by themselves."""
    seen = np.zeros(area.size // 8 + 1, dtype=np.bool_)
    frontier = np.unique(np.fromiter(starts, dtype=np.int64))
    levels, room = list[Descriptions](), area.size // 8
    while len(frontier) and room > 0 and len(levels) < _MAX_LEVELS:
        frontier = frontier[area.inside(frontier, _HEAD)]
        frontier = frontier[~seen[frontier >> 3]]
        seen[frontier >> 3] = True
        level = _level(area, frontier, direct_in_flags, room)
        room -= len(level.parts.types)
        levels.append(level)
        pointers = area.halves(level.offset, 44)
        frontier = np.unique(np.concatenate((level.elem, level.key, level.layout, level.parts.types, pointers)))
    return _joined(levels)


def _level(area: TypeArea, offset: Ints, direct_in_flags: bool, room: int) -> Descriptions:
    marks, kinds = area.halves(offset, 20), area.halves(offset, 20) >> 24
    flags, kind = marks & 255, kinds & _KIND_MASK
    whole = np.zeros(32, dtype=np.int64)
    whole[BOOL : UNSAFE_POINTER + 1] = [PARTS.get(k, _HEAD) for k in range(BOOL, UNSAFE_POINTER + 1)]
    size = area.words(offset).astype(np.int64)
    good = (whole[kind] > 0) & area.inside(offset, _HEAD) & (offset + whole[kind] <= area.size)
    good &= (size >= 0) & (size < _MAX_SIZE)
    fixed = np.full(32, -1, dtype=np.int64)
    fixed[list(_SIZES)] = list(_SIZES.values())
    good &= (fixed[kind] < 0) | (fixed[kind] == size)
    offset, kind, flags, kinds, size = (values[good] for values in (offset, kind, flags, kinds, size))
    is_map = kind == MAP
    first, second = area.pointers(offset, 48), area.pointers(offset, 56)
    with_elem = np.isin(kind, (ARRAY, CHAN, POINTER, SLICE))
    length, direction = area.words(offset, 64).astype(np.int64), area.words(offset, 56).astype(np.int64)
    numbers = [length, direction, area.halves(offset, 48) >> 16]
    parts, kept = _parts(area, offset, kind, flags, room)
    return Descriptions(
        offset=offset[kept],
        size=size[kept],
        kind=kind[kept],
        flags=flags[kept],
        direct=(((flags if direct_in_flags else kinds) & _DIRECT) != 0)[kept],
        name=area.halves(offset, 40)[kept],
        elem=np.where(with_elem, first, np.where(is_map, second, 0))[kept],
        key=np.where(is_map, first, 0)[kept],
        layout=np.where(is_map, area.pointers(offset, 64), 0)[kept],
        number=np.select([kind == ARRAY, kind == CHAN, kind == FUNC], numbers, 0)[kept],
        package=np.where(kind == STRUCT, first, 0)[kept],
        parts=parts,
    )


def _parts(area: TypeArea, offset: Ints, kind: Ints, flags: Ints, room: int) -> tuple[Parts, Bools]:
    """The parts of descriptions; and which descriptions are to be kept, because their parts are where they can be."""
    is_func, is_struct, is_interface = kind == FUNC, kind == STRUCT, kind == INTERFACE
    counts = area.halves(offset, 48)
    many = np.where(is_func, (counts & 0xFFFF) + (counts >> 16 & 0x7FFF), 0)
    listed = is_struct | is_interface
    many = np.where(listed, np.minimum(area.words(offset, 64), np.uint64(1 << 40)).astype(np.int64), many)
    start = np.where(is_func, offset + PARTS[FUNC] + np.where(flags & UNCOMMON, 16, 0), area.pointers(offset, 56))
    step = np.where(is_struct, 24, 8)
    kept = (many == 0) | (area.inside(start, 8) & (many <= (area.size - start) // step))
    kept &= np.cumsum(np.where(kept, many, 0)) <= room
    many, start, step = (np.where(kept, values, 0)[kept] for values in (many, start, step))
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(many)))
    owner = np.repeat(np.arange(len(many)), many)
    place = start[owner] + (np.arange(len(owner)) - first[owner]) * step[owner]
    of_struct, of_interface = is_struct[kept][owner], is_interface[kept][owner]
    types = area.pointers(place, 0)
    types = np.where(of_struct, area.pointers(place, 8), np.where(of_interface, area.halves(place, 4), types))
    names = np.where(of_struct, area.pointers(place, 0), np.where(of_interface, area.halves(place, 0), 0))
    at = np.where(of_struct, np.minimum(area.words(place, 16), np.uint64(_MAX_SIZE)).astype(np.int64), 0)
    return Parts(first, types, names, at), kept


def _joined(levels: list[Descriptions]) -> Descriptions:
    if not levels:
        nothing = np.empty(0, dtype=np.int64)
        parts = Parts(np.zeros(1, np.int64), nothing, nothing, nothing)
        return Descriptions(*(nothing,) * 4, nothing.astype(np.bool_), *(nothing,) * 6, parts)
    names = [name for name in Descriptions.__dataclass_fields__ if name != "parts"]
    columns = {name: np.concatenate([getattr(level, name) for level in levels]) for name in names}
    bases = np.cumsum([0, *(len(level.parts.types) for level in levels)])
    first = np.concatenate([level.parts.first[:-1] + base for level, base in zip(levels, bases.tolist(), strict=False)])
    last = np.concatenate([level.parts.first[1:] + base for level, base in zip(levels, bases.tolist(), strict=False)])
    whole = [np.concatenate([getattr(level.parts, name) for level in levels]) for name in ("types", "names", "at")]
    everything = Descriptions(**columns, parts=Parts(first, *whole))
    return taken(everything, np.argsort(everything.offset, kind="stable"), last - first)


def taken(found: Descriptions, rows: Ints, many: Ints | None = None) -> Descriptions:
    """Some of the descriptions, in the order of `rows`. `many` says how many parts each has, where `first` doesn't."""
    parts = found.parts
    many = (np.diff(parts.first) if many is None else many)[rows]
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(many)))
    owner = np.repeat(np.arange(len(rows)), many)
    items = parts.first[rows][owner] + np.arange(len(owner)) - first[owner]
    names = [name for name in Descriptions.__dataclass_fields__ if name != "parts"]
    columns = {name: getattr(found, name)[rows] for name in names}
    return Descriptions(**columns, parts=Parts(first, parts.types[items], parts.names[items], parts.at[items]))


def rows_of(found: Descriptions, offsets: Ints) -> Ints:
    """The row of the description at each offset, -1 where there is none."""
    if not len(found.offset):
        return np.full(len(offsets), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(found.offset, offsets), len(found.offset) - 1)
    return np.where(found.offset[at] == offsets, at, -1)


def believable(found: Descriptions, named: Bools) -> Descriptions:
    """Those whose values can be what they are made of; `named` tells which have a readable name, parts included."""
    good, part_rows, elem_rows = named.copy(), rows_of(found, found.parts.types), rows_of(found, found.elem)
    owner = np.repeat(np.arange(len(good)), np.diff(found.parts.first))
    is_field = found.kind[owner] == STRUCT
    ends = found.parts.at + np.where(part_rows >= 0, found.size[part_rows], _MAX_SIZE)
    good[owner[is_field & (ends > found.size[owner])]] = False
    is_array = found.kind == ARRAY
    whole = found.number.astype(np.float64) * found.size[elem_rows].astype(np.float64)
    good &= ~is_array | ((elem_rows >= 0) & (found.number >= 0) & (whole == found.size))
    inner = np.concatenate((part_rows[is_field], elem_rows[is_array]))
    outer = np.concatenate((owner[is_field], np.flatnonzero(is_array)))
    depth = np.zeros(len(good), dtype=np.int64)
    for _ in range(2 * _MAX_NESTING + 2):
        depth_before, good_before = depth.copy(), good.copy()
        np.maximum.at(depth, outer, np.minimum(depth[inner] + 1, _MAX_NESTING + 1))
        good[outer[~good[inner] | (inner < 0)]] = False
        good &= depth <= _MAX_NESTING
        if np.array_equal(depth, depth_before) and np.array_equal(good, good_before):
            break
    return taken(found, np.flatnonzero(good))
