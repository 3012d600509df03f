"""Where the Go function table (pclntab) of an executable lies, and the areas that its header divides it into.

Source: runtime.pcHeader in runtime/symtab.go, internal/abi/symtab.go (Go 1.21 to 1.27). Executables that the system's
linker put together as PIE have no `.gopclntab` section up to Go 1.25: the table is inside `.data.rel.ro`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sey.binary import problems
from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError

PLACE = "function table (pclntab)"
_MAGIC = 0xFFFFFFF1
_HEADER = struct.Struct("<IBBBB8Q")
_START = struct.pack("<IBBBB", _MAGIC, 0, 0, 1, 8)
"""How a table for amd64 begins: magic of Go 1.20 and newer, instruction quantum 1, pointers of 8 bytes."""


@dataclass(frozen=True)
class PclnHeader:
    """A located table. `data` runs from the header to the end of the area that holds the table."""

    address: int
    functions: int
    text_start: int
    """Base of function addresses up to Go 1.25; 0 since, where the field is unused."""
    data: memoryview
    offsets: tuple[int, int, int, int, int]
    """Where in `data` function names, file index, file names, pc tables and functions begin, in this order."""

    def area(self, number: int) -> memoryview:
        """The bytes from one of `offsets` up to the next."""
        ends = (*self.offsets[1:], len(self.data))
        return self.data[self.offsets[number] : ends[number]]


def locate_pclntab(elf: ElfFile) -> PclnHeader:
    """Find the table by section, by symbol, or by its first bytes. Raises SeyError: not there, damaged."""
    for name in (".gopclntab", ".data.rel.ro.gopclntab"):
        section = elf.section(name)
        if section is not None:
            return parse_header(elf, section.address, section.raw())
    symbol = elf.symbol("runtime.pclntab")
    if symbol is not None:
        end = elf.symbol("runtime.epclntab")
        data = elf.mapped(symbol.value)
        return parse_header(elf, symbol.value, data[: end.value - symbol.value] if end else data)
    return _scan(elf)


def _scan(elf: ElfFile) -> PclnHeader:
    section = elf.section(".data.rel.ro")
    whole, at = bytes(section.raw()) if section else b"", -1
    while section is not None and (at := whole.find(_START, at + 1)) >= 0:
        if at % 8:
            continue
        try:
            return parse_header(elf, section.address + at, section.raw()[at:])
        except SeyError:
            continue  # The same eight bytes by chance, in other data.
    reason = "no section .gopclntab, no symbol runtime.pclntab, nothing like it in .data.rel.ro"
    raise SeyError(problems.TableMissing(elf.path, PLACE, reason))


def parse_header(elf: ElfFile, address: int, data: memoryview) -> PclnHeader:
    """The header at the start of `data`. Raises SeyError where its fields contradict each other or `data`'s size."""
    if len(data) < _HEADER.size:
        raise elf.damaged(PLACE, f"only {len(data)} bytes")
    magic, zero1, zero2, quantum, pointer, *words = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise SeyError(problems.TableMissing(elf.path, f"readable {PLACE}", f"its format {magic:#x} is not known"))
    if (zero1, zero2, quantum, pointer) != (0, 0, 1, 8):
        raise elf.damaged(PLACE, f"header bytes {bytes(data[4:8]).hex()}")
    functions, _, text_start, *offsets = words
    if sorted(offsets) != offsets or offsets[0] < _HEADER.size or offsets[-1] > len(data):
        raise elf.damaged(PLACE, f"areas at {offsets} in {len(data)} bytes")
    if not functions or offsets[-1] + 8 * functions + 4 > len(data):
        raise elf.damaged(PLACE, f"{functions} functions in {len(data)} bytes")
    names, files_index, files, tables, records = offsets
    return PclnHeader(address, functions, text_start, data, (names, files_index, files, tables, records))
