"""What a command that died may have left: objects in the kernel, traced or stopped threads, processes."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_BPF = 321  # The number of bpf(2) on amd64.
_NEXT_ID = {"program": 11, "map": 12, "link": 31}  # BPF_*_GET_NEXT_ID, include/uapi/linux/bpf.h.
_WORDS = {"program": "prog_id", "map": "map_id", "link": "link_id"}  # What /proc/PID/fdinfo calls their numbers.
_TOLD = re.compile(r"^(\w+):\s*(\d+)$", re.MULTILINE)

_libc = ctypes.CDLL(None, use_errno=True)


def bpf_objects() -> set[tuple[str, int]]:
    """Every BPF program, map and link that the kernel has now, but for those that other running processes hold."""
    every = {(kind, number) for kind, command in _NEXT_ID.items() for number in _ids(command)}
    return every - {each for pid in _others() for each in _held(pid)}


def _others() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _held(pid: int) -> Iterator[tuple[str, int]]:
    """The objects that a process has descriptors of."""
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("anon_inode:bpf"):
                    told = dict(_TOLD.findall(Path(f"/proc/{pid}/fdinfo/{fd}").read_text()))
                    yield from ((kind, int(told[word])) for kind, word in _WORDS.items() if word in told)


def _ids(command: int) -> list[int]:
    found, last = list[int](), 0
    while True:
        attributes = (ctypes.c_uint32 * 4)(last)
        if _libc.syscall(_BPF, command, attributes, ctypes.sizeof(attributes)) < 0:
            code = ctypes.get_errno()
            if code != errno.ENOENT:
                raise OSError(code, os.strerror(code))
            return found
        last = attributes[1]
        found.append(last)


def thread_states(pid: int) -> dict[int, str]:
    """The kernel's letter for each thread: `t` is stopped by a tracer, `T` by a signal."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            found[int(tid)] = Path(f"/proc/{pid}/task/{tid}/stat").read_text().rpartition(")")[2].split()[0]
    return found


def tracers(pid: int) -> set[int]:
    """The processes that trace threads of `pid`."""
    found = set()
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            found.add(tracer(pid, int(tid)))
    return found - {0}


def tracer(pid: int, tid: int) -> int:
    """The process that traces a thread, 0 for none. Raises OSError where the thread is gone."""
    text = Path(f"/proc/{pid}/task/{tid}/status").read_text()
    return int(text.partition("TracerPid:")[2].split()[0])


def session_members(session: int) -> set[int]:
    """The processes of a session that still run."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] not in "ZX":
                    found.add(int(name))
    return found


def soon(holds: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether something comes to hold; other tests may keep the machine busy meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return holds()
