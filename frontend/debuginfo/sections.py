"""The DWARF sections of an executable or of its separate debug file, inflated when first used."""

from __future__ import annotations

import hashlib
import mmap
from functools import cached_property
from pathlib import Path

from sey.binary.elf import ElfFile, Section
from sey.binary.remembered import remembered
from sey.frontend.debuginfo import inflated
from sey.frontend.debuginfo.data import Data, Raw

INDEXED = (".debug_info", ".debug_abbrev", ".debug_addr", ".debug_str")
"""The sections that the index is made from."""


class DwarfSections:
    """DWARF sections by name; a missing one is empty. `path` is the file they come from, for messages."""

    def __init__(self, elf: ElfFile, cache: Path | None = None) -> None:
        """`cache` is a folder where large sections are kept inflated."""
        self.path = elf.path
        self._elf = elf
        self._cache = cache

    def _load(self, name: str) -> Data:
        section = self._elf.section(name)
        if section is None:
            return Data(name, b"")
        if self._cache is not None and section.compressed and section.inflated_size >= inflated.SMALLEST:
            return Data(name, self._kept(self._cache, section))
        view = section.data()
        # An inflated section is one bytes object already; only a section that lies in the file as it is gets copied.
        whole = view.obj
        return Data(name, whole if isinstance(whole, bytes) and len(whole) == len(view) else bytes(view))

    def _kept(self, folder: Path, section: Section) -> Raw:
        key = self._digest(section.name)
        found = inflated.load(folder, key, section.inflated_size)
        if found is None:
            found = inflated.store(folder, key, section.inflated_size, section.pieces())
        return section.data().tobytes() if found is None else found

    def let_go(self) -> None:
        """Say that `.debug_info` was read to its end and little of it will be needed soon."""
        if isinstance(self.info.raw, mmap.mmap):
            self.info.raw.madvise(mmap.MADV_DONTNEED)

    def digest(self) -> bytes:
        """32 bytes over the stored form of the sections behind the index, so that damage is told from the true file."""
        return hashlib.blake2b(b"".join(map(self._digest, INDEXED)), digest_size=32).digest()

    def _digest(self, name: str) -> bytes:
        section = self._elf.section(name)

        def compute() -> bytes:
            raw = section.raw() if section else memoryview(b"")
            digest = hashlib.blake2b(f"{name}:{len(raw)};".encode(), digest_size=32)
            digest.update(raw)
            return digest.digest()

        return remembered(self._elf.stamp, f"section {name}", compute)

    @cached_property
    def info(self) -> Data:
        """`.debug_info`: the entries."""
        return self._load(".debug_info")

    @cached_property
    def abbrev(self) -> Data:
        """`.debug_abbrev`: which attributes entries have, in which forms."""
        return self._load(".debug_abbrev")

    @cached_property
    def strings(self) -> Data:
        """`.debug_str`."""
        return self._load(".debug_str")

    @cached_property
    def line_strings(self) -> Data:
        """`.debug_line_str`."""
        return self._load(".debug_line_str")

    @cached_property
    def line(self) -> Data:
        """`.debug_line`: file tables, and where statements begin."""
        return self._load(".debug_line")

    @cached_property
    def addr(self) -> Data:
        """`.debug_addr` (DWARF 5)."""
        return self._load(".debug_addr")

    @cached_property
    def ranges(self) -> Data:
        """`.debug_ranges` (DWARF 4)."""
        return self._load(".debug_ranges")

    @cached_property
    def rnglists(self) -> Data:
        """`.debug_rnglists` (DWARF 5)."""
        return self._load(".debug_rnglists")

    @cached_property
    def loc(self) -> Data:
        """`.debug_loc` (DWARF 4)."""
        return self._load(".debug_loc")

    @cached_property
    def loclists(self) -> Data:
        """`.debug_loclists` (DWARF 5)."""
        return self._load(".debug_loclists")
