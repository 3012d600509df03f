"""The memory of a paused process, read through process_vm_readv(2) in windows of several pages.

A walk over goroutines reads stacks upwards and objects that lie side by side, so each miss reads on to the end of its
block. Nothing is read twice, which is right only while the process stands still: one object serves one pause.
"""

from __future__ import annotations

import errno

from sey.binary.errors import SeyError
from sey.runtime import libc
from sey.runtime.host_errors import ProcessExited
from sey.runtime.process import not_permitted

PAGE = 4096
_BLOCK = 8
"""Pages in a block: 2 KiB stacks come in spans of 32 KiB, one behind the other."""
_MOST_BYTES = 64 << 20
"""How much is kept before all of it is forgotten."""


class ProcessMemory:
    """The memory of a process, by a thread of it. See `sey.ir.evaluate.TargetMemory`."""

    def __init__(self, pid: int, tid: int) -> None:
        self._pid, self._tid = pid, tid
        self._pages: dict[int, memoryview] = {}
        self._bad: set[int] = set()

    @property
    def thread(self) -> int:
        """The thread through which the memory is read: machine code does so by itself."""
        return self._tid

    def read(self, address: int, length: int) -> bytes | None:
        """Exactly `length` (>= 1) bytes, or None where not all can be read. Raises SeyError where it is gone."""
        number, start = divmod(address, PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._load(number)
        if page is None:
            return None
        if start + length <= PAGE:
            return bytes(page[start : start + length])
        return self._across(number, start, length)

    def window(self, address: int) -> tuple[int, memoryview]:
        """Whole readable pages around an address: where they start, and what they hold; nothing where it can't be read.

        Raises SeyError where the process is gone.
        """
        first = address // PAGE
        count = _BLOCK - first % _BLOCK
        data = self._bytes(first * PAGE, count * PAGE)
        return first * PAGE, memoryview(data)[: len(data) // PAGE * PAGE]

    def _across(self, number: int, start: int, length: int) -> bytes | None:
        """Bytes that lie on several pages."""
        parts = []
        left = start + length
        while left > 0:
            page = self._pages.get(number) or self._load(number)
            if page is None:
                return None
            parts.append(page)
            number += 1
            left -= PAGE
        return b"".join(parts)[start : start + length]

    def _load(self, number: int) -> memoryview | None:
        """Read a page and those behind it in its block; None where it can't be read."""
        if number in self._bad:
            return None
        if len(self._pages) * PAGE > _MOST_BYTES:
            self._pages.clear()
        start, data = self.window(number * PAGE)
        for at in range(0, len(data), PAGE):
            self._pages[(start + at) // PAGE] = data[at : at + PAGE]
        if not data:
            self._bad.add(number)
        return self._pages.get(number)

    def _bytes(self, address: int, length: int) -> bytes:
        if address >= 1 << 63:
            return b""  # the kernel's half, or none at all
        try:
            return libc.read_memory(self._tid, address, length)
        except OSError as error:
            gone = error.errno == errno.ESRCH
            raise SeyError(ProcessExited(self._pid) if gone else not_permitted(self._pid)) from None
