"""Critical sections by their source: is a frame between a call that locks and the one that unlocks?

Go notes nowhere who holds a lock. But a function that takes one calls `sync.(*Mutex).Lock` (or what of it isn't
inlined: `lockSlow`, and `unlockSlow` of Unlock), and a frame whose line lies behind such a call, with an unlock or
nothing ahead, is inside of the section as far as the order of lines tells. Calls are found by their targets in the code
of the function.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from sey.binary.pclntab import PcFunc, PclnTab

_MUTEX = ("sync.(*Mutex)", "internal/sync.(*Mutex)")
_LOCKS = (
    *(f"{of}.{name}" for of in _MUTEX for name in ("Lock", "lockSlow")),
    *("sync.(*RWMutex).Lock", "sync.(*RWMutex).RLock", "sync.runtime_SemacquireRWMutexR"),
)
_UNLOCKS = (
    *(f"{of}.{name}" for of in _MUTEX for name in ("Unlock", "unlockSlow")),
    *("sync.(*RWMutex).Unlock", "sync.(*RWMutex).RUnlock", "sync.(*RWMutex).rUnlockSlow"),
)
_CALL = 0xE8
"""`call rel32` of amd64."""
_CALL_SIZE = 5

Order = tuple[int, ...]
"""Lines from the physical function inwards: what comes earlier in the source is less."""


class CriticalSections:
    """The critical sections of one executable. Addresses are link-time; every method may raise SeyError."""

    def __init__(self, table: PclnTab) -> None:
        self._table = table
        self._lock_entries = self._entries(_LOCKS)
        self._unlock_entries = self._entries(_UNLOCKS)
        self._calls = cache(self._find_calls)

    def _entries(self, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
        found = [self._table.find(name) for name in names]
        return np.array([function.entry for function in found if function is not None], dtype=np.int64)

    def locked_at(self, pc: int, *, exact: bool) -> int | None:
        """The line of the lock in whose section a frame at `pc` is, None where it is in none. `exact` as elsewhere."""
        function = self._table.function_at(pc)
        if function is None or function.name.startswith(("sync.", "internal/sync.", "runtime.")):
            return None
        here = self._order(pc, exact=exact)
        before = [call for call in self._calls(function.index) if call[0][: len(here)] < here]
        behind = [call for call in self._calls(function.index) if call[0][: len(here)] > here]
        locks = [order for order, locking in before if locking]
        if not locks:
            return None
        # `if … { mu.Unlock(); return }` ends no section: an unlock that comes next says more than one that came last.
        inside = not behind[0][1] if behind else before[-1][1]
        return locks[-1][0] if inside else None

    def refers(self, pc: int, address: int) -> bool:
        """Whether the function at `pc` has an operand, relative to its place, that is `address`."""
        function = self._table.function_at(pc)
        if function is None:
            return False
        starts, operands = self._operands(function)
        return bool(np.any(starts + 4 + operands == address))

    def _find_calls(self, index: int) -> list[tuple[Order, bool]]:
        """The calls that lock (True) or unlock in a function, in the order of lines."""
        function = self._table.function(index)
        starts, operands = self._operands(function)
        code = np.frombuffer(self._table.elf.read(function.entry, function.end - function.entry), dtype=np.uint8)
        if len(starts) < 2:
            return []
        targets = starts[1:] + 4 + operands[1:]
        is_call = code[: len(targets)] == _CALL
        found = []
        for entries, locking in ((self._lock_entries, True), (self._unlock_entries, False)):
            for at in np.flatnonzero(is_call & np.isin(targets, entries)).tolist():
                found.append((self._order(function.entry + at + _CALL_SIZE, exact=False), locking))
        return sorted(found)

    def _operands(self, function: PcFunc) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For each byte of a function that could begin an operand of four bytes: its address, and the operand."""
        code = np.frombuffer(self._table.elf.read(function.entry, function.end - function.entry), dtype=np.uint8)
        if len(code) < 4:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(code, 4))
        return function.entry + np.arange(len(windows)), windows.view("<i4").reshape(-1).astype(np.int64)

    def _order(self, pc: int, *, exact: bool) -> Order:
        frames = self._table.frames_at(pc, exact=exact)
        return tuple(frame.line for frame in reversed(frames))
