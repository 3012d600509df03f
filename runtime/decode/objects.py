"""Objects by (address, type): what pointers, slices and strings of a capture refer to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sey.ir.plan import STATUS_MASK, PlanStream, Status
from sey.runtime.pages import I64Array, Pages, U8Array, U64Array


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
    """The objects of one process. Of several with one key the one with the most bytes counts."""

    def __init__(self, pages: Pages, stream: PlanStream | None) -> None:
        if stream is None:
            self._types: dict[int, slice] = {}
            return
        records = pages.records(stream)
        records = records[records["address"] != 0]
        readable = (records["status"] & STATUS_MASK) == Status.OK
        lengths = np.where(readable, records["bytes"], 0).astype(np.int64)
        order = _by_key(records["type"], records["address"], lengths)
        records, readable, lengths = records[order], readable[order], lengths[order]
        addresses, types = records["address"], records["type"]
        last = np.ones(len(records), dtype=np.bool_)
        last[:-1] = (addresses[1:] != addresses[:-1]) | (types[1:] != types[:-1])
        self._addresses: U64Array = np.ascontiguousarray(addresses[last])
        self._bytes: I64Array = lengths[last]
        self._readable: U8Array = readable[last].astype(np.uint8)
        self._length: U64Array = np.ascontiguousarray(records["length"][last])
        self._flags: I64Array = (records["status"][last] & ~np.uint32(STATUS_MASK)).astype(np.int64)
        self._places: I64Array = pages.places(records["position"][last], self._bytes, "an object")
        kinds, firsts = np.unique(types[last], return_index=True)
        ends = [*firsts.tolist(), len(self._addresses)][1:]
        spans = zip(kinds.tolist(), firsts.tolist(), ends, strict=True)
        self._types = {kind: slice(first, end) for kind, first, end in spans}

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
        return Found(
            row,
            np.where(hit, self._places[safe], 0),
            np.where(hit, self._bytes[safe], 0),
            np.where(hit, self._readable[safe], 0).astype(np.uint8),
            np.where(hit, self._length[safe], 0).astype(np.uint64),
            np.where(hit, self._flags[safe], 0),
        )

    def places(self, kind: int, size: int) -> I64Array:
        """Where the objects of type `kind` are that have at least `size` bytes."""
        span = self._types.get(kind, slice(0, 0))
        return self._places[span][self._bytes[span] >= size] if span.stop else np.zeros(0, dtype=np.int64)


def _by_key(types: npt.NDArray[np.uint32], addresses: U64Array, lengths: I64Array) -> I64Array:
    """The order by type, address and length."""
    rank = np.unique(types, return_inverse=True)[1].reshape(-1)
    if len(rank) and int(rank.max()) < 1 << 16 and int(addresses.max()) < 1 << 48:
        code = rank.astype(np.uint64) << np.uint64(48) | addresses
        order = np.argsort(code)
        code = code[order]
        if not bool(np.any(code[1:] == code[:-1])):
            return order
    return np.lexsort((lengths, addresses, types))
