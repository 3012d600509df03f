"""Runs verified bytecode in machine code; to its host it is the plain machine (`sey.backends.interp.machine`).

machine = NativeMachine(program, memory, pages=64)      # compiled, and all memory there, before the pause
machine.buffers["in_bias"][:8] = bias.to_bytes(8, "little")
machine.run()                                           # other threads go on meanwhile
machine.output(), machine.buffers["out_counters"]
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from sey.backends.interp.errors import ProgramTrapped
from sey.backends.interp.format import Bytecode
from sey.backends.interp.native.build import NotNative, build
from sey.backends.interp.native.context import DICT_WORDS, TURNS, Layout, Trap, Word
from sey.backends.interp.native.memory import Allotment
from sey.backends.interp.native.target import Target
from sey.binary.errors import SeyError
from sey.ir.evaluate import TargetMemory
from sey.ir.nodes import PAGE_BYTES

_NEVER = (1 << 64) - 1
_ENDED = 2
_FIRST_OUTPUT = 4 << 20
"""Bytes of output that most runs need."""
_REASONS = {Trap.OUTSIDE: "it reached outside of its output", Trap.LATE: "it ran on after its time"}


class NativeMachine:
    """A machine with all memories zero. `pages`: how many pages of output there are.

    `capacities` overrides what the program says of dicts. `stop_ns`: when, by the monotonic clock, a program is ended
    that has not ended itself. Raises NotNative (`build.py`) where there is no code for the program.
    """

    name = "native"

    def __init__(
        self,
        program: Bytecode,
        memory: TargetMemory,
        pages: int = 64,
        clock: Callable[[], int] = time.monotonic_ns,
        capacities: Mapping[str, int] | None = None,
        stop_ns: int | None = None,
    ) -> None:
        self._code = build(program)
        self._program, self._layout = program, Layout(program)
        self._words = np.zeros(self._layout.words, np.uint64)
        self.stop_ns = stop_ns
        self._room = Allotment()
        try:
            self._target = Target(memory, self._words, None if clock is time.monotonic_ns else clock, self._room)
            self._make_buffers()
            self._make_columns()
            self._make_dicts(capacities or {})
            self._output = self._room.zeroed(pages * PAGE_BYTES)
        except OSError as error:
            raise NotNative(f"there is no memory for it: {error.strerror}") from error
        self._output[:_FIRST_OUTPUT:4096] = 0  # have those pages now and not while the target is paused
        self._words[Word.OUTPUT] = self._output.ctypes.data
        self._words[Word.ROOM] = pages * PAGE_BYTES
        self._words[Word.TURNS] = TURNS
        self._words[Word.SEED] = secrets.randbits(64)

    def _make_buffers(self) -> None:
        *starts, end = self._layout.buffers()
        memory = self._room.zeroed(end, touched=True)
        self._words[Word.BUFFERS] = memory.ctypes.data
        pieces = zip(self._program.buffers, starts, strict=True)
        self._buffers = {b.name: memory[at : at + b.size + b.slack].data for b, at in pieces}

    def _make_columns(self) -> None:
        self._columns = [np.frombuffer(column.data, np.uint8) for column in self._program.columns]
        for number, data in enumerate(self._columns):
            self._words[self._layout.columns + number] = data.ctypes.data

    def _make_dicts(self, capacities: Mapping[str, int]) -> None:
        self._tables: dict[str, npt.NDArray[np.uint64]] = {}
        for declared, (each, first) in zip(self._program.dicts, self._dicts(), strict=True):
            capacity = capacities.get(each, declared.capacity)
            slots = 1 << (2 * max(1, capacity) - 1).bit_length()
            table = self._tables[each] = self._room.zeroed(16 * slots, touched=True).view(np.uint64).reshape(slots, 2)
            self._words[first : first + 4] = table.ctypes.data, slots - 1, 0, capacity

    def _dicts(self) -> Iterator[tuple[str, int]]:
        for number, each in enumerate(self._program.dicts):
            yield each.name, self._layout.dicts + number * DICT_WORDS

    @property
    def buffers(self) -> Mapping[str, memoryview]:
        """The bytes of each buffer and its slack, to write before the run and to read after it."""
        return self._buffers

    @property
    def stop_ns(self) -> int | None:
        """When a program is ended that has not ended itself; may be set by another thread while it runs."""
        stop = int(self._words[Word.STOP])
        return None if stop == _NEVER else stop

    @stop_ns.setter
    def stop_ns(self, stop_ns: int | None) -> None:
        self._words[Word.STOP] = _NEVER if stop_ns is None else max(0, stop_ns)

    def fill(self, name: str, entries: Mapping[int, int]) -> None:
        """Put entries into a host dict, before the run: no more than it has room for, the rest is left out."""
        first = dict(self._dicts())[name]
        pairs = np.array(list(entries.items()), np.uint64).reshape(-1, 2)
        self._code.fill(self._words.ctypes.data, first, pairs.ctypes.data, len(pairs))

    def entries(self, name: str) -> Mapping[int, int]:
        """The entries of a dict."""
        first = dict(self._dicts())[name]
        table = self._tables[name]
        used = table[table[:, 0] != 0]
        found = dict(zip(used[:, 0].tolist(), used[:, 1].tolist(), strict=True))
        there, value = self._words[first + 4 : first + 6].tolist()
        return found | {0: value} if there else found

    def run(self) -> None:
        """Run the program, which may be done once. Raises SeyError (SEY0772) where it has to be stopped, and what the
        memory or the clock raises."""
        status = self._code.run(self._words.ctypes.data)
        self._target.forget()
        if status != _ENDED:
            return
        if self._target.error is not None:
            raise self._target.error
        raise SeyError(ProgramTrapped(_REASONS[Trap(int(self._words[Word.TRAP]))]))

    def output(self) -> tuple[memoryview, ...]:
        """The pages that were claimed, in order, each of PAGE_BYTES."""
        claimed = int(self._words[Word.CLAIMED])
        return tuple(self._output[at : at + PAGE_BYTES].data for at in range(0, claimed, PAGE_BYTES))
