"""The raw output of a probe's run: pages of records, as the program wrote them and as a capture file keeps them.

A page of the output is `PAGE_BYTES` long and starts with u32 stream number + 1, u32 bytes used, u64 zero. In a
capture only the used bytes are kept: u32 page number, u32 stream number + 1, u32 bytes used, u32 zero, the bytes,
zeros up to a multiple of 8. Positions in the output (page number * PAGE_BYTES + offset in the page) keep their
meaning, since both headers are 16 bytes long.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from sey.binary.errors import SeyError
from sey.ir.nodes import CHUNK_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES
from sey.ir.plan import PlanRecordField, PlanStream
from sey.runtime.file_errors import DamagedFile

U8Array = npt.NDArray[np.uint8]
I64Array = npt.NDArray[np.int64]
U64Array = npt.NDArray[np.uint64]
F64Array = npt.NDArray[np.float64]

_RAW_HEADER = struct.Struct("<IIQ")
_KEPT_HEADER = struct.Struct("<IIII")
_MAX_USED = PAGE_BYTES - PAGE_HEADER_BYTES
_PAGES_A_CHUNK = CHUNK_BYTES // PAGE_BYTES

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Pages:
    """Pages by ascending number. `data` has them in the form that captures keep, `starts` where each begins there.

    `origin` names the capture in messages.
    """

    data: U8Array = field(repr=False)
    numbers: I64Array
    streams: I64Array
    used: I64Array
    starts: I64Array
    origin: str = "the capture"

    def fail(self, place: str, reason: str) -> NoReturn:
        """Raise the error for contents that contradict each other."""
        raise SeyError(DamagedFile(self.origin, place, reason))

    def records(self, stream: PlanStream) -> npt.NDArray[np.void]:
        """All records of a stream, in the order of the pages. Raises SeyError."""
        parts = self.parts(stream)
        return np.concatenate(parts) if parts else np.zeros(0, record_dtype(stream))

    def parts(self, stream: PlanStream) -> list[npt.NDArray[np.void]]:
        """The records of a stream page by page, where they lie. Raises SeyError."""
        dtype = record_dtype(stream)
        parts = []
        for page in np.flatnonzero(self.streams == stream.number).tolist():
            used = int(self.used[page])
            if used % dtype.itemsize:
                self.fail(f"page {self.numbers[page]}", f"it ends inside a record of stream `{stream.name}`")
            first = int(self.starts[page]) + PAGE_HEADER_BYTES
            parts.append(self.data[first : first + used].view(dtype))
        return parts

    def field(self, stream: PlanStream, name: str) -> npt.NDArray[np.unsignedinteger]:
        """One field, a number, of all records of a stream. Raises SeyError."""
        parts = [part[name] for part in self.parts(stream)]
        return np.concatenate(parts) if parts else np.zeros(0, record_dtype(stream)[name])

    def record_places(self, stream: PlanStream) -> I64Array:
        """Where in `data` the records of a stream begin, in the order of `records`. Raises SeyError."""
        parts = [
            int(self.starts[page]) + PAGE_HEADER_BYTES + np.arange(0, int(self.used[page]), stream.size)
            for page in np.flatnonzero(self.streams == stream.number).tolist()
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def places(self, positions: U64Array, lengths: I64Array, what: str) -> I64Array:
        """Where in `data` runs of `lengths` bytes at output `positions` begin. Raises SeyError where one is missing.

        An empty run is anywhere; 0 stands for its place.
        """
        page = (positions >> np.uint64(18)).astype(np.int64)
        offset = (positions & np.uint64(PAGE_BYTES - 1)).astype(np.int64)
        if not bool(np.any(lengths)):
            return np.zeros(len(positions), dtype=np.int64)
        if not len(self.numbers):
            self.fail(what, "it lies in a page that is missing")
        which = np.minimum(np.searchsorted(self.numbers, page), len(self.numbers) - 1)
        inside = (self.numbers[which] == page) & (offset >= PAGE_HEADER_BYTES) & (lengths > 0)
        inside &= offset + lengths <= self.used[which] + PAGE_HEADER_BYTES
        inside |= lengths == 0
        if not bool(np.all(inside)):
            bad = int(np.argmin(inside))
            self.fail(what, f"{lengths[bad]} bytes at position {positions[bad]:#x} are outside of the pages")
        return np.where(lengths > 0, self.starts[which] + offset, 0)

    @classmethod
    def from_chunks(cls, chunks: Sequence[Buffer], pages: int, origin: str = "the capture") -> Pages:
        """Copy the first `pages` pages out of the output's chunks; unused ones are left out. Raises SeyError."""
        return cls.from_pages(enumerate(pages_of(chunks, pages)), origin)

    @classmethod
    def from_pages(cls, pages: Iterable[tuple[int, Buffer]], origin: str = "the capture") -> Pages:
        """Copy raw pages, given with their numbers in ascending order. Raises SeyError."""
        parts = list[Buffer]()
        for number, page in pages:
            stream, used, _ = _RAW_HEADER.unpack_from(page)
            if stream == 0 or used == 0:
                continue
            if used > _MAX_USED:
                raise SeyError(DamagedFile(origin, f"page {number}", f"{used} bytes are used of {_MAX_USED}"))
            parts.append(_KEPT_HEADER.pack(number, stream, used, 0))
            parts.append(memoryview(page)[PAGE_HEADER_BYTES : PAGE_HEADER_BYTES + used])
            parts.append(bytes(-used % 8))
        return cls.parse(b"".join(parts), origin)

    @classmethod
    def parse(cls, data: Buffer, origin: str = "the capture") -> Pages:
        """Pages as a capture keeps them. Raises SeyError."""
        found: list[tuple[int, int, int, int]] = []
        at, last = 0, -1

        def expect(truth: bool, reason: str) -> None:
            if not truth:
                raise SeyError(DamagedFile(origin, f"page at byte {at} of the pages", reason))

        while at < len(data):
            expect(at + PAGE_HEADER_BYTES <= len(data), "its header is incomplete")
            number, stream, used, zero = _KEPT_HEADER.unpack_from(data, at)
            expect(number > last, "its number is not above the one before")
            expect(zero == 0 and stream > 0 and 0 < used <= _MAX_USED, "its header has an impossible value")
            end = at + PAGE_HEADER_BYTES + used + (-used % 8)
            expect(end <= len(data), "it ends behind the pages")
            found.append((number, stream - 1, used, at))
            at, last = end, number
        columns = np.array(found, dtype=np.int64).reshape(-1, 4).T
        return cls(np.frombuffer(data, dtype=np.uint8), columns[0], columns[1], columns[2], columns[3], origin)


