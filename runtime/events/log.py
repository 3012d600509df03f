"""What the probes of a trace streamed: the output of one event behind the other, as captures keep them.

Each event has 8 bytes before it: u32 its length in bytes (a multiple of 8, at most `MAX_EVENT_BYTES`), and u32 that
says nothing (so that records of the kernel's ring buffer are taken as they are). An event is records end to end: u32
stream number + 1, u32 length in bytes (a multiple of 8), the record. A *position* in an event is an offset from its
beginning.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from sey.binary.errors import SeyError
from sey.ir.plan import PlanStream
from sey.runtime.file_errors import DamagedFile
from sey.runtime.pages import Buffer, I64Array, U8Array, U64Array, record_dtype

MAX_EVENT_BYTES = 1 << 16
HEADER_BYTES = 8
"""Before an event, and before each of its records."""

_HEADER = struct.Struct("<II")


class Records(NamedTuple):
    """Records of some events, in the order in which they lie: the event's place among those asked for, the stream's
    number, where the record begins in the log, and its length in bytes."""

    event: I64Array
    stream: I64Array
    place: I64Array
    size: I64Array

    def of(self, stream: PlanStream) -> Records:
        """Those of one stream."""
        chosen = self.stream == stream.number
        return Records(*(column[chosen] for column in self))


@dataclass(frozen=True)
class EventLog:
    """Events in the order in which they were streamed; `starts` and `lengths` say where in `data` each is.

    `origin` names the capture in messages.
    """

    data: U8Array = field(repr=False)
    starts: I64Array
    lengths: I64Array
    origin: str = "the trace"

    def __len__(self) -> int:
        return len(self.starts)

    def fail(self, place: str, reason: str) -> NoReturn:
        """Raise the error for contents that contradict each other."""
        raise SeyError(DamagedFile(self.origin, place, reason))

    @classmethod
    def from_parts(cls, parts: Iterable[Buffer], origin: str = "the trace") -> EventLog:
        """The events of parts that each hold whole ones. Raises SeyError."""
        return cls.parse(b"".join(parts), origin)

    @classmethod
    def parse(cls, data: Buffer, origin: str = "the trace") -> EventLog:
        """Events as a capture keeps them. Raises SeyError."""
        if len(data) % HEADER_BYTES:
            raise SeyError(DamagedFile(origin, "the end of the events", "it is inside of an event"))
        starts, lengths = _events(data, origin)
        return cls(np.frombuffer(data, dtype=np.uint8), starts, lengths, origin)

    def records(self, events: I64Array) -> Records:
        """The records of these events. Raises SeyError where they don't fit into them."""
        words = self.data.view("<u4")
        event = np.arange(len(events))
        at, end = self.starts[events], self.starts[events] + self.lengths[events]
        found: list[tuple[npt.NDArray[np.int64], ...]] = []
        while len(at):  # the n-th record of every event that has one
            stream, size = words[at >> 2].astype(np.int64), words[(at >> 2) + 1].astype(np.int64)
            place = at + HEADER_BYTES
            after = place + size
            wrong = (stream == 0) | (size % HEADER_BYTES != 0) | (after > end)
            if bool(wrong.any()):
                self.fail(f"event {events[event[int(np.argmax(wrong))]]}", "a record has an impossible header")
            found.append((event, stream - 1, place, size))
            more = after < end
            at, end, event = after[more], end[more], event[more]
        if not found:
            nothing: I64Array = np.zeros(0, dtype=np.int64)
            return Records(nothing, nothing, nothing, nothing)
        if len(found) == 1:
            return Records(*found[0])
        columns = [np.concatenate(column) for column in zip(*found, strict=True)]
        order = np.argsort(columns[2], kind="stable")
        return Records(*(column[order] for column in columns))

    def check(self, stream: PlanStream, records: Records) -> None:
        """Raise SeyError where a record of a stream has another length than all of them."""
        wrong = records.size != stream.size
        if bool(wrong.any()):
            size = records.size[int(np.argmax(wrong))]
            self.fail("an event", f"a record of stream `{stream.name}` has {size} bytes, not {stream.size}")

    def read(self, stream: PlanStream, places: I64Array) -> npt.NDArray[np.void]:
        """The records of a stream at these places, which `check` has passed."""
        return self.rows(places, stream.size).view(record_dtype(stream)).reshape(-1)

    def field(self, stream: PlanStream, places: I64Array, name: str) -> npt.NDArray[np.unsignedinteger]:
        """One field, a number, of such records."""
        item = next(item for item in stream.fields if item.name == name)
        return self.rows(places + item.offset, item.length).view(f"<u{item.length}").reshape(-1)

    def rows(self, places: I64Array, size: int) -> U8Array:
        """A matrix whose row i are the `size` bytes from `places[i]`, which must lie in the log."""
        if not len(places) or not size:
            return np.zeros((len(places), size), dtype=np.uint8)
        return np.asarray(np.lib.stride_tricks.sliding_window_view(self.data, size)[places])

    def places(self, events: I64Array, positions: U64Array, lengths: I64Array, what: str) -> I64Array:
        """Where `lengths` bytes at `positions` of these events begin. Raises SeyError where they are outside.

        An empty run is anywhere; 0 stands for its place.
        """
        size = self.lengths[events]
        most = (size - np.minimum(lengths, size)).astype(np.uint64)
        inside = (lengths == 0) | ((lengths <= size) & (positions >= HEADER_BYTES) & (positions <= most))
        if not bool(inside.all()):
            bad = int(np.argmin(inside))
            self.fail(what, f"{lengths[bad]} bytes at position {positions[bad]:#x} are outside of event {events[bad]}")
        return np.where(lengths > 0, self.starts[events] + positions.astype(np.int64), 0)


def frame(event: bytes) -> bytes:
    """An event as a log has it."""
    return _HEADER.pack(len(event), 0) + event


def _events(data: Buffer, origin: str) -> tuple[I64Array, I64Array]:
    """Where events begin, and their lengths."""
    headers = memoryview(data).cast("B").cast("Q")
    found, at, units = array("q"), 0, len(headers)
    while at < units:
        found.append(at)
        at += 1 + ((headers[at] & 0xFFFFFFFF) >> 3)
    starts = np.array(found, dtype=np.int64) * HEADER_BYTES
    lengths = np.frombuffer(data, dtype="<u4")[starts >> 2].astype(np.int64)
    wrong = (lengths == 0) | (lengths % HEADER_BYTES != 0) | (lengths > MAX_EVENT_BYTES)
    if bool(wrong.any()):
        bad = int(np.argmax(wrong))
        raise SeyError(DamagedFile(origin, f"byte {starts[bad]} of the events", f"an event of {lengths[bad]} bytes"))
    if at > units:
        raise SeyError(DamagedFile(origin, "the end of the events", "it is inside of an event"))
    return starts + HEADER_BYTES, lengths
