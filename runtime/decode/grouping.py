"""Equal rows found, and words taken out of rows, many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sey.runtime.pages import I64Array, U8Array, U64Array

BoolArray = npt.NDArray[np.bool_]


def word(raw: U8Array, number: int) -> U64Array:
    """Word `number` of each row."""
    return word_at(raw, number * 8)


def word_at(raw: U8Array, offset: int) -> U64Array:
    """The word at byte `offset` of each row."""
    return np.ascontiguousarray(raw[:, offset : offset + 8]).view("<u8").reshape(-1)


def distinct(present: BoolArray, *keys: npt.NDArray[Any]) -> tuple[I64Array, I64Array]:
    """Group the `present` rows by equal keys: one row of each group, and for every row its group's number or -1."""
    chosen = np.flatnonzero(present).astype(np.int64)
    index: I64Array = np.full(len(present), -1, dtype=np.int64)
    if not len(chosen):
        return chosen, index
    code, span = np.zeros(len(chosen), dtype=np.int64), 1
    for key in keys:
        part, values = _ranked(key[chosen])
        if span * values >= 1 << 62:
            _, code = np.unique(code, return_inverse=True)
            _, part = np.unique(part, return_inverse=True)
            span = values = len(chosen)
        code, span = code * values + part, span * values
    if span <= 4 * len(chosen):
        first, group = _counted(code, span)
    else:
        _, first, group = np.unique(code, return_index=True, return_inverse=True)
    index[chosen] = group
    return chosen[first], index


def _counted(code: I64Array, span: int) -> tuple[I64Array, I64Array]:
    """As np.unique's index and inverse, without sorting: `code` is below `span`."""
    first = np.full(span, -1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code) - 1, -1, -1)
    there = first >= 0
    return first[there], (np.cumsum(there) - 1)[code]


def _ranked(key: npt.NDArray[Any]) -> tuple[I64Array, int]:
    """The key as numbers from 0 in the same order, and a bound above them: by distance where that is small."""
    low, high = int(key.min()), int(key.max())
    if high - low < 1 << 40:
        return (key - key.dtype.type(low)).astype(np.int64), high - low + 1
    values, rank = np.unique(key, return_inverse=True)
    return rank.astype(np.int64), len(values)
