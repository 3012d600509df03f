"""How many rows of a table are decoded at a time.

What is needed while values are decoded is a multiple of what they are captured in, so large tables are made in slices.
Small slices cost time: each vector of one has its overhead, and what rows share is decoded again in each.
"""

from __future__ import annotations

_SLICE = 1 << 20
"""Bytes of captured values that a slice is to come to, at least."""
_A_VECTOR = 32 << 10
"""Bytes of captured values for each vector of a slice: then overhead is little beside them."""
_LEAST_ROWS = 1024


class Slices:
    """Chooses slices of `rows` rows of a process of which `captured` bytes were captured, of at most `most` rows.

    Nothing is known before the first slice; it tells what the others will come to.
    """

    def __init__(self, rows: int, captured: int, most: int | None = None) -> None:
        self._rows, self._captured, self._share = rows, captured, 1.0
        self._most = rows if most is None else most
        self._next = max(_LEAST_ROWS, rows * _SLICE // max(captured, 1))

    def next(self, done: int) -> int:
        """How many rows come after the first `done`."""
        return min(self._next, self._rows - done, self._most)

    def decoded(self, rows: int, raw: int, vectors: int) -> None:
        """Learn from a slice of so many rows: it has `raw` bytes in so many vectors."""
        self._share = rows / max(self._rows, 1)
        if raw > 1.5 * self._captured * self._share:
            # More than was captured: rows share what they lead to, which is better decoded once.
            self._next = self._rows
        elif self._next < self._rows:
            wanted = max(_SLICE, _A_VECTOR * vectors)
            self._next = max(_LEAST_ROWS, int(rows * wanted / max(raw, 1)))

    def made(self, size: int) -> None:
        """Learn how many bytes were made of that slice."""
        if size > 6 * self._captured * self._share:
            self._next = self._rows
