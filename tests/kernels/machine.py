"""Boots a kernel with an initramfs in QEMU and returns what the guest sent."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.kernels.debian import Kernel

TIMEOUT = 900
MEMORY_MIB = 3072


class GuestError(Exception):
    """The guest didn't come to its end; holds the end of its console."""


def boot(kernel: Kernel, initramfs: Path, work: Path) -> list[dict[str, Any]]:
    """Run the guest to its end. Raises GuestError; every message of it is a JSON object (see `guest`)."""
    console, messages = work / "console", work / "messages"
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        raise GuestError("no qemu-system-x86_64: apt-get install qemu-system-x86")
    # QEMU 7.2 emulates AVX2 wrongly: numpy's argsort, which uses it, comes out unsorted, and what was captured can't be
    # found again.
    command = [
        qemu, "-machine", "q35", "-cpu", "max,avx2=off", "-accel", "tcg,thread=multi", "-smp", "2",
        "-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot",
        "-serial", f"file:{console}", "-serial", f"file:{messages}",
        "-kernel", str(kernel.image), "-initrd", str(initramfs), "-append", "console=ttyS0 quiet panic=-1",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, timeout=TIMEOUT, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired as late:
        raise GuestError(f"no end within {TIMEOUT} s:\n{_tail(console)}") from late
    lines = messages.read_text().splitlines() if messages.exists() else []
    if done.returncode or not lines or "done" not in lines[-1]:
        raise GuestError(f"exit status {done.returncode} {done.stderr}\n{_tail(console)}")
    return [json.loads(line) for line in lines]


def _tail(console: Path) -> str:
    return console.read_text(errors="replace")[-4000:] if console.exists() else ""
