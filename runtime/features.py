"""What the BPF of the running kernel has, found out by trying, each feature by itself: what is missing has a name.

All of it goes through bpf(2) with a few hand-assembled instructions: a runtime host has no compiler.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import re
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sey.binary.errors import SeyError
from sey.runtime import libbpf, libc
from sey.runtime.bpf_errors import bpf_not_permitted, rejection_reason

OLDEST = (6, 1)
"""The kernel that is the oldest one with everything; some older ones of distributions have it too."""

TYPE_INFORMATION = Path("/sys/kernel/btf/vmlinux")


class LackingError(Exception):
    """The kernel hasn't the feature; says what it answered."""


@dataclass(frozen=True)
class Feature:
    """Something that a probe needs of the kernel.

    `name` as in "this kernel lacks …", `since` the release of Linux that brought it. `attempt` tries it, says what it
    saw, and raises LackingError, OSError, or SeyError (not permitted, no libbpf).
    """

    name: str
    since: str
    attempt: Callable[[], str]


def release() -> tuple[int, int]:
    """The running kernel's major and minor number."""
    major, minor = re.findall(r"\d+", os.uname().release)[:2]
    return int(major), int(minor)


def missing_for_snapshots() -> Feature | None:
    """The first feature that snapshots through eBPF need and this kernel hasn't; takes 20 ms where it has all.

    Raises SeyError where it can't be tried.
    """
    for feature in SNAPSHOT_FEATURES:
        try:
            feature.attempt()
        except (LackingError, OSError):
            return feature
    return None


# include/uapi/linux/bpf.h
_MAP_CREATE, _PROG_LOAD, _LINK_CREATE, _ITER_CREATE = 0, 5, 28, 33
_ARRAY, _RING_BUFFER, _F_MMAPABLE = 2, 27, 1 << 10
_TYPE_TRACING, _TRACE_ITER, _F_SLEEPABLE = 26, 28, 1 << 4
_SEQ_WRITE, _LOOP, _COPY_FROM_USER_TASK = 127, 181, 191
_LOG_SIZE = 1 << 16
_NO_HELPER = re.compile(r"(?:unknown|invalid) func|cannot use helper")


def _type_information() -> str:
    if not TYPE_INFORMATION.exists():
        raise LackingError(f"{TYPE_INFORMATION} is missing")
    return f"{TYPE_INFORMATION}, {TYPE_INFORMATION.stat().st_size >> 10} KiB"


def _map(kind: int, key_size: int, value_size: int, entries: int, flags: int) -> int:
    try:
        attributes = struct.pack("<5I", kind, key_size, value_size, entries, flags)
        return libc.bpf(_MAP_CREATE, attributes.ljust(72, b"\0"))
    except PermissionError:
        raise SeyError(bpf_not_permitted()) from None
    except OSError as error:
        # EINVAL: no such kind of map, or no such flag; E2BIG: attributes that came later.
        if error.errno in (errno.EINVAL, errno.E2BIG):
            raise LackingError(f"the kernel refuses to make one: {error.strerror}") from None
        raise


def _mapped_array() -> str:
    """Create a map and see its memory, as the output of a probe is."""
    # A page: kernels before 5.11 count it against the memory that we may lock.
    fd = _map(_ARRAY, 4, mmap.PAGESIZE, 1, _F_MMAPABLE)
    try:
        with mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_SHARED) as memory:
            memory[:4] = b"sey\0"
    finally:
        os.close(fd)
    return "mapped memory works"


def _mapped_ring() -> str:
    """Create a ring buffer and see the pages that its reader does."""
    fd = _map(_RING_BUFFER, 0, 0, mmap.PAGESIZE, 0)
    try:
        with mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_SHARED) as consumer:
            consumer[:8] = bytes(8)
    finally:
        os.close(fd)
    return "mapped memory works"


def _task_iterator() -> str:
    """Load an iterator over tasks that does nothing."""
    os.close(_load(_LEAVE, 0))
    return "loads"


def _loops() -> str:
    return _helper(_LOOP, 0)


def _helper(number: int, flags: int) -> str:
    """Whether an iterator may call a helper: the verifier knows that before it looks at the arguments."""
    try:
        os.close(_load(_ins(_CALL, value=number) + _LEAVE, flags))
    except LackingError as error:
        if _NO_HELPER.search(str(error)):
            raise
    return "there"


def _sleepable_copy() -> str:
    """Read 8 bytes of our own memory through a sleepable task iterator, the way a snapshot reads its target."""
    wanted = ctypes.create_string_buffer(b"sey-read", 8)
    got = _run(_reader(ctypes.addressof(wanted), copies=True), _F_SLEEPABLE)
    if wanted.raw not in [got[start : start + 8] for start in range(0, len(got), 8)]:
        raise LackingError(f"a probe read {got[:64].hex()} where {wanted.raw.hex()} was")
    return "a probe reads the memory of a process"


def _one_thread() -> str:
    """Ask for the one task that we are. Kernels that don't know the question answer with all there are."""
    got = _run(_reader(0, copies=False), 0)
    if len(got) != 8:
        raise LackingError(f"asked for one thread, it ran on {len(got) // 8}")
    return "runs on one thread alone"


