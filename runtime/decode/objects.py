"""Objects by (address, type): what pointers, slices and strings of a capture refer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sey.ir.plan import STATUS_MASK, PlanStream, Status
from sey.runtime.pages import I64Array, Pages, U8Array, U64Array

_CHECKED = 1 << 16
"""Objects whose places are checked at a time."""

Locate = Callable[[U64Array, I64Array], I64Array]
"""Where in the data objects at these positions, of so many bytes, are."""


class Found(NamedTuple):
    """What a look-up gave, a row for each key. `row` is -1 where there is no object; the rest is 0 then.

    `place` is where its `bytes` captured bytes are in the pages, `readable` whether they could be read. `length` is the
    true length, in elements; `flags` are the status's `OBJECT_CHANGING` and `OBJECT_PARTIAL`.
    """

    row: I64Array
    place: I64Array
    bytes: I64Array
    readable: U8Array
    length: U64Array
    flags: I64Array


class ObjectIndex:
    """The objects of one process. Of several with one key the one with the most bytes counts.

    A capture can consist of little else than objects: no array here is wider than it must be, and what is needed once
    is let go of before the next is made.
    """

    def __init__(self, pages: Pages, stream: PlanStream | None) -> None:
        self._types: dict[int, slice] = {}
        if stream is not None:
            parts = [_with_address(part) for part in pages.parts(stream)]
            self._fill(parts, len(pages.data), lambda at, sizes: pages.places(at, sizes, "an object"))

    @classmethod
    def of_events(cls, records: npt.NDArray[np.void], places: I64Array) -> ObjectIndex:
        """The objects of several events, whose `address` is a key (`limits.event_keys`); `places` is where each is."""
        index = cls.__new__(cls)
        index._types = {}
        there = records["address"] != 0
        records = records[there]
        records["position"] = places[there]
        index._fill([records], int(places.max(initial=0)), lambda at, _: at.astype(np.int64))
        return index

    def _fill(self, parts: Sequence[npt.NDArray[np.void]], most: int, locate: Locate) -> None:
        """Take the objects of these parts, which lie below `most`."""
        status: npt.NDArray[np.uint32] = _column(parts, "status", np.uint32)
        # No page has more bytes than fit there.
        sizes: npt.NDArray[np.uint32] = _column(parts, "bytes", np.uint32)
        sizes[(status & STATUS_MASK) != Status.OK] = 0
        order = self._sorted(parts, sizes)
        self._status = status[order]
        del status
        self._bytes = sizes[order]
        del sizes
        length: U64Array = _column(parts, "length", np.uint64)
        self._length = length[order]
        del length
        position: U64Array = _column(parts, "position", np.uint64)
        position = position[order]
        del order, parts
        self._places = _places(most, locate, position, self._bytes)

    def _sorted(self, parts: Sequence[npt.NDArray[np.void]], sizes: npt.NDArray[np.uint32]) -> I64Array:
        """Where the objects are among the parts, by type and address; notes their addresses and types."""
        addresses: U64Array = _column(parts, "address", np.uint64)
        types: npt.NDArray[np.uint32] = _column(parts, "type", np.uint32)
        order, kinds, counts = _by_key(types, addresses, sizes)
        addresses, types = addresses[order], types[order]
        last = np.ones(len(order), dtype=np.bool_)
        last[:-1] = (addresses[1:] != addresses[:-1]) | (types[1:] != types[:-1])
        if not bool(last.all()):
            order, addresses = order[last], addresses[last]
            counts = np.bincount(np.searchsorted(kinds, types[last]), minlength=len(kinds))
        self._addresses = addresses
        ends = np.cumsum(counts).tolist()
        spans = zip(kinds.tolist(), [0, *ends], ends, strict=False)
        self._types = {kind: slice(first, end) for kind, first, end in spans}
        return order

    def __len__(self) -> int:
        return max((span.stop for span in self._types.values()), default=0)

    def find(self, addresses: U64Array, kind: int) -> Found:
        """The objects of type `kind` at these addresses."""
        span = self._types.get(kind)
        if span is None or not len(addresses):
            nothing = np.zeros(len(addresses), dtype=np.int64)
            return Found(nothing - 1, nothing, nothing, nothing.astype(np.uint8), nothing.astype(np.uint64), nothing)
        keys = self._addresses[span]
        at = np.minimum(np.searchsorted(keys, addresses), len(keys) - 1)
        hit = keys[at] == addresses
        row = np.where(hit, at + span.start, -1)
        safe = np.where(hit, row, span.start)
        status = np.where(hit, self._status[safe], 0)
        return Found(
            row,
            np.where(hit, self._places[safe], 0).astype(np.int64),
            np.where(hit, self._bytes[safe], 0).astype(np.int64),
            ((status & STATUS_MASK) == Status.OK).astype(np.uint8),
            np.where(hit, self._length[safe], 0).astype(np.uint64),
            (status.astype(np.int64) & ~STATUS_MASK),
        )

    def places(self, kind: int, size: int) -> I64Array:
        """Where the objects of type `kind` are that have at least `size` bytes."""
        span = self._types.get(kind, slice(0, 0))
        if not span.stop:
            return np.zeros(0, dtype=np.int64)
        return self._places[span][self._bytes[span] >= size].astype(np.int64)


def _with_address(part: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    there = part["address"] != 0
    return part if bool(there.all()) else part[there]


def _column(parts: Sequence[npt.NDArray[np.void]], name: str, kind: type[Any]) -> npt.NDArray[Any]:
    """One field of all records as numbers of that type, the most that it holds where they are larger."""
    result = np.empty(sum(map(len, parts)), dtype=kind)
    at = 0
    for part in parts:
        result[at : at + len(part)] = np.minimum(part[name], np.iinfo(kind).max)
        at += len(part)
    return result


def _places(
    most: int, locate: Locate, positions: U64Array, sizes: npt.NDArray[np.uint32]
) -> npt.NDArray[np.integer[Any]]:
    """Where in the data, which ends at `most`, the objects are. Raises SeyError where they are outside."""
    narrow = most < 1 << 32
    places: npt.NDArray[np.integer[Any]] = np.empty(len(positions), dtype=np.uint32 if narrow else np.int64)
    for at in range(0, len(positions), _CHECKED):
        part = slice(at, at + _CHECKED)
        places[part] = locate(positions[part], sizes[part].astype(np.int64))
    return places


def _by_key(
    types: npt.NDArray[np.uint32], addresses: U64Array, lengths: npt.NDArray[np.uint32]
) -> tuple[I64Array, npt.NDArray[np.uint32], I64Array]:
    """The order by type, address and length; the distinct types, ascending, and how many objects each has."""
    kinds, counts = np.unique(types, return_counts=True)
    if len(kinds) < 1 << 16 and len(addresses) and int(addresses.max()) < 1 << 48:
        code = np.searchsorted(kinds, types).astype(np.uint64)
        code <<= np.uint64(48)
        code |= addresses
        order = np.argsort(code)
        code = code[order]
        if not bool(np.any(code[1:] == code[:-1])):
            return order, kinds, counts
    return np.lexsort((lengths, addresses, types)), kinds, counts
