"""The reader's side of a BPF ring buffer (BPF_MAP_TYPE_RINGBUF), by its memory alone.

    with Ring(fd, size) as ring:
        events = ring.drain()     # what `EventLog.from_parts` takes

The kernel shows a page with the reader's position, a page with the writer's, and the data twice in a row, so that a
record is in one piece wherever it begins. A record is u32 its length, with two bits above it, u32 that only the kernel
needs, the data, and what is missing to a multiple of 8 (kernel/bpf/ringbuf.c). Nobody is woken: whoever drains decides
when.
"""

from __future__ import annotations

import mmap
from types import TracebackType

from sey.binary.errors import SeyError
from sey.runtime.host_errors import BpfFailed

_BUSY, _DISCARDED = 1 << 31, 1 << 30
_LENGTH = _DISCARDED - 1
_HEADER = 8
_MOST = 4 << 20
"""Bytes taken at once: between two pieces the writers have room again."""


class Ring:
    """A ring buffer of `size` bytes (a power of two), read from here alone. Raises SeyError where it isn't mapped."""

    def __init__(self, fd: int, size: int) -> None:
        page = mmap.PAGESIZE
        try:
            self._consumer_map = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self._map = mmap.mmap(fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        except OSError as error:
            raise SeyError(BpfFailed("mmap of the ring buffer", str(error))) from None
        self.size = size
        # One 8-byte load or store each, as the kernel's own smp_load_acquire and smp_store_release are on amd64.
        self._consumer = memoryview(self._consumer_map).cast("Q")
        self._words = memoryview(self._map).cast("Q")
        self._data = memoryview(self._map)[page : page + 2 * size]
        self._first = page // 8

    def __enter__(self) -> Ring:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def used(self) -> int:
        """Bytes that wait to be read."""
        return self._words[0] - self._consumer[0]

    def drain(self) -> bytes:
        """The records that are whole, oldest first, each with its 8-byte header; their room is free again."""
        parts = []
        while part := self._piece():
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Unmap it."""
        for view in (self._consumer, self._words, self._data):
            view.release()
        self._consumer_map.close()
        self._map.close()

    def _piece(self) -> bytes:
        start, end = self._consumer[0], self._words[0]
        if start == end:
            return b""
        words, first, mask = self._words, self._first, self.size - 1
        at, end, thrown = start, min(end, start + _MOST), list[tuple[int, int]]()
        while at < end:
            length = words[first + ((at & mask) >> 3)] & 0xFFFFFFFF
            if length >= _DISCARDED:
                if length & _BUSY:
                    break  # it is being written; what lies behind it may be whole, but keeps its turn
                thrown.append((at, _size(length & _LENGTH)))
                length &= _LENGTH
            at += _size(length)
        place = start & mask
        # A record may end past the bound of a piece, but not past what was written.
        data = bytes(self._data[place : place + at - start])
        for begin, size in reversed(thrown):
            data = data[: begin - start] + data[begin - start + size :]
        self._consumer[0] = at
        return data if data or at == start else self._piece()


def _size(length: int) -> int:
    """Bytes that a record takes."""
    return length + _HEADER + 7 & ~7