TYPES = Feature("type information (BTF)", "5.4", _type_information)
MAPPED_ARRAY = Feature("BPF maps that can be mapped into memory", "5.5", _mapped_array)
TASK_ITERATOR = Feature("BPF iterators over tasks", "5.8", _task_iterator)
LOOPS = Feature("the BPF helper bpf_loop", "5.17", _loops)
SLEEPABLE_COPY = Feature("the BPF helper bpf_copy_from_user_task", "5.18", _sleepable_copy)
ONE_THREAD = Feature("BPF iterators over one thread", "6.1", _one_thread)
SNAPSHOT_FEATURES = (TYPES, MAPPED_ARRAY, TASK_ITERATOR, LOOPS, SLEEPABLE_COPY, ONE_THREAD)
"""What snapshots through eBPF need, in the order in which Linux learned it."""

RING_BUFFER = Feature("BPF ring buffers", "5.8", _mapped_ring)
"""What events need beyond, and snapshots don't."""


def _run(code: bytes, flags: int) -> bytes:
    """What the iterator wrote when it ran for this thread."""
    opened = [_load(code, flags)]
    try:
        # union bpf_attr for BPF_LINK_CREATE and BPF_ITER_CREATE
        info = ctypes.create_string_buffer(struct.pack("<4I", threading.get_native_id(), 0, 0, 0), 16)
        place = (ctypes.addressof(info), len(info))
        link = struct.pack("<4IQI", opened[0], 0, _TRACE_ITER, 0, *place).ljust(64, b"\0")
        opened.append(libc.bpf(_LINK_CREATE, link))
        opened.append(libc.bpf(_ITER_CREATE, struct.pack("<2I", opened[-1], 0)))
        return os.read(opened[-1], 1 << 16)
    finally:
        for fd in reversed(opened):
            os.close(fd)


@functools.cache
def _tasks() -> int:
    """The iterator over tasks in the kernel's type information; reading that takes 10 ms."""
    return libbpf.iterator_type("task")


def _load(code: bytes, flags: int) -> int:
    """Load a task iterator. Raises LackingError with the verifier's last word."""
    try:
        attach = _tasks()
    except OSError as error:
        raise LackingError(f"the kernel's type information has none: {error.strerror}") from None
    buffer = ctypes.create_string_buffer(code, len(code))
    license_text = ctypes.create_string_buffer(b"Dual BSD/GPL")
    log = ctypes.create_string_buffer(_LOG_SIZE)
    # union bpf_attr for BPF_PROG_LOAD, up to attach_btf_id
    attributes = struct.pack(
        "<2I2Q2IQ2I16s4IQ2IQ2I",
        *(_TYPE_TRACING, len(code) // 8, ctypes.addressof(buffer), ctypes.addressof(license_text)),
        *(1, len(log), ctypes.addressof(log), 0, flags, b"sey_doctor"),
        *(0, _TRACE_ITER, 0, 0, 0, 0, 0, 0, 0, attach),
    )
    try:
        return libc.bpf(_PROG_LOAD, attributes.ljust(128, b"\0"))
    except OSError as error:
        if isinstance(error, PermissionError) and not log.value:
            raise SeyError(bpf_not_permitted()) from None
        raise LackingError(rejection_reason(log.value.decode(), str(error))) from None


_CALL, _EXIT, _SET, _MOVE, _ADD, _LOAD, _STORE_ZERO, _SKIP_IF_ZERO = 0x85, 0x95, 0xB7, 0xBF, 0x07, 0x79, 0x7A, 0x15
_WIDE = 0x18


def _ins(opcode: int, to: int = 0, of: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """One instruction; `to` and `of` are numbers of registers."""
    return struct.pack("<BBhi", opcode, of << 4 | to, offset, value)


_LEAVE = _ins(_SET) + _ins(_EXIT)


def _reader(address: int, *, copies: bool) -> bytes:
    """The program: `u64 v = 0; if (ctx->task) { bpf_copy_from_user_task(&v, 8, address, ctx->task, 0);
    bpf_seq_write(ctx->meta->seq, &v, 8); } return 0;`, where not `copies` without the first call."""
    low, high = struct.unpack("<2i", struct.pack("<Q", address))
    room = _ins(_MOVE, 1, 10) + _ins(_ADD, 1, value=-8)
    copy = b"".join(
        (
            *(room, _ins(_SET, 2, value=8)),
            *(_ins(_WIDE, 3, value=low), _ins(0, value=high)),  # one instruction of two slots: a 64-bit value
            *(_ins(_MOVE, 4, 7), _ins(_SET, 5), _ins(_CALL, value=_COPY_FROM_USER_TASK)),
        )
    )
    write = b"".join(
        (
            *(_ins(_MOVE, 2, 10), _ins(_ADD, 2, value=-8), _ins(_SET, 3, value=8)),
            *(_ins(_LOAD, 1, 6), _ins(_LOAD, 1, 1), _ins(_CALL, value=_SEQ_WRITE)),
        )
    )
    body = copy + write if copies else write
    start = _ins(_MOVE, 6, 1) + _ins(_LOAD, 7, 6, 8) + _ins(_STORE_ZERO, 10, offset=-8)
    return start + _ins(_SKIP_IF_ZERO, 7, offset=len(body) // 8) + body + _LEAVE
