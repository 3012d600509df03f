"""Counts how often instructions of a file are run, by uprobes of perf events: no BPF, and nothing of sey."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

UPROBE_TYPE = Path("/sys/bus/event_source/devices/uprobe/type")
_PERF_EVENT_OPEN = 298
_ATTR_SIZE, _CONFIG_AT = 128, 56
_CLOSE_ON_EXEC = 8
_LIBC = ctypes.CDLL(None, use_errno=True)


def open_uprobe(file: Path, offset: int, *, pid: int = -1, cpu: int = -1) -> int:
    """A perf event that counts how often a thread, or all on one processor, run what is at an offset of a file.

    To close it takes the kernel a tenth of a second. Raises OSError where it refuses.
    """
    path = ctypes.create_string_buffer(str(file).encode())
    attributes = bytearray(_ATTR_SIZE)
    struct.pack_into("<II", attributes, 0, int(UPROBE_TYPE.read_text()), _ATTR_SIZE)
    struct.pack_into("<QQ", attributes, _CONFIG_AT, ctypes.addressof(path), offset)
    raw = (ctypes.c_char * _ATTR_SIZE).from_buffer(attributes)
    found: int = _LIBC.syscall(_PERF_EVENT_OPEN, raw, pid, cpu, -1, _CLOSE_ON_EXEC)
    if found < 0:
        raise OSError(ctypes.get_errno(), "perf_event_open", str(file))
    return found


def hits(executable: Path, offsets: Iterable[int]) -> tuple[str, dict[int, int]]:
    """Runs a program of which no other process runs; what it prints, and how often it ran the instruction at each of
    the offsets in its file."""
    # Threads inherit no uprobes (clone fails), so all of them are kept on one processor.
    cpu = min(os.sched_getaffinity(0))
    events = dict[int, int]()
    try:
        for offset in set(offsets):
            events[offset] = open_uprobe(executable, offset, cpu=cpu)
        done = subprocess.run(
            [str(executable)],
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        )
        return done.stdout, {at: int.from_bytes(os.read(event, 8), "little") for at, event in events.items()}
    finally:
        for event in events.values():
            os.close(event)
