"""Windows over memory that is a list of pieces, such as a core file's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

PAGE = 4096
_BLOCK = 1 << 20
"""Bytes of a window at most."""


class Windows:
    """`ranges`: start addresses, ascending, with the bytes from there; none over another."""

    def __init__(self, ranges: Sequence[tuple[int, memoryview]]) -> None:
        self._ranges = ranges
        self._starts = [start for start, _ in ranges]

    def window(self, address: int) -> tuple[int, memoryview] | None:
        """Whole pages around an address; nothing where its page holds nothing, None where it is in no single piece."""
        page = address // PAGE * PAGE
        at = bisect_right(self._starts, page + PAGE - 1) - 1
        if at < 0 or page >= self._starts[at] + len(self._ranges[at][1]):
            return page, memoryview(b"")
        start, data = self._ranges[at]
        first = max(page // _BLOCK * _BLOCK, -(-start // PAGE) * PAGE)
        end = min((page // _BLOCK + 1) * _BLOCK, (start + len(data)) // PAGE * PAGE)
        return (first, data[first - start : end - start]) if first <= page < end else None
