"""Which thread has which place among the registers that a probe holds, where there can be more threads than places.

A thread that was stopped while it ran its own code comes first: the walk of its goroutine starts from its registers.
One inside a system call gives up its place for that, since Go noted where its goroutine stands before the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sey.ir.plan import THREAD_MAX


class Table(Protocol):
    """What keeps the places, by thread id: a dict, or a map in the kernel."""

    def __setitem__(self, tid: int, place: int) -> None: ...

    def __delitem__(self, tid: int) -> None: ...


class ThreadPlaces:
    """The places of one probe; `table` is the dict in which it finds a thread's by the id that Go noted for it."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: dict[int, int] = {}

    def expect(self, ns_tids: Iterable[int]) -> None:
        """Give threads their places before the pause, when there is time, as long as there are any."""
        for tid in ns_tids:
            if tid not in self._known and len(self._known) < THREAD_MAX:
                self._assign(tid, len(self._known))

    def of(self, threads: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
        """The place of each of the stopped threads (array of THREAD), -1 for those without one."""
        tids = threads["ns_tid"].tolist()
        if any(tid not in self._known for tid in tids):
            runs = threads["call"] < 0
            self._prefer(threads["ns_tid"][runs].tolist(), threads["ns_tid"][~runs].tolist())
        return np.array([self._known.get(tid, -1) for tid in tids], dtype=np.int64)

    def _prefer(self, running: list[int], in_calls: list[int]) -> None:
        """Give places to these threads in this order, where none is free those of threads that ended or come later."""
        in_order = running + sorted(in_calls, key=lambda tid: tid not in self._known)
        chosen = dict.fromkeys(in_order[:THREAD_MAX])
        others = [tid for tid in self._known if tid not in chosen]
        for tid in chosen.keys() - self._known.keys():
            if len(self._known) < THREAD_MAX:
                self._assign(tid, len(self._known))
                continue
            other = others.pop()
            place = self._known.pop(other)
            # It must not be found by the old id: there are other registers now.
            del self._table[other]
            self._assign(tid, place)

    def _assign(self, tid: int, place: int) -> None:
        self._known[tid] = place
        self._table[tid] = place
