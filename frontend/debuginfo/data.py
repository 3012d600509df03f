"""Numbers and strings in DWARF sections, each read checked against the section's end."""

from __future__ import annotations

import mmap

_MAX_LEB_BYTES = 10
Raw = bytes | mmap.mmap
"""Both are indexed, cut and searched alike, and cutting gives bytes."""


class DamageError(Exception):
    """Something in a section that can't be true. Callers that know the file turn it into a `SeyError`."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class Data:
    """The bytes of one section, under its name."""

    __slots__ = ("name", "raw", "size")

    def __init__(self, name: str, raw: Raw) -> None:
        self.name = name
        self.raw = raw
        self.size = len(raw)

    def damaged(self, at: int, reason: str) -> DamageError:
        """The error, to be raised, that says this section is damaged at an offset."""
        return DamageError(f"{self.name} at {at:#x}", reason)

    def uint(self, at: int, size: int) -> int:
        """A little-endian unsigned integer of `size` bytes."""
        if at < 0 or at + size > self.size:
            raise self.damaged(at, f"{size} bytes wanted of a section of {self.size}")
        return int.from_bytes(self.raw[at : at + size], "little")

    def take(self, at: int, size: int) -> bytes:
        """`size` bytes."""
        if at < 0 or size < 0 or at + size > self.size:
            raise self.damaged(at, f"{size} bytes wanted of a section of {self.size}")
        return self.raw[at : at + size]

    def uleb(self, at: int) -> tuple[int, int]:
        """An unsigned LEB128 number, and the offset behind it."""
        if at < 0:
            raise self.damaged(at, "a negative offset")
        raw, value = self.raw, 0
        for count, byte in enumerate(raw[at : at + _MAX_LEB_BYTES]):
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                return value, at + count + 1
        raise self.damaged(at, "a number without an end")

    def sleb(self, at: int) -> tuple[int, int]:
        """A signed LEB128 number, and the offset behind it."""
        value, end = self.uleb(at)
        bits = 7 * (end - at)
        return (value - (1 << bits) if value >> (bits - 1) else value), end

    def cstring(self, at: int) -> tuple[bytes, int]:
        """A string up to its NUL, and the offset behind the NUL."""
        end = self.raw.find(b"\0", at) if at >= 0 else -1
        if end < 0:
            raise self.damaged(at, "a string without an end")
        return self.raw[at:end], end + 1
