"""Memory for machine code: zero pages that cost nothing until they are touched."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
_TOUCHED = 64 << 20
"""How much is touched at most: the rest may never be used."""


def zeroed(size: int, *, touched: bool = False) -> npt.NDArray[np.uint8]:
    """So many zero bytes. `touched`: have the pages now and not at their first use, when the target may be paused."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
    if touched and size <= _TOUCHED:
        flags |= mmap.MAP_POPULATE
    return np.frombuffer(mmap.mmap(-1, max(1, size), flags=flags), np.uint8)[:size]
