"""Who may hold the locks that a capture has goroutines waiting for, found after the pause by the executable's code.

The program leaves words of stacks that point into an object with such a lock (stream `hold`). A word counts where the
collector's stack map says that it is alive, in a frame that is inside of a critical section. Locks that aren't on the
heap are package-level variables, which code names directly: there it is a frame in such a section whose function refers
to one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from sey.binary.critical import CriticalSections
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.binary.pclntab import open_pclntab
from sey.binary.stackmaps import StackMaps
from sey.ir.locks import NO_OBJECT_SIZE, SEMAPHORES
from sey.ir.plan import PC_EXACT, Plan
from sey.runtime.capture import Holding
from sey.runtime.pages import Pages
from sey.runtime.symbols import stack_words

_MOST = 4096
"""Frames of this kind that are kept."""


def find_holdings(binary: GoBinary, plan: Plan, pages: Pages, bias: int) -> tuple[Holding, ...]:
    """What is known of holders, by the executable that was captured. Nothing where its tables are damaged."""
    streams = {stream.name: stream for stream in plan.streams}
    if "hold" not in streams or "lock" not in streams:
        return ()
    locks = pages.records(streams["lock"])
    if not len(locks):
        return ()
    try:
        finder = _Finder(binary, bias)
        found = finder.pointers(pages.records(streams["hold"]))
        if "stack" in streams:
            found += finder.variables(locks, stack_words(pages, streams["stack"])[1])
    except SeyError:
        return ()
    return tuple(found)


class _Finder:
    def __init__(self, binary: GoBinary, bias: int) -> None:
        table = open_pclntab(binary)
        self.bias, self.table = bias, table
        self.sections, self.maps = CriticalSections(table), StackMaps(table)
        self.line_at = cache(self._line_at)
        self.alive = cache(self._alive)

    def pointers(self, records: npt.NDArray[np.void]) -> list[Holding]:
        """The words of stacks that count. What is known of a place in a frame goes for all goroutines that have it."""
        places = np.stack([records[name].astype(np.uint64) for name in ("pc", "below", "callee_pc", "above")], axis=1)
        distinct, which = np.unique(places, axis=0, return_inverse=True)
        found = set[Holding]()
        for number, (pc, below, callee, above) in enumerate(distinct.tolist()):
            # The space above a callee's CFA holds its arguments; below that of the frame are the frame's own variables.
            for owner, offset, inward in ((pc, -below, 0), (callee, above, 1)):
                line = self.line_at(owner) if owner else None
                if line is None or not self.alive(owner, offset):
                    continue
                for record in records[which.reshape(-1) == number][: _MOST - len(found)]:
                    word, frame = int(record["word"]), int(record["frame"]) - inward
                    found.add(Holding(int(record["g"]), frame, owner, word, line))
        return sorted(found, key=lambda h: (h.g, h.frame, h.word))

    def variables(self, locks: npt.NDArray[np.void], pcs: npt.NDArray[np.uint64]) -> list[Holding]:
        """Frames in a section whose function refers to a lock that is a variable."""
        wanted = locks["semaphore"][locks["object_size"] == NO_OBJECT_SIZE]
        found = []
        for pc in np.unique(pcs).tolist() if len(wanted) else ():
            line = self.line_at(pc)
            if line is None:
                continue
            code = (pc & ~PC_EXACT) - self.bias
            for semaphore in wanted.tolist():
                for address in (semaphore - place for place in SEMAPHORES):
                    if self.sections.refers(code, address - self.bias):
                        found.append(Holding(0, 0, pc, address, line))
        return found

    def _line_at(self, pc: int) -> int | None:
        return self.sections.locked_at((pc & ~PC_EXACT) - self.bias, exact=bool(pc & PC_EXACT))

    def _alive(self, pc: int, offset: int) -> bool:
        """Whether a slot at an offset from a frame's CFA is alive; an interrupted frame has no map of its own."""
        if pc & PC_EXACT:
            return True
        slots = self.maps.live((pc & ~PC_EXACT) - self.bias - 1)
        return slots is not None and not slots.dead(offset) and (offset >= 0 or slots.locals is not None)