def pages_of(chunks: Sequence[Buffer], pages: int) -> list[memoryview]:
    """The first `pages` raw pages of the output's chunks."""

    def page_at(number: int) -> memoryview:
        chunk = memoryview(chunks[number // _PAGES_A_CHUNK])
        start = number % _PAGES_A_CHUNK * PAGE_BYTES
        return chunk[start : start + PAGE_BYTES]

    return [page_at(number) for number in range(pages)]


def raw_records(stream: PlanStream, page: memoryview, origin: str, number: int) -> npt.NDArray[np.void] | None:
    """The records of a raw page, to be changed in place; None where it has none of that stream. Raises SeyError."""
    owner, used, _ = _RAW_HEADER.unpack_from(page)
    if owner != stream.number + 1 or used == 0:
        return None
    dtype = record_dtype(stream)
    if used > _MAX_USED or used % dtype.itemsize:
        raise SeyError(DamagedFile(origin, f"page {number}", f"it ends inside a record of stream `{stream.name}`"))
    return np.frombuffer(page, dtype, used // dtype.itemsize, PAGE_HEADER_BYTES)


def raw_pages(stream: PlanStream, records: npt.NDArray[np.void]) -> list[memoryview]:
    """Records as raw pages of their stream."""
    most = _MAX_USED // stream.size
    parts = [records[at : at + most].tobytes() for at in range(0, len(records), most)]
    return [memoryview(_RAW_HEADER.pack(stream.number + 1, len(part), 0) + part) for part in parts]


def discard(page: memoryview) -> None:
    """Mark a raw page as holding nothing."""
    _RAW_HEADER.pack_into(page, 0, 0, 0, 0)


def record_dtype(stream: PlanStream) -> np.dtype[np.void]:
    """The numpy type of a stream's records: unsigned integers, bytes fields as arrays of u1."""
    return np.dtype(
        {
            "names": [f.name for f in stream.fields],
            "formats": [_format(f) for f in stream.fields],
            "offsets": [f.offset for f in stream.fields],
            "itemsize": stream.size,
        }
    )


def _format(item: PlanRecordField) -> str | tuple[str, tuple[int]]:
    formats = {"i1": "<u1", "i8": "<u1", "i16": "<u2", "i32": "<u4", "i64": "<u8"}
    return ("<u1", (item.length,)) if item.type is None else formats[item.type]


def run_starts(lengths: I64Array) -> I64Array:
    """Where runs of these lengths begin when laid end to end, and where the last one ends."""
    starts: I64Array = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def run_indices(starts: I64Array, lengths: I64Array) -> I64Array:
    """The indices of all elements of the runs `starts[i] … starts[i] + lengths[i] - 1`, end to end."""
    total = run_starts(lengths)
    return np.repeat(starts - total[:-1], lengths) + np.arange(int(total[-1]))


Fail = Callable[[str, str], NoReturn]
