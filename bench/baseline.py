"""Runs `baseline.c`: what copying the same stacks costs a hand-written C program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.common import ROOT, SCRATCH
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.debuginfo.runtime_facts import field_offset, global_address


@dataclass(frozen=True)
class Copied:
    """One pass over all goroutines: nanoseconds of the clock and of the processor, bytes of stacks."""

    wall_ns: int
    cpu_ns: int
    bytes: int


class Baseline:
    """A running `baseline` for one process. Raises RuntimeError where it ends; its own words are on stderr."""

    def __init__(self, pid: int, executable: Path, bias: int = 0) -> None:
        info = open_debug_info(str(executable))
        slots = [field_offset(info, "runtime.g", path) for path in ("sched.sp", "atomicstatus", "parentGoid")]
        g_size = -(-max(slot.offset + slot.size for slot in slots) // 8) * 8
        globals_ = [bias + global_address(info, f"runtime.{name}") for name in ("allgptr", "allglen")]
        arguments = [pid, *globals_, g_size, slots[0].offset, slots[1].offset]
        self._process = subprocess.Popen(
            [str(compiled()), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.goroutines, self.bytes = self._ask(b"p")

    def stacks(self) -> Copied:
        """Copy each used stack in one piece, 1024 a call; where they are was found out before."""
        return Copied(*self._ask(b"s"))

    def goroutines_and_stacks(self) -> Copied:
        """Read every g first, to learn where the stacks are."""
        return Copied(*self._ask(b"g"))

    def _ask(self, command: bytes) -> list[int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the baseline ended with status {self._process.wait()}")
        return [int(word) for word in answer.split()]

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


def compiled() -> Path:
    """The compiled baseline, made again when its source is newer."""
    source, output = ROOT / "bench" / "baseline.c", SCRATCH / "baseline"
    if not output.exists() or output.stat().st_mtime < source.stat().st_mtime:
        SCRATCH.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-o", str(output), str(source)], check=True)
    return output
