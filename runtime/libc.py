"""The system calls that Python lacks, by ctypes: process_vm_readv(2), bpf(2), and the sizes they need.

ptrace(2) isn't here: all of it happens in `tracer.py`, which runs as a process of its own and imports nothing of sey.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Sequence

_libc = ctypes.CDLL(None, use_errno=True)

_SYS_BPF = {"x86_64": 321, "aarch64": 280}
# The kernel takes at most this many pieces in one call (UIO_MAXIOV, include/uapi/linux/uio.h).
_MAX_PIECES = 1024


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


_libc.process_vm_readv.argtypes = (
    ctypes.c_int,
    ctypes.POINTER(_Iovec),
    ctypes.c_ulong,
    ctypes.POINTER(_Iovec),
    ctypes.c_ulong,
    ctypes.c_ulong,
)
_libc.process_vm_readv.restype = ctypes.c_ssize_t
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long
_libc.syscall.restype = ctypes.c_long


def read_memory(pid: int, address: int, size: int) -> bytes:
    """`size` bytes of the memory of `pid`; fewer where the range runs into unmapped memory, none where it starts there.

    Raises OSError (ESRCH: the process ended, EPERM: not permitted); a fault is not an error.
    """
    buffer = ctypes.create_string_buffer(size)
    local = _Iovec(ctypes.addressof(buffer), size)
    remote = _Iovec(address, size)
    got = _libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    if got < 0:
        code = ctypes.get_errno()
        if code in (errno.EFAULT, errno.EIO):
            return b""
        raise OSError(code, os.strerror(code))
    return buffer.raw[:got]


def read_many(pid: int, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Like `read_memory` for many (address, size) ranges, in as few calls as the kernel allows."""
    found: list[bytes] = []
    while len(found) < len(ranges):
        batch = ranges[len(found) : len(found) + _MAX_PIECES]
        sizes = [size for _, size in batch]
        buffer = ctypes.create_string_buffer(sum(sizes))
        local = _Iovec(ctypes.addressof(buffer), sum(sizes))
        remote = (_Iovec * len(batch))(*(_Iovec(address, size) for address, size in batch))
        got = _libc.process_vm_readv(pid, ctypes.byref(local), 1, remote, len(batch), 0)
        if got < 0:
            got = 0
        start = 0
        for size in sizes:
            if start + size > got:
                break
            found.append(buffer.raw[start : start + size])
            start += size
        else:
            continue
        # The range that faulted ends a call; ask for it alone to learn how much of it is there, then go on behind it.
        address, size = ranges[len(found)]
        found.append(read_memory(pid, address, size))
    return found


_NOBODY = (1 << 31) - 1  # pids end below 1 << 22
_PTRACE_DETACH = 17


def filtered() -> str | None:
    """The call that looks into processes and that a seccomp filter refuses us; None where it is none.

    Asked about a process that can't exist, the kernel says that there is none; a filter says the same as of any other.
    """
    if int(_libc.ptrace(_PTRACE_DETACH, _NOBODY, None, None)) < 0 and ctypes.get_errno() != errno.ESRCH:
        return "ptrace"
    try:
        read_memory(_NOBODY, 0, 8)
    except ProcessLookupError:
        return None
    except OSError:
        return "process_vm_readv"
    return None


def bpf(command: int, attributes: bytes | ctypes.Array[ctypes.c_char]) -> int:
    """bpf(2) with the raw bytes of `union bpf_attr`; returns the call's result. Raises OSError.

    A mutable buffer is handed over as it is, so that the kernel's answers can be read from it.
    """
    number = _SYS_BPF.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if isinstance(attributes, bytes):
        attributes = ctypes.create_string_buffer(attributes, len(attributes))
    result = int(_libc.syscall(number, command, ctypes.byref(attributes), len(attributes)))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
