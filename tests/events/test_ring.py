"""The reader of a ring buffer, over a file laid out as the kernel shows one."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator

import pytest

from sey.runtime.events.ring import Ring

PAGE, SIZE = mmap.PAGESIZE, 8192
BUSY, DISCARDED = 1 << 31, 1 << 30


class Writer:
    """What the kernel does to a ring buffer."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.ftruncate(self.fd, 2 * PAGE + 2 * SIZE)
        self.at = 0

    def put(self, data: bytes, flags: int = 0) -> bytes:
        """Write a record; gives it as a reader should."""
        record = struct.pack("<2I", len(data) | flags, 3) + data + bytes(-len(data) % 8)
        for n in range(0, len(record), 8):
            place = (self.at + n) % SIZE
            for copy in (0, SIZE):
                os.pwrite(self.fd, record[n : n + 8], 2 * PAGE + place + copy)
        self.at += len(record)
        os.pwrite(self.fd, struct.pack("<Q", self.at), PAGE)
        return struct.pack("<2I", len(data), 3) + record[8:]

    def finish(self, place: int, length: int) -> None:
        """A record that was busy is whole now."""
        for copy in (0, SIZE):
            os.pwrite(self.fd, struct.pack("<I", length), 2 * PAGE + place % SIZE + copy)

    @property
    def read(self) -> int:
        """Where the reader says that it is."""
        return int.from_bytes(os.pread(self.fd, 8, 0), "little")


@pytest.fixture
def writer() -> Iterator[Writer]:
    made = Writer()
    yield made
    os.close(made.fd)


def test_records_come_whole_and_in_order_round_and_round(writer: Writer) -> None:
    with Ring(writer.fd, SIZE) as ring:
        assert ring.drain() == b""
        for turn in range(40):
            wanted = [writer.put(bytes([turn]) * size) for size in (8, 1000, 72, 16)]
            assert ring.used == sum(map(len, wanted))
            assert ring.drain() == b"".join(wanted)
            assert writer.read == writer.at
        assert writer.at > 4 * SIZE


def test_a_record_that_is_being_written_keeps_back_what_is_behind_it(writer: Writer) -> None:
    with Ring(writer.fd, SIZE) as ring:
        first = writer.put(b"first   ")
        place = writer.at
        writer.put(b"slow    ", BUSY)
        behind = writer.put(b"behind  ")
        assert ring.drain() == first
        assert writer.read == place
        assert ring.drain() == b""
        writer.finish(place, 8)
        assert ring.drain() == struct.pack("<2I", 8, 3) + b"slow    " + behind


def test_a_record_thrown_away_by_its_writer_is_left_out(writer: Writer) -> None:
    with Ring(writer.fd, SIZE) as ring:
        writer.put(b"no" * 12, DISCARDED)
        assert ring.drain() == b""
        wanted = writer.put(b"yes     ")
        writer.put(b"no" * 4, DISCARDED)
        writer.put(b"no" * 400, DISCARDED)
        wanted += writer.put(b"again   ")
        assert ring.drain() == wanted
        assert writer.read == writer.at
