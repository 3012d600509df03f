"""The entries of maps in the order of their keys, and which keys look alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sey.ir.plan import Status
from sey.runtime.decode.grouping import BoolArray
from sey.runtime.decode.vectors import Numbers, Texts, Vector, through
from sey.runtime.pages import I64Array


def order_of(keys: Vector, offsets: I64Array) -> tuple[I64Array | None, BoolArray]:
    """The entries of each map by key, those without a key last; None where keys have no order.

    `offsets` are where each map's entries begin, as in `Entries`. Booleans, numbers and texts have an order. In that
    order, the second part tells which entries have a key that is there and that no earlier one of its map shows too:
    Go's keys differ, but two texts that were cut may look alike. Keys that have no order may look as they like.
    """
    shown = np.asarray((keys.status == Status.OK) | (keys.status == Status.TRUNCATED))
    rank = _rank(keys)
    if rank is None or not len(rank):
        return None, shown
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = _sorted(rank, owner)
    rank, shown = rank[order], shown[order]
    again = np.zeros(len(shown), dtype=np.bool_)
    again[1:] = rank[1:] == rank[:-1]
    again[offsets[:-1][np.diff(offsets) > 0]] = False
    return order, np.asarray(shown & ~again)


def _sorted(rank: npt.NDArray[np.generic], owner: I64Array) -> I64Array:
    """The order by owner, then rank, then as it was. One key of both is sorted several times as fast as two."""
    if rank.dtype.kind == "f":
        return np.lexsort((rank, owner)).astype(np.int64)
    low, high = int(rank.min()), int(rank.max())
    count, span = len(rank), high - low + 1
    if (int(owner[-1]) + 1) * span * count >= 1 << 62:
        return np.lexsort((rank, owner)).astype(np.int64)
    distance = (rank.astype(np.uint64) - np.uint64(low % (1 << 64))).astype(np.int64)  # whatever the sign
    code = ((owner * span + distance) * count) + np.arange(count)
    code.sort()
    return np.asarray(code % count, dtype=np.int64)


def _rank(keys: Vector) -> npt.NDArray[np.generic] | None:
    """Numbers that are in the order of the keys, and equal where these are; missing keys are the highest."""
    inner, index = through(keys)
    values: npt.NDArray[np.generic]
    match inner.data:
        case Numbers(numbers) if not np.iscomplexobj(numbers):
            values = (
                numbers if index is None else numbers[np.maximum(index, 0)] if len(numbers) else np.zeros(len(keys))
            )
        case Texts(texts):
            ranks = _text_ranks(texts)
            values = ranks if index is None else ranks[np.maximum(index, 0)] if len(ranks) else np.zeros(len(keys))
        case _:
            return None
    there = (keys.status == Status.OK) | (keys.status == Status.TRUNCATED)
    if bool(there.all()):
        return values
    ranks = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return np.where(there, ranks.reshape(-1), len(ranks))


def _text_ranks(texts: pa.StringArray) -> I64Array:
    """The place of each text among the distinct ones, by their bytes."""
    encoded = texts.dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    codes: I64Array = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return rank[codes] if len(rank) else codes
