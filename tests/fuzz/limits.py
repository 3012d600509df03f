"""A command run in a child with limits of time and memory, and how it ended."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sey.binary.errors import Exit
from sey.cli.main import main

_OUT_OF_MEMORY = "SEY0901"
_RESERVED = 3 << 30
"""Address space that DuckDB and LLVM set aside and never touch."""
# Ended by an error whose cause is the file, by a result, or by a spec that doesn't fit what is left of the binary.
FINE = {Exit.DONE, Exit.SPEC, Exit.USAGE, Exit.TARGET, Exit.NOTHING, Exit.FILE}


@dataclass(frozen=True)
class Limits:
    """`seconds` of processor time, and `memory` bytes beyond what the parent has resident."""

    seconds: int
    memory: int


@dataclass(frozen=True)
class Ending:
    """How a command ended: `status` is negative for a signal, `grown` in bytes, `output` both streams' end."""

    arguments: tuple[str, ...]
    status: int
    seconds: float
    grown: int
    output: str
    limits: Limits

    @property
    def fault(self) -> str | None:
        """What was wrong with it; None where it ended as it should."""
        if self.status == -signal.SIGXCPU or self.status == -signal.SIGALRM:
            return "hang"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        if self.grown > self.limits.memory or _OUT_OF_MEMORY in self.output:
            return "balloon"
        # What the kernel refuses of a probe is the host's answer.
        if self.status not in FINE and not (self.status == Exit.HOST and self.arguments[0] == "snapshot"):
            return f"exit {self.status}"
        return "traceback" if "Traceback" in self.output else None


def run(arguments: Sequence[str], limits: Limits, scratch: Path) -> Ending:
    """Run one command of `sey` in a fork of this process."""
    began = time.monotonic()
    output = scratch / "output"
    child = os.fork()
    if child == 0:
        _become(arguments, limits, output)
    _, status, usage = os.wait4(child, 0)
    text = output.read_bytes()[-4000:].decode(errors="replace")
    grown = usage.ru_maxrss * 1024 - _resident()
    return Ending(tuple(arguments), os.waitstatus_to_exitcode(status), time.monotonic() - began, grown, text, limits)


def _become(arguments: Sequence[str], limits: Limits, output: Path) -> None:
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + limits.memory + _RESERVED,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(20 * limits.seconds)  # a wait without work is a hang too
    status = int(Exit.BUG)
    try:
        status = main(list(arguments))
    finally:
        os._exit(status)


def _mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
