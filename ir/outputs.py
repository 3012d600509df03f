"""The output memory of the evaluator: pages of a snapshot, or the one run of bytes of an event.

Streams go by their number. A position is None where there is no room for a record, which is zero where there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sey.ir.nodes import EVENT_OUTPUT_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES, RECORD_HEADER_BYTES


@dataclass
class Pages:
    """Pages, each of one stream, at most `limit` of them."""

    limit: int
    pages: list[bytearray] = field(default_factory=list)
    _open: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For each stream the page that it is written to, and how many bytes of it are used with the header."""

    def claim(self, number: int, size: int) -> int | None:
        """Room in the stream's page, or in a new one where it has none or they don't fit."""
        page, used = self._open.get(number, (0, PAGE_BYTES))
        if used + size > PAGE_BYTES:
            if len(self.pages) >= self.limit:
                return None
            page, used = len(self.pages), PAGE_HEADER_BYTES
            self.pages.append(bytearray((number + 1).to_bytes(4, "little").ljust(PAGE_BYTES, b"\0")))
        self._open[number] = page, used + size
        self.pages[page][4:8] = (used + size - PAGE_HEADER_BYTES).to_bytes(4, "little")
        return page * PAGE_BYTES + used

    def find(self, position: int) -> tuple[bytearray, int]:
        """The page and the offset in it."""
        number, start = divmod(position, PAGE_BYTES)
        return self.pages[number], start


@dataclass
class Run:
    """The output of one run of an event program: records one after another, each with its header."""

    data: bytearray = field(default_factory=bytearray)

    def claim(self, number: int, size: int) -> int | None:
        """Room behind all records so far."""
        position = len(self.data) + RECORD_HEADER_BYTES
        if position + size > EVENT_OUTPUT_BYTES:
            return None
        self.data += (number + 1).to_bytes(4, "little") + size.to_bytes(4, "little") + bytes(size)
        return position

    def find(self, position: int) -> tuple[bytearray, int]:
        """All bytes so far, and the position itself."""
        return self.data, position
