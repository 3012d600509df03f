"""What the trap of a probe costs on this machine, measured in a little code of our own.

The time in the program a hit measures itself; the trap around it only the kernel could. So a loop calls two functions
of a memory file, one probed where the kernel emulates the instruction, one where it is single-stepped. That takes a few
ms of a processor, in a thread of its own; until it is done, and where it isn't possible, constants stand for it.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import threading
import time
from dataclasses import dataclass

import numpy as np

from sey.binary.errors import SeyError
from sey.runtime import libc
from sey.runtime.events.kernel import empty_program, multi_link, several_at_once

_LINK_CREATE = 28
_LOOP = bytes.fromhex("ffd6 48ffcf 75f9 c3")  # call rsi; dec rdi; jnz to the call; ret
_EMULATED = bytes.fromhex("55 5d c3")  # push rbp; pop rbp; ret
_STEPPED = bytes.fromhex("4889c0 55 5d c3")  # mov rax, rax, then the same
_EMULATED_AT, _STEPPED_AT = 16, 32
_ROUNDS, _EMULATED_CALLS, _STEPPED_CALLS = 8, 400, 60


@dataclass(frozen=True)
class TrapCost:
    """Nanoseconds of a hit around the program: where the kernel emulates the instruction, and where it runs it in
    another place. `measured`: here, just now."""

    emulated: float
    stepped: float
    measured: bool = False


USUAL = TrapCost(1_000, 14_000)
"""On Linux 6.18, in a virtual machine (AMD EPYC)."""


class Calibration:
    """Measures in the background; `cost` is what is known by now."""

    def __init__(self) -> None:
        self.cost = USUAL
        threading.Thread(target=self._run, name="calibration", daemon=True).start()

    def _run(self) -> None:
        measured = measure()
        if measured is not None:
            self.cost = measured


@functools.cache
def calibration() -> Calibration:
    """The one of this process."""
    return Calibration()


def measure() -> TrapCost | None:
    """Measure now; None where this host can't: no links of many uprobes, or no running of code from a memory file."""
    try:
        if os.uname().machine != "x86_64" or not several_at_once():
            return None
        return _measure()
    except (OSError, SeyError):
        return None


def _measure() -> TrapCost:
    """Raises OSError, SeyError."""
    file = os.memfd_create("sey", os.MFD_CLOEXEC)
    try:
        code = bytearray(mmap.PAGESIZE)
        for at, part in ((0, _LOOP), (_EMULATED_AT, _EMULATED), (_STEPPED_AT, _STEPPED)):
            code[at : at + len(part)] = part
        os.write(file, code)
        with mmap.mmap(file, mmap.PAGESIZE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC) as memory:
            page = np.frombuffer(memory, np.uint8)
            try:
                return _probed(file, page.ctypes.data)
            finally:
                del page  # else the mapping can't be closed
    finally:
        os.close(file)


def _probed(file: int, start: int) -> TrapCost:
    """What the code at an address, which is that of a file, takes more of with probes. Raises OSError, SeyError."""
    alone = _each(start, _EMULATED_AT, _EMULATED_CALLS)
    path = ctypes.create_string_buffer(f"/proc/self/fd/{file}".encode())
    places, cookies = (ctypes.c_uint64 * 2)(_EMULATED_AT, _STEPPED_AT), (ctypes.c_uint64 * 2)()
    program = empty_program()
    try:
        link = libc.bpf(_LINK_CREATE, multi_link(program, path, places, cookies, os.getpid()))
        try:
            emulated = _each(start, _EMULATED_AT, _EMULATED_CALLS) - alone
            stepped = _each(start, _STEPPED_AT, _STEPPED_CALLS) - alone
        finally:
            os.close(link)
    finally:
        os.close(program)
    if not 0 < emulated < stepped:
        raise OSError("the probes weren't hit")
    return TrapCost(emulated, stepped, measured=True)


def _each(start: int, function: int, calls: int) -> float:
    """Nanoseconds of a call, in the round that was disturbed least."""
    loop = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64)(start)
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter_ns()
        loop(calls, start + function)
        best = min(best, (time.perf_counter_ns() - began) / calls)
    return best
