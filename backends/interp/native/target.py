"""The target's memory for machine code: what the host's functions tell of pages and single reads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sey.backends.interp.native.context import PAGE_LIMIT, PAGE_SLOTS_LOG2, RING_PAGES, Word
from sey.backends.interp.native.memory import Allotment
from sey.backends.interp.native.pieces import PAGE, Windows
from sey.ir.evaluate import TargetMemory

_NEVER = (1 << 64) - 1
_DONE, _UNREADABLE, _FAILED = 0, 1, 2
_SINGLE = 1
"""In the place of a pointer: a page that only single reads can tell of."""

_Word = ctypes.c_uint64
_Window = ctypes.CFUNCTYPE(_Word, ctypes.c_void_p, _Word)
_Read = ctypes.CFUNCTYPE(_Word, ctypes.c_void_p, _Word, _Word, ctypes.c_void_p)
_Clock = ctypes.CFUNCTYPE(_Word, ctypes.c_void_p)


class Target:
    """Functions that the code calls, with what they need. An error in one ends the run and is kept in `error`.

    A memory may have, beside `read`, a `window(address)`: start and contents of a stretch of whole readable pages of
    4096 bytes that holds the address; nothing where that page can't be read; None where single reads are to be tried.
    Or it has `ranges()`: all that can be read, as start addresses, ascending, with the bytes from there.
    Where it is the memory of a process it may have the number of a `thread` of it, and the code reads by itself, asking
    for windows only of what it can't read.
    """

    def __init__(
        self,
        memory: TargetMemory,
        words: npt.NDArray[np.uint64],
        clock: Callable[[], int] | None,
        room: Allotment,
    ) -> None:
        self._memory, self._words = memory, words
        self._windows: list[npt.NDArray[np.uint8]] = []
        self.error: BaseException | None = None
        self._table = room.zeroed(16 << PAGE_SLOTS_LOG2, touched=True)
        words[Word.PAGES] = self._table.ctypes.data
        words[Word.LAST_PAGE] = _NEVER
        self._functions = [_Read(self._guarded(self._read))]
        words[Word.READ] = _address(self._functions[0])
        self._look: Callable[[int], tuple[int, Any] | None] | None = getattr(memory, "window", None)
        if (ranges := getattr(memory, "ranges", None)) is not None:
            self._look = Windows(ranges()).window
        if self._look is not None:
            self._provide(Word.WINDOW, _Window(self._guarded(self._window)))
        if (thread := getattr(memory, "thread", None)) is not None:
            self._ring = room.zeroed(RING_PAGES * PAGE, touched=True)
            self._owners = room.zeroed(RING_PAGES * 8, touched=True)
            words[Word.THREAD] = thread
            words[Word.RING], words[Word.OWNERS] = self._ring.ctypes.data, self._owners.ctypes.data
        if clock is not None:
            self._clock = clock
            self._provide(Word.CLOCK, _Clock(self._guarded(self._time)))

    def _provide(self, word: Word, function: Any) -> None:
        self._functions.append(function)
        self._words[word] = _address(function)

    def forget(self) -> None:
        """Let go of all windows."""
        self._windows.clear()
        self._table[:] = 0
        self._words[Word.SEEN] = 0
        self._words[Word.LAST_PAGE] = _NEVER

    def _guarded(self, function: Callable[..., int]) -> Callable[..., int]:
        """The function, without the context, and never raising."""

        def call(_: int, *arguments: int) -> int:
            try:
                return function(*arguments)
            except BaseException as error:
                self.error = error
                return _FAILED

        return call

    def _time(self) -> int:
        self._words[Word.SCRATCH] = self._clock() & _NEVER
        return _DONE

    def _read(self, address: int, length: int, place: int) -> int:
        data = self._memory.read(address, length)
        if data is None:
            return _UNREADABLE
        ctypes.memmove(place, bytes(data[:length]).ljust(length, b"\0"), length)
        return _DONE

    def _window(self, address: int) -> int:
        assert self._look is not None
        words = self._words
        if words[Word.SEEN] > PAGE_LIMIT:
            self.forget()
        found = self._look(address)
        words[Word.PIECE_PAGES] = 0
        words[Word.PIECE_POINTER] = _SINGLE if found is None else 0
        if found is None or len(found[1]) == 0:
            return _DONE
        start, data = found
        pages = len(data) // PAGE
        if start % PAGE or not start <= address < start + pages * PAGE:
            raise ValueError(f"a window of {len(data)} bytes at {start:#x} for {address:#x}")
        view = np.frombuffer(data, np.uint8)
        self._windows.append(view)
        words[Word.PIECE], words[Word.PIECE_PAGES] = start // PAGE, pages
        words[Word.PIECE_POINTER] = view.ctypes.data
        return _DONE


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
