"""What this host can do for sey, found out by trying, with what to do where it can't.

The checks of BPF go through bpf(2) with a few hand-assembled instructions: a runtime host has no compiler.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import resource
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sey.binary.errors import SeyError
from sey.runtime import libbpf, libc
from sey.runtime.bpf_errors import bpf_not_permitted, lockdown, rejection_reason
from sey.runtime.pause import paused
from sey.runtime.process import Process, ptrace_scope


@dataclass(frozen=True)
class Finding:
    """One thing of the host: whether it is there, what was seen, and what to do where it isn't.

    Snapshots through eBPF need every `required` one. `advice` is empty where there is nothing to do.
    """

    name: str
    ok: bool
    required: bool
    detail: str
    advice: str = ""


# include/uapi/linux/capability.h
_CAPABILITIES = {"CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}


def examine() -> tuple[Finding, ...]:
    """Try everything; takes some 100 ms. Never raises: a check that fails in an unknown way is a finding too."""
    return tuple(_guarded(name, check) for name, check in _CHECKS.items())


class _TroubleError(Exception):
    """A check's answer is no: what was seen, and what to do."""

    def __init__(self, detail: str, advice: str = "") -> None:
        super().__init__(detail)
        self.advice = advice


def _guarded(name: str, check: Callable[[], str]) -> Finding:
    required = name in _REQUIRED
    try:
        return Finding(name, True, required, check())
    except _TroubleError as trouble:
        return Finding(name, False, required, str(trouble), trouble.advice)
    except SeyError as error:
        problem = error.problems[0]
        return Finding(name, False, required, problem.message(), problem.advice() or "")
    except OSError as error:
        return Finding(name, False, required, str(error))


def _kernel() -> str:
    release = os.uname().release
    numbers = tuple(map(int, re.findall(r"\d+", release)[:2]))
    if numbers < (6, 1):
        raise _TroubleError(release, "probes need Linux 6.1 or newer")
    return release


def _machine() -> str:
    machine = os.uname().machine
    if machine != "x86_64":
        raise _TroubleError(machine, "this version captures amd64 programs, on amd64 hosts")
    return machine


def _user() -> str:
    effective = int(re.findall(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())[0], 16)
    held = [name for name, number in _CAPABILITIES.items() if effective >> number & 1]
    return f"uid {os.geteuid()} with {', '.join(held) or 'none of the capabilities that sey uses'}"


def _libbpf() -> str:
    found = libbpf.library()
    return f"{found.version} at {found.path}"


def _type_information() -> str:
    path = Path("/sys/kernel/btf/vmlinux")
    if not path.exists():
        raise _TroubleError(f"{path} is missing", "the kernel needs CONFIG_DEBUG_INFO_BTF=y, as distributions build it")
    return f"{path}, {path.stat().st_size >> 10} KiB"


