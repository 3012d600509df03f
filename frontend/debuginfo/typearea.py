"""The part of an executable in which Go keeps the descriptions of its types, read many words at a time.

Offsets count from `runtime.types`, as DW_AT_go_runtime_type does; words in the area that point into it become offsets
too. What lies outside reads as zero, and an offset that leads nowhere is 0: nothing is described there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sey.binary.elf import ElfFile
from sey.binary.errors import SeyError
from sey.binary.moduledata import ModuleData

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_MAX_AREA = 1 << 30
_MAX_TEXT = 1 << 16
_WORD = 8
_TAGGED, _PACKAGED = 2, 4


class TypeArea:
    """The bytes from `base` on, relocated as the loader would with a load bias of zero."""

    def __init__(self, base: int, raw: npt.NDArray[np.uint8]) -> None:
        self.base = base
        self.size = len(raw) & ~7
        self.octets = raw
        self._words = raw[: self.size].view("<u8")
        self._halves = raw[: self.size].view("<u4")
        self._texts: dict[int, str | None] = {}

    def inside(self, offsets: Ints, size: int) -> Bools:
        """Which offsets begin `size` bytes of the area, aligned to a word; 0 doesn't."""
        found: Bools = (offsets > 0) & (offsets <= self.size - size) & (offsets % _WORD == 0)
        return found

    def words(self, offsets: Ints, at: int = 0) -> npt.NDArray[np.uint64]:
        """The words at `offsets` + `at`, which is a multiple of 8."""
        places = (offsets + at) >> 3
        known = (places >= 0) & (places < len(self._words))
        return np.where(known, self._words[np.where(known, places, 0)], np.uint64(0)) if self.size else _none(places)

    def halves(self, offsets: Ints, at: int = 0) -> npt.NDArray[np.int64]:
        """The 32-bit words at `offsets` + `at`, which is a multiple of 4."""
        places = (offsets + at) >> 2
        known = (places >= 0) & (places < len(self._halves))
        found = self._halves[np.where(known, places, 0)] if self.size else _none(places)
        return np.where(known, found, 0).astype(np.int64)

    def pointers(self, offsets: Ints, at: int = 0) -> Ints:
        """Where the pointers at `offsets` + `at` lead in the area; 0 for those that lead out of it."""
        found = self.words(offsets, at) - np.uint64(self.base)
        return np.where(found < np.uint64(self.size), found, np.uint64(0)).astype(np.int64)

    def name_flags(self, offset: int) -> int:
        """The first byte of a name: 1 exported, 2 tagged, 4 with a package, 8 of an embedded field. 0 outside."""
        return int(self.octets[offset]) if 0 < offset < self.size else 0

    def text(self, offset: int) -> str | None:
        """The name at an offset (a byte of flags, a length, UTF-8), or None where there is none."""
        if offset not in self._texts:
            found = self._text_at(offset + 1) if 0 < offset < self.size else None
            self._texts[offset] = found[0] if found else None
        return self._texts[offset]

    def tag(self, offset: int) -> str | None:
        """The tag behind the name of a field, or None."""
        name = self._text_at(offset + 1) if self.name_flags(offset) & _TAGGED else None
        found = self._text_at(name[1]) if name else None
        return found[0] if found else None

    def has_tag(self, offset: int) -> bool:
        """Whether a field has a tag, be it one that can't be read."""
        return self.name_flags(offset) & _TAGGED != 0

    def package(self, offset: int) -> str | None:
        """The package that the name of a method without capital belongs to, where it is noted behind the name."""
        flags, found = self.name_flags(offset), self._text_at(offset + 1)
        if not flags & _PACKAGED or found is None:
            return None
        tag = self._text_at(found[1]) if flags & _TAGGED else found
        return self.text(int.from_bytes(self.octets[tag[1] : tag[1] + 4].tobytes(), "little")) if tag else None

    def _text_at(self, at: int) -> tuple[str, int] | None:
        length = shift = 0
        for byte in self.octets[at : at + 3].tolist():
            length |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        else:
            return None
        raw = self.octets[at : at + length].tobytes()
        if length > _MAX_TEXT or len(raw) < length:
            return None
        try:
            return raw.decode(), at + length
        except UnicodeDecodeError:
            return None


def _none(places: Ints) -> npt.NDArray[np.uint64]:
    return np.zeros(len(places), dtype=np.uint64)


def read_area(elf: ElfFile, module: ModuleData) -> TypeArea:
    """The area of an executable; an empty one where the file holds none that can be read."""
    base, size = module.types, module.etypes - module.types
    try:
        stored = elf.mapped(base)
    except SeyError:
        stored = memoryview(b"")
    if not 0 < size <= min(_MAX_AREA, len(stored)) or base % _WORD:
        return TypeArea(base, np.empty(0, dtype=np.uint8))
    raw = np.frombuffer(stored[:size], dtype=np.uint8)
    return TypeArea(base, _relocated(elf, base, raw) if elf.position_independent else raw)


def _relocated(elf: ElfFile, base: int, raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A copy with the words that the file leaves to the loader: lld and GNU ld keep them in `.rela.dyn` alone."""
    offsets, addends = elf.relative_relocations
    first, last = np.searchsorted(offsets, np.array([base, base + len(raw) - 7], dtype=np.uint64)).tolist()
    places = offsets[first:last] - np.uint64(base)
    aligned = places % np.uint64(_WORD) == 0
    slots = (places[aligned] >> np.uint64(3)).astype(np.int64)
    copy = raw[: len(raw) & ~7].copy()
    words = copy.view("<u8")
    empty = words[slots] == 0
    words[slots[empty]] = addends[first:last][aligned][empty]
    return copy
