"""The labels that pprof gives goroutines, as maps of texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sey.ir.plan import HIDDEN_KIND, LABEL_CHAIN, STRING_TYPE, Plan, PlanType, Status
from sey.runtime.decode.json_form import to_text
from sey.runtime.decode.limits import Limits
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.text import rows_of
from sey.runtime.decode.values import ValueDecoder
from sey.runtime.decode.vectors import Items, Record, Shared, Texts, Vector
from sey.runtime.pages import I64Array, Pages, U8Array, U64Array

_LIMITS = Limits(1 << 16, 1 << 16, 1)
_SLOTS = 8
"""Entries of a bucket: abi.MapBucketCount."""
_MIN_TOP_HASH = 5
"""What is below marks slots that are empty or moved to another bucket: minTopHash of runtime/map.go up to Go 1.23."""

Pairs = list[tuple[str, str | None]]


def label_maps(plan: Plan, decoder: ValueDecoder, pages: Pages, objects: ObjectIndex, addresses: U64Array) -> pa.Array:
    """The labels of each goroutine as a map, NULL where it has none or they couldn't be read.

    `runtime/pprof.labelMap` is, since Go 1.24, a struct around a slice of structs of two strings; before, a map.
    """
    arrow = pa.map_(pa.string(), pa.string())
    if plan.labels_type is None or not bool(np.any(addresses)):
        return pa.nulls(len(addresses), arrow)
    kind = decoder.types[plan.labels_type]
    distinct, index = np.unique(addresses, return_inverse=True)
    if kind.kind == "slice":
        maps = _Buckets(kind, decoder, pages, objects).labels(distinct)
    else:
        maps = _lists(kind, decoder, pages, objects, distinct)
    # DuckDB wants the keys of a map distinct and not NULL.
    unique = [None if pairs is None else list(dict(pairs).items()) for pairs in maps]
    return pa.array(unique, arrow).take(pa.array(index.reshape(-1)))


def _lists(
    kind: PlanType, decoder: ValueDecoder, pages: Pages, objects: ObjectIndex, addresses: U64Array
) -> list[Pairs | None]:
    found = objects.find(addresses, kind.id)
    whole = (found.bytes >= kind.size) & (found.row >= 0) & (addresses != 0)
    rows = np.flatnonzero(whole).astype(np.int64)
    raw = rows_of(pages.data, found.place[rows], kind.size)
    maps: list[Pairs | None] = [None] * len(addresses)
    for row, pairs in zip(rows.tolist(), _pairs(decoder.decode(kind.id, raw, _LIMITS)), strict=True):
        maps[row] = pairs
    return maps


def _pairs(vector: Vector) -> list[Pairs | None]:
    """The pairs of each label set. The same set serves many goroutines, and is looked at once."""
    status, items = vector.status, _list(vector)
    if items is None:
        return [None] * len(vector)
    index, lists = items
    assert isinstance(lists.data, Items)
    record = lists.data.items.data
    if not isinstance(record, Record) or len(record.fields) != 2 or not all(_is_text(f) for f in record.fields):
        return [None] * len(vector)
    keys, values = (to_text(field).to_pylist() for field in record.fields)
    offsets = lists.data.offsets.tolist()
    result: list[Pairs | None] = []
    for row, at in enumerate(index.tolist()):
        if at < 0:
            result.append([] if status[row] == Status.OK else None)
            continue
        span = range(offsets[at], offsets[at + 1])
        result.append([(keys[i], values[i]) for i in span if keys[i] is not None])
    return result


def _list(vector: Vector) -> tuple[I64Array, Vector] | None:
    """The first slice inside of nested structs, and which of its values each row has."""
    if isinstance(vector.data, Record):
        for inner in vector.data.fields:
            found = _list(inner)
            if found is not None:
                return found
    if isinstance(vector.data, Shared) and isinstance(vector.data.target.data, Items):
        return vector.data.index, vector.data.target
    return None


def _is_text(vector: Vector) -> bool:
    return isinstance(vector.data, Shared) and isinstance(vector.data.target.data, Texts)


class _Buckets:
    """Labels as a map up to Go 1.23: an array of buckets, and behind each a chain of those that overflowed."""

    def __init__(self, kind: PlanType, decoder: ValueDecoder, pages: Pages, objects: ObjectIndex) -> None:
        self._array, self._decoder, self._pages, self._objects = kind, decoder, pages, objects
        self._bucket = decoder.types.get(kind.elem or 0)
        types, fields = decoder.types, self._bucket.fields if self._bucket else ()
        self._at = {f.name: f.offset for f in fields if types[f.type].kind != HIDDEN_KIND}

    def labels(self, addresses: U64Array) -> list[Pairs | None]:
        """The pairs at each address of an array, None where any bucket is missing."""
        if self._bucket is None or not self._fits(self._bucket):
            return [None] * len(addresses)
        return [self._of(address, self._bucket) if address else None for address in addresses.tolist()]

    def _fits(self, bucket: PlanType) -> bool:
        sizes = {"tophash": _SLOTS, "keys": 16 * _SLOTS, "values": 16 * _SLOTS, "overflow": 8}
        return all(name in self._at and self._at[name] + size <= bucket.size for name, size in sizes.items())

    def _of(self, address: int, bucket: PlanType) -> Pairs | None:
        pending, pairs = self._raw([address], self._array.id, bucket.size), Pairs()
        for _ in range(LABEL_CHAIN + 1):
            if pending is None:
                return None
            pairs += self._live(pending)
            words = np.ascontiguousarray(pending[:, self._at["overflow"] :][:, :8]).view("<u8").reshape(-1)
            chained = [word for word in words.tolist() if word]
            if not chained:
                return pairs
            pending = self._raw(chained, bucket.id, bucket.size)
        return None

    def _raw(self, addresses: Sequence[int], kind: int, size: int) -> U8Array | None:
        """The buckets of the objects at these addresses, None where one is missing."""
        found = self._objects.find(np.array(addresses, dtype=np.uint64), kind)
        if not bool(np.all((found.row >= 0) & (found.bytes >= size))):
            return None
        starts = [
            place + size * i
            for place, length in zip(found.place.tolist(), found.bytes.tolist(), strict=True)
            for i in range(length // size)
        ]
        return rows_of(self._pages.data, np.array(starts, dtype=np.int64), size)

    def _live(self, buckets: U8Array) -> Pairs:
        top = buckets[:, self._at["tophash"] :][:, :_SLOTS].reshape(-1)
        live = np.flatnonzero(top >= _MIN_TOP_HASH)
        keys, values = self._texts(buckets, "keys", live), self._texts(buckets, "values", live)
        return [(key, value) for key, value in zip(keys, values, strict=True) if key is not None]

    def _texts(self, buckets: U8Array, field: str, live: I64Array) -> list[str | None]:
        slots = buckets[:, self._at[field] :][:, : 16 * _SLOTS]
        raw = np.ascontiguousarray(slots).reshape(-1, 16)[live]
        texts: list[str | None] = to_text(self._decoder.decode(STRING_TYPE, raw, _LIMITS)).to_pylist()
        return texts
