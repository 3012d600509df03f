"""Runs of bytes to Arrow strings, many at once."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sey.runtime.pages import I64Array, U8Array, U64Array, run_indices, run_starts

_GATHER = 1 << 22
"""Bytes gathered at a time; each takes 8 bytes of index."""

_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint8).reshape(256, 2)

_NEEDED = np.ones(256, dtype=np.int64)
"""Bytes of the character that begins with this one; 1 for what begins none."""
_NEEDED[0xC2:0xE0], _NEEDED[0xE0:0xF0], _NEEDED[0xF0:0xF5] = 2, 3, 4

BoolArray = npt.NDArray[np.bool_]


@lru_cache(maxsize=1 << 10)
def constant(*texts: str | None) -> pa.StringArray:
    """These texts. Kept: for each array of Python's strings pyarrow looks for pandas in the file system, 0.1 ms."""
    return pa.array(texts, pa.string())


def gather(data: U8Array, starts: I64Array, lengths: I64Array) -> tuple[U8Array, I64Array]:
    """The runs laid end to end, and where each begins there (one more: the end)."""
    offsets = run_starts(lengths)
    if offsets[-1] <= _GATHER:
        return data[run_indices(starts, lengths)], offsets
    parts = []
    cuts = np.searchsorted(offsets, np.arange(0, int(offsets[-1]) + _GATHER, _GATHER))
    for low, high in itertools.pairwise(cuts.tolist()):
        part = slice(low, min(high, len(lengths)))
        parts.append(data[run_indices(starts[part], lengths[part])])
    return np.concatenate(parts), offsets


def rows_of(data: U8Array, starts: I64Array, size: int) -> U8Array:
    """A matrix whose row i are the `size` bytes from `starts[i]`."""
    if size == 0 or not len(starts):
        return np.zeros((len(starts), size), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(data, size)
    return np.asarray(windows[starts])


def utf8(data: U8Array, starts: I64Array, lengths: I64Array, cut: BoolArray) -> pa.StringArray:
    """Strings; bytes that are not UTF-8 appear as `\\xNN`. Where `cut`, an incomplete last character is left out."""
    lengths = lengths - _incomplete(data, starts, lengths) * cut
    joined, offsets = gather(data, starts, lengths)
    if not _all_valid(joined, offsets):
        joined, offsets = _escaped(joined, offsets)
    return string_array(joined, offsets)


def hexadecimal(data: U8Array, starts: I64Array, lengths: I64Array) -> pa.StringArray:
    """Bytes as lower-case hexadecimal digits."""
    joined, offsets = gather(data, starts, lengths)
    return string_array(_HEX[joined].reshape(-1), offsets * 2)


def string_array(joined: U8Array, offsets: I64Array) -> pa.StringArray:
    """The Arrow strings at `offsets` of `joined`, which must be UTF-8."""
    count = len(offsets) - 1
    if offsets[-1] < 1 << 31:
        offset_buffer = pa.py_buffer(offsets.astype(np.int32))
        return pa.StringArray.from_buffers(count, offset_buffer, pa.py_buffer(joined))
    raise MemoryError("more than 2 GiB of text in one column")


def hex_words(words: U64Array) -> pa.StringArray:
    """Addresses as `0x…`."""
    distinct, which = np.unique(words, return_inverse=True)
    return pa.array([f"{word:#x}" for word in distinct.tolist()], pa.string()).take(pa.array(which.reshape(-1)))


def _all_valid(joined: U8Array, offsets: I64Array) -> bool:
    """Whether every string is UTF-8 by itself."""
    if not len(joined) or int(joined.max()) < 0x80:
        return True
    try:
        bytes(joined).decode()
    except UnicodeDecodeError:
        return False
    firsts = joined[offsets[:-1][np.diff(offsets) > 0]]
    return not bool(np.any((firsts & 0xC0) == 0x80))


def _escaped(joined: U8Array, offsets: I64Array) -> tuple[U8Array, I64Array]:
    """The strings with every byte that is not part of UTF-8 written out. Only those with such bytes are looked at."""
    high = np.concatenate(([0], np.cumsum(joined >= 0x80)))
    suspicious = np.flatnonzero(high[offsets[1:]] > high[offsets[:-1]])
    raw = bytes(joined)
    replaced: dict[int, bytes] = {}
    for at in suspicious.tolist():
        part = raw[offsets[at] : offsets[at + 1]]
        text = part.decode(errors="backslashreplace").encode()
        if text != part:
            replaced[at] = text
    pieces, last = [], 0
    lengths = np.diff(offsets)
    for at, text in replaced.items():
        pieces += [raw[last : offsets[at]], text]
        last = int(offsets[at + 1])
        lengths[at] = len(text)
    pieces.append(raw[last:])
    return np.frombuffer(b"".join(pieces), dtype=np.uint8), run_starts(lengths)


def _incomplete(data: U8Array, starts: I64Array, lengths: I64Array) -> I64Array:
    """How many bytes at the end of each run begin a UTF-8 character that doesn't end in it (0 to 3)."""
    result: I64Array = np.zeros(len(starts), dtype=np.int64)
    open_ = np.ones(len(starts), dtype=np.bool_)  # only continuation bytes so far, from the end
    for back in (1, 2, 3):
        open_ &= lengths >= back
        byte = data[np.where(open_, starts + lengths - back, 0)] if len(data) else np.zeros(len(starts), dtype=np.uint8)
        needed = _NEEDED[byte]
        result[open_ & (needed > back)] = back
        open_ &= (byte & 0xC0) == 0x80
    return result
