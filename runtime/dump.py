"""The core of a Go process with its executable, opened and checked: what a snapshot of a core starts from."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sey.binary.core_problems import CoreIncomplete, ExecutableNeeded, OtherExecutable
from sey.binary.coreexec import match_executable, named_executable
from sey.binary.corefile import CoreFile, open_core
from sey.binary.corememory import CoreMemory, dumped, with_executable
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary, open_go
from sey.runtime.coreids import own_ids
from sey.runtime.pause import GENERAL_WORDS, RSP, THREAD

_MOST_STRINGS = 1 << 16
_LONGEST_STRING = 1 << 17
"""What Linux takes as one argument or variable of the environment (MAX_ARG_STRLEN)."""


@dataclass(frozen=True)
class Dump:
    """A process as its core has it.

    `executable` is the path that it ran, as the process knew it; `binary` the file that stands for it here. `found`
    says that this file was not named by the user but by the core. `memory` reads the process's memory, `threads` is
    an array of THREAD.
    """

    core: CoreFile
    binary: GoBinary
    executable: str
    found: bool
    bias: int
    memory: CoreMemory = field(repr=False)
    threads: npt.NDArray[np.void] = field(repr=False)

    @property
    def path(self) -> str:
        """The path of the core."""
        return self.core.path

    @property
    def pid(self) -> int:
        """The process's id, as whoever dumped it saw it."""
        return self.core.notes.pid or int(self.core.notes.threads["tid"][0])

    def command(self) -> list[str]:
        """The arguments that it was started with, as Go's runtime kept them; empty where they can't be read."""
        return self._strings[0]

    def environment(self) -> list[str]:
        """The environment that it was started with."""
        return self._strings[1]

    @cached_property
    def _strings(self) -> tuple[list[str], list[str]]:
        count, vector = (self._variable(f"runtime.{name}", size) for name, size in (("argc", 4), ("argv", 8)))
        if not count or not vector or not 0 < count < _MOST_STRINGS:
            return [], []
        arguments = self._vector(vector, count)
        return arguments, self._vector(vector + 8 * (count + 1), _MOST_STRINGS)

    def _variable(self, name: str, size: int) -> int | None:
        symbol = self.binary.elf.symbol(name)
        data = self.memory.read(symbol.value + self.bias, size) if symbol else None
        return None if data is None else int.from_bytes(data, "little")

    def _vector(self, address: int, most: int) -> list[str]:
        """The strings that pointers from an address on lead to, up to a nil one."""
        found: list[str] = []
        while len(found) < most:
            word = self.memory.read(address + 8 * len(found), 8)
            start = int.from_bytes(word, "little") if word else 0
            text = self.memory.text(start, _LONGEST_STRING) if start else None
            if text is None:
                break
            found.append(text)
        return found

    def latest_ns(self) -> int:
        """The last time that the scheduler noted before the dump, on the runtime's clock; 0 where it is unknown.

        `lastpoll` is the second word of runtime.sched in Go 1.21 to 1.27; it is 0 while a thread waits in the poller.
        """
        version = self.binary.build.version
        symbol = self.binary.elf.symbol("runtime.sched")
        if symbol is None or (version.major, version.minor) > (1, 27):
            return 0
        data = self.memory.read(symbol.value + self.bias + 8, 8)
        found = int(struct.unpack("<q", data)[0]) if data else 0
        return max(found, 0)


def open_dump(path: str, executable: str | None) -> Dump:
    """Open a core with its executable; without one, with the file that the core names, if that still is it.

    Raises SeyError: the core or the executable can't be read, they don't belong together, the program isn't Go's.
    """
    core = open_core(path)
    if not len(core.notes.threads):
        raise SeyError(CoreIncomplete(path, "the threads of the process (NT_PRSTATUS)"))
    memory = dumped(core)
    named = named_executable(core, memory)
    if executable is None:
        binary, bias = _named_binary(core, memory, named)
    else:
        binary = open_go(executable)
        bias = match_executable(core, memory, binary)
    threads = _threads(core)
    _require_stacks(core, memory, threads)
    known = named or os.path.abspath(binary.elf.path)
    threads["ns_tid"] = own_ids(binary, bias, memory, threads)
    return Dump(core, binary, known, executable is None, bias, with_executable(memory, binary.elf, bias), threads)


def _named_binary(core: CoreFile, memory: CoreMemory, named: str) -> tuple[GoBinary, int]:
    if not named:
        raise SeyError(ExecutableNeeded(core.path, "it doesn't say which that is"))
    if not os.path.isabs(named) or not os.path.exists(named):
        raise SeyError(ExecutableNeeded(core.path, f"there is no {named} here"))
    binary = open_go(named)
    try:
        return binary, match_executable(core, memory, binary)
    except SeyError as error:
        if not isinstance(error.problems[0], OtherExecutable):
            raise
        raise SeyError(ExecutableNeeded(core.path, f"{named} is another build now")) from None


def _threads(core: CoreFile) -> npt.NDArray[np.void]:
    stored = core.notes.threads
    words = stored["general"][:, list(GENERAL_WORDS)]
    found = np.zeros(len(stored), THREAD)
    found["tid"] = stored["tid"]
    found["pc"], found["fs_base"], found["call"] = words[:, 0], words[:, 1], words[:, 2].view("<i8")
    found["gpr"] = words[:, 3:]
    running = found["call"] < 0
    found["xmm"][running] = stored["xmm"][running][:, ::2]
    return found


def _require_stacks(core: CoreFile, memory: CoreMemory, threads: npt.NDArray[np.void]) -> None:
    """A core with no stack of any thread was dumped without the process's own memory."""
    if all(memory.read(address, 8) is None for address in threads["gpr"][:, RSP].tolist()):
        raise SeyError(CoreIncomplete(core.path, "the memory of the process: no thread's stack is in it"))
