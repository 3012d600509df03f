"""Commands that run with less than root has: without capabilities, or behind a filter that refuses system calls."""

from __future__ import annotations

import ctypes
import errno
import struct
import subprocess
from collections.abc import Iterable, Sequence

NUMBERS = {"ptrace": 101, "process_vm_readv": 310, "bpf": 321}  # x86-64, arch/x86/entry/syscalls/syscall_64.tbl
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def with_capabilities(names: Iterable[str], command: Sequence[str], uid: int = 0) -> list[str]:
    """The command for `subprocess` that runs `command` as `uid` with these capabilities (`bpf`, …) and no others."""
    held = "".join(f",+{name}" for name in names)
    if uid == 0:
        return ["setpriv", f"--bounding-set=-all{held}", "--inh-caps=-all", *command]
    caps = [f"--{kind}=-all{held}" for kind in ("inh-caps", "ambient-caps")]
    return ["setpriv", f"--reuid={uid}", "--clear-groups", *caps, *command]


def refusing(*calls: str) -> None:
    """To be called in a child before it runs something else: from then on these system calls end with EPERM."""
    last = len(calls)
    program = [struct.pack("<HBBI", _LOAD, 0, 0, 0)]
    program += [struct.pack("<HBBI", _JUMP_IF_EQUAL, last - n, 0, NUMBERS[call]) for n, call in enumerate(calls)]
    program += [struct.pack("<HBBI", _RETURN, 0, 0, action) for action in (_ALLOW, _ERRNO | errno.EPERM)]
    code = ctypes.create_string_buffer(b"".join(program))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


def confined(command: Sequence[str], *calls: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end behind such a filter."""
    return subprocess.run(
        command, preexec_fn=lambda: refusing(*calls), capture_output=True, text=True, check=False, timeout=120
    )
