"""Whether a process, running or dumped, looks as a table of releases says: before what that leads to is believed.

Only for executables without debug information (`binary.layouts`). A wrong offset reads some other field: here that
would be goroutines without their stacks, threads that the process doesn't have, a main goroutine that isn't number 1.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sey.binary.errors import Exit, Problem, SeyError
from sey.binary.gobinary import GoBinary
from sey.binary.layouts import Layout, Shape, layout_of
from sey.binary.pclntab import PclnTab, open_pclntab
from sey.runtime.dump import Dump
from sey.runtime.process import Process, read_memory

_ATTEMPTS = 5
_GOROUTINES = 64
_THREADS = 1 << 16
_SCAN_BIT = 0x1000
_SYSCALL = 3
_WAITING = 4
_WITHOUT_STACK = (0, 6, 11)
_STATUSES = (0, 1, 2, 3, 4, 6, 8, 9, 10, 11)  # runtime/runtime2.go
_MAX_STACK = 1 << 30


@dataclass(frozen=True)
class LayoutDoubtful(Problem):
    """The process isn't laid out as the table of releases says, so that nothing of it can be believed."""

    code: ClassVar[str] = "SEY0653"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "process {pid} does not look like a program of Go {release}: {reason}"
    help: ClassVar[str | None] = (
        "it has no debug information, and the layout known for its release doesn't fit: build it without -ldflags=-w"
    )
    pid: int
    release: str
    reason: str


class _Doubt(Exception):  # noqa: N818 - never leaves this module
    pass


@dataclass(frozen=True)
class _Subject:
    """What is looked at. `read` gives as many bytes as can be read of those asked for; `first_thread` the id that the
    first thread knows itself by, None where that ended; `now_ns` the runtime's clock."""

    pid: int
    read: Callable[[int, int], bytes]
    first_thread: Callable[[], int | None]
    now_ns: Callable[[], int]


def check_dump(dump: Dump) -> None:
    """Compare the process of a core with the layout of its release. Raises SeyError as `check_layout` does."""

    def read(address: int, size: int) -> bytes:
        return dump.memory.read(address, size) or b""

    # Which of a core's threads was the first, it doesn't say. No clock is in it either.
    subject = _Subject(dump.pid, read, lambda: None, lambda: 1 << 63)
    _check(subject, dump.binary, dump.bias, attempts=1)


def check_layout(process: Process, binary: GoBinary, bias: int) -> None:
    """Compare a process with the layout of its release. It runs meanwhile, so it is given several tries.

    Raises SeyError (LayoutDoubtful) naming what doesn't fit.
    """
    thread = process.living_threads()[0]

    def first_thread() -> int | None:
        return process.namespace_tids((process.pid,)).get(process.pid) if process.leader_lives() else None

    read = partial(read_memory, process.pid, thread)
    subject = _Subject(process.pid, read, first_thread, time.monotonic_ns)
    _check(subject, binary, bias, _ATTEMPTS)


def _check(subject: _Subject, binary: GoBinary, bias: int, attempts: int) -> None:
    layout = layout_of(binary.build.version)
    release = binary.build.version.text.removeprefix("go")
    if layout is None:
        raise SeyError(LayoutDoubtful(subject.pid, release, "no layout of it is known"))
    reason = ""
    for _ in range(attempts):
        try:
            _Check(subject, binary, layout, bias).check()
        except _Doubt as doubt:
            reason = str(doubt)
        else:
            return
    raise SeyError(LayoutDoubtful(subject.pid, release, reason))


