"""What the instructions of a program work on: its memories, its output, its functions' registers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sey.backends.interp.errors import ProgramTrapped
from sey.backends.interp.format import Bytecode, Function, Handler
from sey.binary.errors import SeyError
from sey.ir.evaluate import Fault, TargetMemory
from sey.ir.nodes import FAULT_FULL, FAULT_READ, MAX_RECORD_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES

_WORK_A_LOOK = 4096
"""Work between two looks at the clock, about: instructions."""
_LARGE = 4096
"""Bytes that take longer to copy than an instruction does otherwise."""


@dataclass
class _OpenPage:
    """The page that a stream is written to: its number, and bytes used with the header."""

    number: int
    used: int


@dataclass
class State:
    """All memories, zero at the start. See `Machine` for the fields."""

    program: Bytecode
    memory: TargetMemory
    pages: int = 64
    clock: Callable[[], int] = time.monotonic_ns
    capacities: Mapping[str, int] = field(default_factory=dict)
    stop_ns: int | None = None
    buffers: dict[str, bytearray] = field(init=False)
    """The bytes of each buffer and its slack, to write before the run and to read after it."""
    dicts: dict[str, dict[int, int]] = field(init=False)
    """Entries by name of the dict; those of host dicts may be filled before the run."""
    _output: list[bytearray] = field(init=False, default_factory=list)
    _open: dict[int, _OpenPage] = field(init=False, default_factory=dict)
    _work: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.buffers = {b.name: bytearray(b.size + b.slack) for b in self.program.buffers}
        self.dicts = {each.name: {} for each in self.program.dicts}
        self.functions: list[Runner] = []

    def output(self) -> tuple[bytes, ...]:
        """The pages that were claimed, in order, each of PAGE_BYTES."""
        return tuple(map(bytes, self._output))

    def turn(self, work: int) -> None:
        """Count a turn of a loop or a call: `work` instructions. Raises SeyError where the program's time is over."""
        self._spend(work)

    def _spend(self, work: int) -> None:
        self._work += work
        if self._work < _WORK_A_LOOK:
            return
        self._work = 0
        if self.stop_ns is not None and time.monotonic_ns() > self.stop_ns:
            raise SeyError(ProgramTrapped("it ran on after its time"))

    # Output

    def claim(self, stream: int, size: int) -> int:
        """The position of `size` bytes in the stream's page, or in a new one where it has none or they don't fit."""
        page = self._open.get(stream)
        if page is None or page.used + size > PAGE_BYTES:
            page = self._open[stream] = self._new_page(stream)
        position = page.number * PAGE_BYTES + page.used
        page.used += size
        self._output[page.number][4:8] = (page.used - PAGE_HEADER_BYTES).to_bytes(4, "little")
        return position

    def _new_page(self, stream: int) -> _OpenPage:
        if len(self._output) >= self.pages:
            raise Fault(FAULT_FULL, 0)
        page = bytearray(PAGE_BYTES)
        page[0:4] = (stream + 1).to_bytes(4, "little")
        self._output.append(page)
        return _OpenPage(len(self._output) - 1, PAGE_HEADER_BYTES)

    def inside(self, record: int, offset: int, place: int, length: int) -> tuple[bytearray, int]:
        """The page, and where in it, of `length` bytes of a record. Raises SeyError where they are outside of it."""
        number, start = divmod(record, PAGE_BYTES)
        at = start + offset % MAX_RECORD_BYTES + place
        if number >= len(self._output) or start < PAGE_HEADER_BYTES or at + length > PAGE_BYTES:
            raise SeyError(ProgramTrapped("it reached outside of its output"))
        return self._output[number], at

    # The target

    def copy_in(self, destination: bytearray, at: int, address: int, length: int) -> None:
        """Bytes of the target; where one of them can't be read all of the destination is zero, and a fault."""
        if length == 0:
            return
        if length > _LARGE:
            self._spend(length // 256)
        data = self.memory.read(address, length)
        destination[at : at + length] = data or bytes(length)
        if data is None:
            raise Fault(FAULT_READ, address)


Registers = list[int]
Step = Callable[[Registers], int]
"""Runs an instruction on the registers; the number of the next one, or one below 0 at the function's end."""


class Runner:
    """A function, ready to be called."""

    def __init__(self, function: Function, steps: list[Step]) -> None:
        self._steps = steps
        self._parameters = function.parameters
        self._fresh = [0] * function.variables + list(function.constants)
        self._handlers = innermost(function) if function.handlers else []
        self.work = len(steps)
        """How many instructions a call runs, loops apart, at most."""

    def call(self, arguments: list[int]) -> int:
        """The function's result, 0 where it has none. Raises Fault."""
        registers = self._fresh.copy()
        registers[: self._parameters] = arguments
        steps, at = self._steps, 0
        while True:
            try:
                while at >= 0:
                    at = steps[at](registers)
                return registers[~at - 1] if at < -1 else 0
            except Fault as fault:
                at = self._caught(at, fault, registers)

    def _caught(self, at: int, fault: Fault, registers: Registers) -> int:
        """Where to go on after a fault: at the innermost handler. Raises the fault again where there is none."""
        handler = self._handlers[at] if self._handlers else None
        if handler is None:
            raise fault
        registers[handler.code], registers[handler.detail] = fault.code, fault.detail
        return handler.target


def innermost(function: Function) -> list[Handler | None]:
    """The innermost handler of each instruction, which is the one listed last."""
    found: list[Handler | None] = []
    open_: list[Handler] = []
    coming = deque(function.handlers)
    for at in range(len(function.code)):
        while coming and coming[0].start == at:
            open_.append(coming.popleft())
        while open_ and open_[-1].end <= at:
            open_.pop()
        found.append(open_[-1] if open_ else None)
    return found
