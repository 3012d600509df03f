"""Memory for machine code: zero pages that cost nothing until they are touched."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
_TOUCHED = 128 << 20
"""How much a machine touches at most before it runs: the rest may never be used."""


class Allotment:
    """Gives memory to one machine."""

    def __init__(self) -> None:
        self._left = _TOUCHED

    def zeroed(self, size: int, *, touched: bool = False) -> npt.NDArray[np.uint8]:
        """So many zero bytes. `touched`: have the pages now and not at their first use, when the target may be paused.

        Raises OSError where there is no room for them.
        """
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        if touched and size <= self._left:
            self._left -= size
            flags |= mmap.MAP_POPULATE
        return np.frombuffer(mmap.mmap(-1, max(1, size), flags=flags), np.uint8)[:size]
