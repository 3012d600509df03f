"""Where descriptions of types begin, as a binary's own runtime knows it.

These are those that reflect may look for (the others are found from them, and by debug information). Up to Go 1.26
`moduledata.typelinks` lists their offsets; since 1.27 they lie end to end in the first `moduledata.typedesclen` bytes
of the area (runtime.moduleTypelinks).
"""

from __future__ import annotations

import struct

import numpy as np

from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError
from sey.binary.moduledata import ModuleData
from sey.frontend.debuginfo.rtypes import FUNC, INTERFACE, MAP, PARTS, STRUCT, UNCOMMON
from sey.frontend.debuginfo.runtime_facts import Facts, find_field
from sey.frontend.debuginfo.typearea import TypeArea

_MAX_LINKS = 1 << 22
_HEAD, _MAP_PART, _UNCOMMON_PART, _METHOD = 48, 136, 16, 16


def linked_types(info: Facts, elf: ElfFile, module: ModuleData, area: TypeArea) -> list[int]:
    """Offsets from `runtime.types`; none where the module data has no such list, or one that can't be read."""
    try:
        listed = find_field(info, "runtime.moduledata", "typelinks")
        if listed is not None:
            start, count = (elf.read_u64(module.address + listed.offset + at) for at in (0, 8))
            return _listed(elf, start, count)
        whole = find_field(info, "runtime.moduledata", "typedesclen")
        return [] if whole is None else _end_to_end(area, elf.read_u64(module.address + whole.offset))
    except SeyError:
        return []


def _listed(elf: ElfFile, start: int, count: int) -> list[int]:
    if count > _MAX_LINKS:
        return []
    return [int(offset) for offset in np.frombuffer(elf.read(start, 4 * count), dtype="<i4") if offset > 0]


def _end_to_end(area: TypeArea, size: int) -> list[int]:
    """As far as descriptions follow each other; a damaged one ends the list."""
    raw, found, at = area.octets.data, list[int](), 8
    while at + _HEAD <= min(size, area.size):
        found.append(at)
        try:
            length = _description_size(raw, at)
        except struct.error:
            break
        at += -(-length // 8) * 8
    return found


def _description_size(raw: memoryview, at: int) -> int:
    """As `DescriptorSize` of internal/abi/type.go has it. Raises struct.error beyond the end."""
    flags, kind = raw[at + 20], raw[at + 23] & 31
    size = _MAP_PART if kind == MAP else PARTS.get(kind, _HEAD)
    extra = 0
    if kind == FUNC:
        into, out = struct.unpack_from("<HH", raw, at + 48)
        extra = 8 * (into + (out & 0x7FFF))
    elif kind in (INTERFACE, STRUCT):
        (count,) = struct.unpack_from("<Q", raw, at + 64)
        extra = count * (24 if kind == STRUCT else 8)
    if flags & UNCOMMON:
        (methods,) = struct.unpack_from("<H", raw, at + size + 4)
        extra += _UNCOMMON_PART + methods * _METHOD
    return size + extra