class _Check:
    def __init__(self, subject: _Subject, binary: GoBinary, layout: Layout, bias: int) -> None:
        self.subject, self.elf, self.layout, self.bias = subject, binary.elf, layout, bias
        self.table: PclnTab = open_pclntab(binary)
        self.threads = {0}
        """Addresses of the runtime.m there are, and 0 for none."""

    def check(self) -> None:
        self._module()
        self._wait_reasons()
        self._threads()
        self._goroutines()

    def _bytes(self, address: int, size: int, what: str) -> bytes:
        data = self.subject.read(address, size)
        _expect(len(data) == size, f"{what} at {address:#x} can't be read")
        return data

    def _word(self, address: int, what: str) -> int:
        return _u64(self._bytes(address, 8, what), 0)

    def _variable(self, name: str) -> int:
        symbol = self.elf.symbol(name)
        if symbol is None:
            raise _Doubt(f"there is no symbol {name}")
        return symbol.value + self.bias

    def _struct(self, name: str, address: int) -> Mapping[str, int]:
        """The fields of a struct in the process, by their paths."""
        shape = self.layout.types[name]
        data = self._bytes(address, shape.size, name)
        return {path: int.from_bytes(data[at : at + size], "little") for path, at, size in _leaves(shape, "", 0)}

    def _module(self) -> None:
        module = self._struct("runtime.moduledata", self._variable("runtime.firstmoduledata"))
        code = (self.table.module.text + self.bias, self.table.module.etext + self.bias)
        _expect((module["text"], module["etext"]) == code, "its code is somewhere else")

    def _wait_reasons(self) -> None:
        name = "runtime.waitReasonStrings"
        words = self._bytes(self._variable(name), self.layout.variables[name].size, name)
        for at in range(16, len(words), 16):
            address, length = struct.unpack_from("<QQ", words, at)
            _expect(0 < length <= 64, f"reason {at // 16} for waiting has {length} bytes")
            _expect(self._bytes(address, length, name).isascii(), f"reason {at // 16} for waiting is no text")

    def _goroutines(self) -> None:
        count = self._word(self._variable("runtime.allglen"), "runtime.allglen")
        _expect(0 < count < 1 << 32, f"there would be {count} goroutines")
        first = min(count, _GOROUTINES)
        array = self._word(self._variable("runtime.allgptr"), "runtime.allgptr")
        addresses = struct.unpack(f"<{first}Q", self._bytes(array, 8 * first, "runtime.allgptr"))
        goids = set()
        for number, address in enumerate(addresses):
            g = self._struct("runtime.g", address)
            _expect(number > 0 or g["goid"] == 1, f"the first goroutine has number {g['goid']}")
            _expect(number > 0 or g["parentGoid"] == 0, f"the first goroutine has a parent, {g['parentGoid']}")
            if self._goroutine(address, g):
                _expect(g["goid"] not in goids, f"two goroutines have number {g['goid']}")
                goids.add(g["goid"])
        _expect(bool(goids), "no goroutine would have a stack")

    def _goroutine(self, address: int, g: Mapping[str, int]) -> bool:
        """Whether it has a stack."""
        status = g["atomicstatus"] & ~_SCAN_BIT
        _expect(status in _STATUSES, f"a goroutine has status {status}")
        if status in _WITHOUT_STACK:
            return False
        which = f"goroutine {g['goid']}"
        size = g["stack.hi"] - g["stack.lo"]
        _expect(0 < g["goid"] < 1 << 62, f"a goroutine has number {g['goid']}")
        _expect(2048 <= size <= _MAX_STACK and size & (size - 1) == 0, f"{which} has a stack of {size} bytes")
        _expect(g["sched.g"] == address, f"{which} isn't the one that it resumes")
        _expect({g["m"], g["lockedm"]} <= self.threads, f"{which} is on no thread that there is")
        # Not more: each P takes 16 numbers at once (_GoidCacheBatch), so a parent's may be above its child's.
        _expect(g["parentGoid"] != g["goid"], f"{which} is its own parent")
        _expect(g["waitsince"] <= self.subject.now_ns(), f"{which} waits since some time to come")
        if status == _WAITING:
            self._on_stack(which, g, "sched.sp", "sched.pc")
            reasons = self.layout.variables["runtime.waitReasonStrings"].length or 0
            _expect(0 < g["waitreason"] < reasons, f"{which} waits for reason {g['waitreason']}")
        if status == _SYSCALL and g["syscallsp"]:
            self._on_stack(which, g, "syscallsp", "syscallpc")
        if g["startpc"] or g["gopc"]:  # Those for threads of C have neither.
            function = self.table.function_at(g["startpc"] - self.bias)
            begins = function is not None and function.entry == g["startpc"] - self.bias
            _expect(begins, f"{which} begins at {g['startpc']:#x}, where no function does")
            _expect(self._is_code(g["gopc"]), f"{which} was started outside of the program's code")
        return True

    def _on_stack(self, which: str, g: Mapping[str, int], sp: str, pc: str) -> None:
        _expect(g["stack.lo"] < g[sp] <= g["stack.hi"], f"{which} is not on its stack")
        _expect(self._is_code(g[pc]), f"{which} is outside of the program's code")

    def _is_code(self, pc: int) -> bool:
        return self.table.module.text <= pc - self.bias < self.table.module.etext

    def _threads(self) -> None:
        back = self.layout.types["runtime.g"].offset("m")
        assert back is not None
        at = self._word(self._variable("runtime.allm"), "runtime.allm")
        while at:
            _expect(len(self.threads) < _THREADS, "its threads have no end")
            self.threads.add(at)
            m = self._struct("runtime.m", at)
            # runtime.allocm puts a thread into the list before it makes the g0 of it.
            made = m["g0"] or not m["alllink"]
            for name in ("g0", "gsignal") if made else ("gsignal",):
                _expect(self._word(m[name] + back, name) == at, f"the {name} of a thread belongs to another one")
            _expect(m["incgo"] <= 1, f"the incgo of a thread is {m['incgo']}")
            if not m["alllink"]:
                self._first_thread(m["procid"])
            at = m["alllink"]

    def _first_thread(self, procid: int) -> None:
        """The first thread of a process is the oldest of Go's, and the last in its list."""
        own = self.subject.first_thread()
        _expect(own is None or procid == own, f"its first thread would be number {procid}")


def _leaves(shape: Shape, prefix: str, base: int) -> list[tuple[str, int, int]]:
    """All fields that are not structs themselves: path, offset, size."""
    found = []
    for name, offset, inner in shape.fields:
        path, at = f"{prefix}{name}", base + offset
        found += _leaves(inner, f"{path}.", at) if inner.fields else [(path, at, inner.size)]
    return found


def _u64(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<Q", data, at)[0])


def _expect(truth: bool, reason: str) -> None:
    if not truth:
        raise _Doubt(reason)
