"""What the running kernel has for events: uprobes, by one link for many of them, and where the thread's TLS is kept."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import struct
from pathlib import Path

from sey.binary.errors import SeyError
from sey.runtime import features, libbpf, libc
from sey.runtime.bpf_errors import bpf_not_permitted
from sey.runtime.features import LackingError
from sey.runtime.host_errors import KernelLacks

UPROBE_MULTI = 48
"""BPF_TRACE_UPROBE_MULTI of enum bpf_attach_type, include/uapi/linux/bpf.h."""
_UPROBES = Path("/sys/bus/event_source/devices/uprobe/type")
_PROG_LOAD, _LINK_CREATE = 5, 28
_TYPE_KPROBE, _F_SLEEPABLE = 2, 1 << 4
_MULTI_SINCE = (6, 10)
"""Links of many uprobes came with 6.6, but watched one thread of a process instead of all before 6.10."""
_STRUCT, _UNION = 4, 5  # BTF_KIND_*, include/uapi/linux/btf.h
_LEAVE = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def require_events() -> None:
    """Raise SeyError where this kernel has no uprobes that events could be made of, or doesn't let us."""
    try:
        uprobes()
        sleepable()
    except LackingError as lacking:
        raise SeyError(KernelLacks(os.uname().release, str(lacking))) from None


def uprobes() -> str:
    """Whether uprobes can be opened as perf events. Raises LackingError."""
    if not _UPROBES.exists():
        raise LackingError("uprobes as perf events (CONFIG_UPROBE_EVENTS)")
    return "there"


def sleepable() -> str:
    """Load a uprobe program that may read memory which has to be paged in first. Raises LackingError, SeyError."""
    try:
        os.close(_load(0))
    except OSError:
        raise LackingError("sleepable uprobe programs, which came with Linux 6.0") from None
    return "loads"


@functools.cache
def several_at_once() -> bool:
    """Whether one link can attach many uprobes to one process. Raises SeyError where BPF isn't permitted."""
    if features.release() < _MULTI_SINCE:
        return False
    try:
        program = empty_program()
    except OSError:
        return False
    try:
        # An offset that no instruction is probed at: the path is looked at after the shape of the request.
        path = ctypes.create_string_buffer(b"/proc/self/fd/-1")
        os.close(libc.bpf(_LINK_CREATE, multi_link(program, path, (ctypes.c_uint64 * 1)(), (ctypes.c_uint64 * 1)(), 0)))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        os.close(program)
    return False


def multi_link(
    program: int,
    path: ctypes.Array[ctypes.c_char],
    offsets: ctypes.Array[ctypes.c_uint64],
    cookies: ctypes.Array[ctypes.c_uint64],
    pid: int,
) -> bytes:
    """The attributes of BPF_LINK_CREATE for many uprobes of a program; `pid` 0 is any process.

    They hold addresses: what they were made of has to live until the call.
    """
    places = (ctypes.addressof(path), ctypes.addressof(offsets), 0, ctypes.addressof(cookies))
    return struct.pack("<4I4Q3I4x", program, 0, UPROBE_MULTI, 0, *places, len(offsets), 0, pid)


def empty_program() -> int:
    """A program that does nothing, for links of many uprobes: its descriptor. Raises OSError, SeyError."""
    return _load(UPROBE_MULTI)


def _load(attach: int) -> int:
    """Load a sleepable program that does nothing. Raises OSError, SeyError."""
    code = ctypes.create_string_buffer(_LEAVE, len(_LEAVE))
    license_text = ctypes.create_string_buffer(b"Dual BSD/GPL")
    attributes = struct.pack(
        "<2I2Q2IQ2I16s2I",
        *(_TYPE_KPROBE, len(_LEAVE) // 8, ctypes.addressof(code), ctypes.addressof(license_text)),
        *(0, 0, 0, 0, _F_SLEEPABLE, b"sey_doctor", 0, attach),
    )
    try:
        return libc.bpf(_PROG_LOAD, attributes.ljust(128, b"\0"))
    except PermissionError:
        raise SeyError(bpf_not_permitted()) from None


@functools.cache
def thread_pointer_offset() -> int:
    """The offset of `thread.fsbase` in the kernel's task_struct, from its type information; 0 where it isn't told."""
    lib = libbpf.library()
    try:
        types = lib.pointer("btf__load_vmlinux_btf")
    except OSError:
        return 0
    try:
        found = _member(lib, types, lib.call("btf__find_by_name_kind", types, b"task_struct", _STRUCT), "thread")
        inner = found and _member(lib, types, found[1], "fsbase")
        return found[0] + inner[0] if found and inner else 0
    except OSError:
        return 0
    finally:
        lib.raw("btf__free")(types)


def _member(lib: libbpf.Library, types: int, number: int, wanted: str) -> tuple[int, int] | None:
    """The offset in bytes and the type of a member of a struct. Raises OSError."""
    place = lib.pointer("btf__type_by_id", types, number)
    _, info = struct.unpack("<2I", ctypes.string_at(place, 8))
    if info >> 24 & 31 not in (_STRUCT, _UNION):
        return None
    packed, count = info >> 31, info & 0xFFFF
    for name, kind, offset in struct.iter_unpack("<3I", ctypes.string_at(place + 12, 12 * count)):
        text = lib.raw("btf__name_by_offset")(types, name)
        if text == wanted.encode():
            return (offset & 0xFFFFFF if packed else offset) // 8, kind
    return None


def own_pid_namespace() -> bool:
    """Whether the ids of processes are those that the kernel itself counts by."""
    # The first pid namespace has this inode in every kernel (PROC_PID_INIT_INO, include/linux/proc_ns.h).
    return re.fullmatch(r"pid:\[4026531836\]", os.readlink("/proc/self/ns/pid")) is not None