def _pausing() -> str:
    """Pause a child of ours the way a target is paused."""
    with subprocess.Popen((sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)")) as child:
        try:
            with paused(Process.look(child.pid)) as pause:
                pass
        finally:
            child.kill()
    return f"a process with one thread stood still for {pause.pause_ns / 1e6:.1f} ms"


def _yama() -> str:
    scope = ptrace_scope()
    if scope == 3:
        raise _TroubleError("kernel.yama.ptrace_scope is 3: nobody may trace", "reboot with a lower setting")
    if scope and os.geteuid():
        raise _TroubleError(f"kernel.yama.ptrace_scope is {scope}", "run sey as root")
    return "not built in" if scope is None else f"kernel.yama.ptrace_scope is {scope}"


def _locked_down() -> str:
    mode = lockdown()
    if mode == "confidentiality":
        raise _TroubleError(mode, "boot with lockdown=integrity: BPF may not read memory now")
    return mode


def _pid_namespace() -> str:
    # The first pid namespace has this inode in every kernel (PROC_PID_INIT_INO, include/linux/proc_ns.h).
    nested = os.readlink("/proc/self/ns/pid") != "pid:[4026531836]"
    if os.readlink("/proc/self") != str(os.getpid()):
        raise _TroubleError("/proc belongs to another pid namespace", "mount the /proc of this one")
    return "a nested one: only its processes can be captured" if nested else "the host's"


def _memory_lock() -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return "unlimited" if soft == resource.RLIM_INFINITY else f"{soft >> 10} KiB (kernels since 5.11 don't ask)"


def _mounted(kind: str, at: str) -> Callable[[], str]:
    def check() -> str:
        for line in Path("/proc/mounts").read_text().splitlines():
            device_at_kind = line.split()
            if device_at_kind[2] == kind:
                return f"at {device_at_kind[1]}"
        return f"not mounted (mount -t {kind} {kind} {at}); sey gets along without"

    return check


_BPF_MAP_CREATE, _BPF_PROG_LOAD, _BPF_LINK_CREATE, _BPF_ITER_CREATE = 0, 5, 28, 33
_MAP_ARRAY, _F_MMAPABLE = 2, 1 << 10
_TYPE_TRACING, _TRACE_ITER, _F_SLEEPABLE = 26, 28, 1 << 4
_COPY_FROM_USER_TASK, _SEQ_WRITE = 191, 127
_LOG_SIZE = 1 << 16


def _maps() -> str:
    """Create a map and see its memory, as the output of a probe is."""
    size = 1 << 20
    try:
        fd = libc.bpf(_BPF_MAP_CREATE, struct.pack("<5I", _MAP_ARRAY, 4, size, 1, _F_MMAPABLE).ljust(72, b"\0"))
    except PermissionError:
        raise SeyError(bpf_not_permitted()) from None
    try:
        with mmap.mmap(fd, size, mmap.MAP_SHARED) as memory:
            memory[:4] = b"sey\0"
    finally:
        os.close(fd)
    return "mapped memory works"


def _iterator() -> str:
    """Read 8 bytes of our own memory through a sleepable task iterator, the way a snapshot reads its target."""
    wanted = ctypes.create_string_buffer(b"sey-read", 8)
    program = _load_iterator(ctypes.addressof(wanted))
    opened = [program]
    try:
        # union bpf_attr for BPF_LINK_CREATE and BPF_ITER_CREATE, include/uapi/linux/bpf.h
        info = ctypes.create_string_buffer(struct.pack("<4I", threading.get_native_id(), 0, 0, 0), 16)
        link = struct.pack("<4IQI", program, 0, _TRACE_ITER, 0, ctypes.addressof(info), len(info)).ljust(64, b"\0")
        opened.append(libc.bpf(_BPF_LINK_CREATE, link))
        opened.append(libc.bpf(_BPF_ITER_CREATE, struct.pack("<2I", opened[-1], 0)))
        got = os.read(opened[-1], 64)
    finally:
        for fd in reversed(opened):
            os.close(fd)
    if got != wanted.raw:
        raise _TroubleError(f"a probe read {got.hex()} where {wanted.raw.hex()} was", "this kernel can't be used")
    return "a probe reads the memory of a process"


def _load_iterator(address: int) -> int:
    code = _reader(address)
    license_text = ctypes.create_string_buffer(b"Dual BSD/GPL")
    log = ctypes.create_string_buffer(_LOG_SIZE)
    # union bpf_attr for BPF_PROG_LOAD, up to attach_btf_id
    attributes = struct.pack(
        "<2I2Q2IQ2I16s4IQ2IQ2I",
        *(_TYPE_TRACING, len(code) // 8, ctypes.addressof(code), ctypes.addressof(license_text)),
        *(1, len(log), ctypes.addressof(log), 0, _F_SLEEPABLE, b"sey_doctor"),
        *(0, _TRACE_ITER, 0, 0, 0, 0, 0, 0, 0, libbpf.iterator_type("task")),
    )
    try:
        return libc.bpf(_BPF_PROG_LOAD, attributes.ljust(128, b"\0"))
    except OSError as error:
        if isinstance(error, PermissionError) and not log.value:
            raise SeyError(bpf_not_permitted()) from None
        why = rejection_reason(log.value.decode(), str(error))
        raise _TroubleError(why, "probes need Linux 6.1 or newer") from None


def _reader(address: int) -> ctypes.Array[ctypes.c_char]:
    """The program: `u64 v = 0; if (ctx->task) { bpf_copy_from_user_task(&v, 8, address, ctx->task, 0);
    bpf_seq_write(ctx->meta->seq, &v, 8); } return 0;`"""
    r = {f"r{number}": number for number in range(11)}

    def ins(opcode: int, to: str = "r0", of: str = "r0", offset: int = 0, value: int = 0) -> bytes:
        return struct.pack("<BBhi", opcode, r[of] << 4 | r[to], offset, value)

    load, store_zero, move, move_value, add_value = 0x79, 0x7A, 0xBF, 0xB7, 0x07
    call, leave, skip_if_zero = 0x85, 0x95, 0x15
    low, high = struct.unpack("<2i", struct.pack("<Q", address))
    copy = (
        *(ins(move, "r1", "r10"), ins(add_value, "r1", value=-8), ins(move_value, "r2", value=8)),
        *(ins(0x18, "r3", value=low), ins(0x00, value=high)),  # one instruction of two slots: a 64-bit value
        *(ins(move, "r4", "r7"), ins(move_value, "r5"), ins(call, value=_COPY_FROM_USER_TASK)),
        *(ins(load, "r1", "r6"), ins(load, "r1", "r1")),
        *(ins(move, "r2", "r10"), ins(add_value, "r2", value=-8), ins(move_value, "r3", value=8)),
        ins(call, value=_SEQ_WRITE),
    )
    program = (
        *(ins(move, "r6", "r1"), ins(load, "r7", "r6", 8), ins(store_zero, "r10", offset=-8)),
        *(ins(skip_if_zero, "r7", offset=len(copy)), *copy, ins(move_value, "r0"), ins(leave)),
    )
    return ctypes.create_string_buffer(b"".join(program), 8 * len(program))


_CHECKS: dict[str, Callable[[], str]] = {
    "kernel": _kernel,
    "machine": _machine,
    "user": _user,
    "libbpf": _libbpf,
    "kernel type information (BTF)": _type_information,
    "lockdown": _locked_down,
    "BPF maps": _maps,
    "BPF task iterator": _iterator,
    "pausing (ptrace)": _pausing,
    "yama": _yama,
    "pid namespace": _pid_namespace,
    "locked memory": _memory_lock,
    "bpffs": _mounted("bpf", "/sys/fs/bpf"),
    "tracefs": _mounted("tracefs", "/sys/kernel/tracing"),
}
_REQUIRED = {
    "machine",
    "libbpf",
    "kernel type information (BTF)",
    "BPF maps",
    "BPF task iterator",
    "pausing (ptrace)",
}
