"""Holds the threads of a running target at one chosen instruction, so that a look at them is no matter of luck."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A jump to itself.
_SPIN = b"\xeb\xfe"


@dataclass(frozen=True)
class Instruction:
    """One of a function's instructions: link-time address, bytes, and how `go tool objdump` writes it."""

    address: int
    size: int
    text: str


def instructions(executable: Path, function: str, *, smallest: int = len(_SPIN)) -> list[Instruction]:
    """The instructions of a function by its name in the symbol table that a thread can be held at.

    Those of one byte are left out, unless `smallest` says otherwise: the jump reaches into the next, where a signal
    handler may be about to return to.
    """
    pattern = f"^{re.escape(function)}$"
    listing = subprocess.run(
        ["go", "tool", "objdump", "-s", pattern, str(executable)], capture_output=True, text=True, check=True
    ).stdout
    lines = re.findall(r"^\s+\S+:\d+\s+0x([0-9a-f]+)\s+([0-9a-f]+)\s+(.*\S)", listing, re.MULTILINE)
    found = [Instruction(int(address, 16), len(code) // 2, text) for address, code, text in lines]
    return [instruction for instruction in found if instruction.size >= smallest]


@contextlib.contextmanager
def frozen_at(pid: int, instruction: Instruction) -> Iterator[None]:
    """Whatever thread of the process (not a PIE) comes to the instruction stays there until the end of the block."""
    before = _write(pid, instruction.address, _SPIN)
    try:
        yield
    finally:
        _write(pid, instruction.address, before)


def threads_at(pid: int, address: int) -> int:
    """How many threads are about to run the instruction at an address."""
    with stopped(pid):
        return sum(pc == address for pc in _pcs(pid))


def _write(pid: int, address: int, code: bytes) -> bytes:
    with stopped(pid):
        memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        try:
            before = os.pread(memory, len(code), address)
            os.pwrite(memory, code, address)
        finally:
            os.close(memory)
    return before


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process as the job control of shells does, until the end of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while not all(_state(pid, tid) in "TtZX" for tid in os.listdir(f"/proc/{pid}/task")):
            time.sleep(0.0005)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _state(pid: int, tid: str) -> str:
    try:
        return Path(f"/proc/{pid}/task/{tid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _pcs(pid: int) -> list[int]:
    """The pcs of the threads that are stopped outside of system calls."""
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/task/{tid}/syscall").read_text().split()
            if words[0] == "-1":
                found.append(int(words[2], 16))
    return found
