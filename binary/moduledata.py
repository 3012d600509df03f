"""The linker's record of a Go program's areas, `runtime.firstmoduledata`, as it stands in the file.

Source: type moduledata in runtime/symtab.go. Its first words are the same in Go 1.21 to 1.27; what follows `text` moves
between releases. Symbols of the same meaning are preferred, so that the table of offsets only serves stripped files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sey.binary import problems
from sey.binary.buildinfo import GoVersion
from sey.binary.elf import PF_X, SHF_WRITE, SHT_NOBITS, ElfFile
from sey.binary.errors import SeyError
from sey.binary.pclnheader import PclnHeader

PLACE = "module data (runtime.firstmoduledata)"
_TEXT, _ETEXT = 0xB0, 0xB8
_PCLNTABLE_LENGTH = 0x88


@dataclass(frozen=True)
class _Offsets:
    types: int
    etypes: int
    gofunc: int


_BEFORE_1_27 = _Offsets(types=0x128, etypes=0x130, gofunc=0x140)
_SINCE_1_27 = _Offsets(types=0x128, etypes=0x138, gofunc=0x158)
_NEWEST_KNOWN = (1, 27)
_USER_SPACE = 1 << 56
"""Where addresses of programs end (amd64 with five-level paging)."""


@dataclass(frozen=True)
class ModuleData:
    """Link-time addresses. `text` is the base of function offsets, `types` of type offsets, `gofunc` of FUNCDATA."""

    address: int
    text: int
    etext: int
    types: int
    etypes: int
    gofunc: int


def find_module_data(elf: ElfFile, header: PclnHeader, version: GoVersion) -> ModuleData:
    """Find and check the module data. Raises SeyError: not found, or a layout that is not known and no symbols."""
    symbol = elf.symbol("runtime.firstmoduledata")
    candidates = iter([symbol.value]) if symbol else _scan(elf, header.address)
    for address in candidates:
        if _plausible(elf, address, header):
            return _read(elf, address, version)
    if symbol:
        raise elf.damaged(PLACE, f"the words at {symbol.value:#x} don't describe this program")
    reason = f"no word of writable data points to the function table at {header.address:#x}"
    raise SeyError(problems.TableMissing(elf.path, PLACE, reason))


def _scan(elf: ElfFile, pclntab: int) -> Iterator[int]:
    """Addresses of aligned words of writable data that hold `pclntab`, stored in place or left to the loader."""
    for section in elf.sections:
        if not section.flags & SHF_WRITE or section.type == SHT_NOBITS or section.address % 8:
            continue
        raw = section.raw()
        words = np.frombuffer(raw, dtype="<u8", count=len(raw) // 8)
        yield from (section.address + 8 * int(at) for at in np.flatnonzero(words == pclntab))
    offsets, addends = elf.relative_relocations
    yield from (int(at) for at in offsets[addends == pclntab])


def _plausible(elf: ElfFile, address: int, header: PclnHeader) -> bool:
    try:
        if elf.read_u64(address) != header.address:
            return False
        text, etext = elf.read_u64(address + _TEXT), elf.read_u64(address + _ETEXT)
        pclntable = elf.read_u64(address + _PCLNTABLE_LENGTH - 8)
    except SeyError:
        return False
    code = (s for s in elf.loads if s.flags & PF_X)
    if not any(s.address <= text < etext <= s.address + s.memory_size < _USER_SPACE for s in code):
        return False
    return pclntable == header.address + header.offsets[4]


def _read(elf: ElfFile, address: int, version: GoVersion) -> ModuleData:
    offsets = _SINCE_1_27 if (version.major, version.minor) >= (1, 27) else _BEFORE_1_27

    def area(symbol_name: str, offset: int) -> int:
        symbol = elf.symbol(symbol_name)
        if symbol is not None and symbol.value < _USER_SPACE:
            return symbol.value
        if (version.major, version.minor) > _NEWEST_KNOWN:
            reason = f"its layout in {version} is not known, and the symbol {symbol_name} is stripped"
            raise SeyError(problems.TableMissing(elf.path, f"readable {PLACE}", reason))
        found = elf.read_u64(address + offset)
        if found >= _USER_SPACE:
            raise elf.damaged(PLACE, f"an address of {found:#x}")
        return found

    return ModuleData(
        address=address,
        text=elf.read_u64(address + _TEXT),
        etext=elf.read_u64(address + _ETEXT),
        types=area("runtime.types", offsets.types),
        etypes=area("runtime.etypes", offsets.etypes),
        gofunc=area("go:func.*", offsets.gofunc),
    )
