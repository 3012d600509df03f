"""The memory of a dumped process: what its core holds, and what it leaves out as the executable has it.

Cores leave out what can be had elsewhere. What may be taken from the executable is what was certainly not changed:

- Linux dumps each private mapping in which any page was ever written, whole, and leaves out those in which none was
  (`vma_dump_size` in fs/coredump.c, with the usual coredump_filter). `gcore` does the same by /proc/PID/smaps. So the
  executable's code and read-only data, which neither holds (but for the first page, or the first segment), are in
  memory as in the file. Where a debugger has set breakpoints, the core has the pages, and the core goes first.
- Segments that may be written are never filled from the file. A running Go program has written each of them, so that
  a core without them was dumped by a filter that leaves all private memory out; then the file would show variables as
  they were before the program began.
- A private mapping without a file that isn't in the core (`file_size` 0) may never have been touched, and reads as
  zeros in the process. But what the process excluded from dumps (MADV_DONTDUMP, where libraries keep secrets) looks
  the same, and zeros would be wrong. It counts as unreadable: a value that may be wrong is reported missing. Go's heap
  is one mapping with what was written, so its untouched pages are in the core, as holes of the file.
- Memory that the process itself couldn't read (PROT_NONE; Go reserves its heap so) isn't readable here either. `gcore`
  doesn't note that and dumps zeros.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sey.binary.corefile import PF_R, CoreFile
from sey.binary.elf import PF_W, ElfFile

_PAGE = 4096
_STEP = 64


class Piece(NamedTuple):
    """Readable memory: its start and its bytes, a view into a mapped file."""

    start: int
    data: memoryview

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + len(self.data)


class CoreMemory:
    """A memory reader (`ir.evaluate.TargetMemory`) over pieces, none over another."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = sorted((piece for piece in pieces if len(piece.data)), key=lambda piece: piece.start)
        self._starts = [piece.start for piece in self._pieces]

    def read(self, address: int, length: int) -> bytes | None:
        """Exactly `length` (>= 1) bytes at an address, or None where not all of them can be read."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        start, data = self._pieces[at]
        skip = address - start
        if skip + length <= len(data):
            return data[skip : skip + length].tobytes()
        return self._across(at, address, length)

    def _across(self, at: int, address: int, length: int) -> bytes | None:
        """A read that goes on into the pieces that follow."""
        parts = []
        while length:
            if at == len(self._pieces) or not self._pieces[at].start <= address < self._pieces[at].end:
                return None
            piece = self._pieces[at]
            taken = piece.data[address - piece.start : address - piece.start + length]
            parts.append(taken)
            address, length, at = address + len(taken), length - len(taken), at + 1
        return b"".join(parts)

    def text(self, address: int, longest: int) -> str | None:
        """The text at an address up to its zero byte; None where it can't be read or is as long as `longest` bytes."""
        found = b""
        while len(found) < longest:
            part = self.read(address + len(found), _STEP - (address + len(found)) % _STEP)
            if part is None:
                return None
            found += part
            if b"\0" in part:
                return found.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        return None

    def ranges(self) -> list[tuple[int, memoryview]]:
        """All that can be read: start addresses, ascending, with the bytes from there; none over another.

        Ranges may touch; then a read may go from one into the next.
        """
        return [(start, data) for start, data in self._pieces]


def dumped(core: CoreFile) -> CoreMemory:
    """What the core itself holds."""
    loads = core.loads[(core.loads["file_size"] > 0) & (core.loads["flags"] & np.uint32(PF_R) != 0)]
    columns = (loads[name].tolist() for name in ("address", "offset", "file_size"))
    return CoreMemory(
        Piece(address, core.view[offset : offset + size]) for address, offset, size in zip(*columns, strict=True)
    )


def with_executable(memory: CoreMemory, elf: ElfFile, bias: int) -> CoreMemory:
    """The memory, with what it lacks of the executable's read-only segments, which lie `bias` above their addresses."""
    pieces = [Piece(start, data) for start, data in memory.ranges()]
    for segment in elf.loads:
        if segment.flags & PF_W or not segment.flags & PF_R or not segment.file_size:
            continue
        # Whole pages are mapped, so that what lies around a segment in the file can be read as well.
        before = segment.address % _PAGE if segment.address % _PAGE == segment.offset % _PAGE else 0
        start = segment.address - before + bias
        if start >= 0:
            end = segment.offset + segment.file_size
            whole = min(len(elf.view), -(-end // _PAGE) * _PAGE) if before or segment.address % _PAGE == 0 else end
            pieces += _gaps(pieces, start, elf.view[segment.offset - before : whole])
    return CoreMemory(pieces)


def _gaps(pieces: list[Piece], start: int, data: memoryview) -> list[Piece]:
    """The parts of `data`, which would lie at `start`, that none of the pieces covers."""
    end, found, at = start + len(data), [], start
    for piece in sorted(piece for piece in pieces if piece.start < end and piece.end > start):
        if piece.start > at:
            found.append(Piece(at, data[at - start : piece.start - start]))
        at = max(at, piece.end)
    if at < end:
        found.append(Piece(at, data[at - start :]))
    return found
