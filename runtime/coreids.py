"""The ids that the threads of a core know themselves by, where whoever dumped it saw other ones.

The kernel writes the ids of the process's own pid namespace. A debugger outside of a container writes those of its own,
and Go has noted the inner ones. The way from a thread to what Go noted is that of the runtime itself: its g in
thread-local storage, the m of that, and the id there. Where these fields are comes from the table of releases
(`binary.layouts`), and is only followed to an m that is in the runtime's list of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sey.binary.corememory import CoreMemory
from sey.binary.gobinary import GoBinary
from sey.binary.layouts import layout_of

_MOST = 1 << 16
"""Threads that are followed."""
_G_SLOT = 8
"""Bytes below fs_base at which a thread of an executable has its g."""


def own_ids(binary: GoBinary, bias: int, memory: CoreMemory, threads: npt.NDArray[np.void]) -> npt.NDArray[np.int32]:
    """For each of the threads (array of THREAD) its id in its innermost pid namespace; that of the core if unknown."""
    found = threads["tid"].copy()
    known = _Runtime(binary, bias, memory)
    noted = known.noted()
    if not noted or set(noted.values()) & set(found.tolist()):
        return found  # No other namespace: Go has noted some of these very ids.
    for number, base in enumerate(threads["fs_base"].tolist()):
        inner = noted.get(known.m_of(base))
        if inner is not None:
            found[number] = inner
    return found


class _Runtime:
    """What is needed of the runtime in a core."""

    def __init__(self, binary: GoBinary, bias: int, memory: CoreMemory) -> None:
        self._memory = memory
        symbol, layout = binary.elf.symbol("runtime.allm"), layout_of(binary.build.version)
        self._list = symbol.value + bias if symbol and layout else 0
        types = layout.types if layout else {}
        offsets = [types[name].offset(path) if layout else 0 for name, path in _FIELDS]
        self._m, self._procid, self._next = (offset or 0 for offset in offsets)

    def noted(self) -> dict[int, int]:
        """The ids that Go noted, by the address of each runtime.m that it lists."""
        found: dict[int, int] = {}
        at = self._word(self._list) if self._list else 0
        while at and at not in found and len(found) < _MOST:
            found[at] = self._word(at + self._procid) & 0x7FFFFFFF
            at = self._word(at + self._next)
        return {m: procid for m, procid in found.items() if procid}

    def m_of(self, fs_base: int) -> int:
        """The address of a thread's runtime.m, or something else for one that isn't Go's."""
        g = self._word(fs_base - _G_SLOT)
        return self._word(g + self._m) if g else 0

    def _word(self, address: int) -> int:
        data = self._memory.read(address, 8) if address > 0 else None
        return int.from_bytes(data, "little") if data else 0


_FIELDS = (("runtime.g", "m"), ("runtime.m", "procid"), ("runtime.m", "alllink"))
