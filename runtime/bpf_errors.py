"""From what the kernel and libbpf answer to the problem that a user can do something about."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sey.binary.errors import Problem
from sey.runtime.host_errors import BpfFailed, BpfNotPermitted, KernelLacks, LoadRejected, SourceLine

_CAP_SYS_ADMIN, _CAP_PERFMON, _CAP_BPF = 21, 38, 39
_NO_BTF = re.compile(r"kernel BTF is missing|failed to find valid kernel BTF|Error loading vmlinux BTF")
_NO_HELPER = re.compile(r"(?:unknown|invalid) func (?:\w+#)?(\d+)")
# A kernel that is too old doesn't know their names (include/uapi/linux/bpf.h has the numbers).
_HELPERS = {148: "bpf_copy_from_user", 181: "bpf_loop", 191: "bpf_copy_from_user_task"}
_PROGRAM = re.compile(r"prog '([^']+)': (?:BPF program load failed|failed to load)")
# Before 6.10 or so the kernel prints the source text alone, if the object has it.
_SOURCE = re.compile(r"^; (.*?)(?: @ ([^\s:]+):(\d+))?$", re.MULTILINE)
_STATISTICS = re.compile(r"^(processed \d+ insns|verification time|stack depth|max_states|mark_read|insns_state)")


def load_problem(error: OSError, log: str, said: str) -> Problem:
    """The problem of a failed `bpf_object__load`: `log` is the verifier's, `said` what libbpf printed."""
    if _NO_BTF.search(said):
        return KernelLacks(os.uname().release, "type information (BTF)")
    if missing := _NO_HELPER.search(log):
        number = int(missing[1])
        return KernelLacks(os.uname().release, f"the BPF helper {_HELPERS.get(number, f'number {number}')}")
    if log:
        program = _PROGRAM.search(said)
        name = program[1] if program else "?"
        return LoadRejected(name, rejection_reason(log, str(error.strerror)), log[-1_000_000:], source_lines(log))
    return BpfFailed("loading the BPF object", str(error.strerror), said)


def rejection_reason(log: str, otherwise: str) -> str:
    """The verifier's last word before its statistics."""
    for line in reversed(log.splitlines()):
        if line.strip() and not _STATISTICS.match(line):
            return line.strip()
    return otherwise


def source_lines(log: str) -> tuple[SourceLine, ...]:
    """The distinct source lines that the verifier named on its way, the last one first."""
    found: dict[SourceLine, None] = {}
    for match in reversed(list(_SOURCE.finditer(log))):
        line = SourceLine(match[1].strip(), match[2] or "", int(match[3] or 0))
        if line.text or line.number:
            found.setdefault(line)
    return tuple(found)


def bpf_not_permitted() -> Problem:
    """Why bpf(2) says EPERM to us, as far as the system tells."""
    if missing := missing_capabilities():
        return missing
    if lockdown() == "confidentiality":
        reason = "the kernel is locked down (confidentiality), which forbids BPF to read memory"
        return BpfNotPermitted(reason, "boot with lockdown=integrity")
    if re.search(r"Seccomp:\s*2", Path("/proc/self/status").read_text()):
        return BpfNotPermitted("a seccomp filter forbids it", "in a container, start it with --privileged")
    return BpfNotPermitted("a security module or a user namespace forbids it", "run sey as root of the host")


def missing_capabilities() -> BpfNotPermitted | None:
    """The problem of not having the capabilities that loading a probe asks for; None where we have them."""
    status = Path("/proc/self/status").read_text()
    effective = int(re.findall(r"CapEff:\s*(\w+)", status)[0], 16)
    if effective >> _CAP_SYS_ADMIN & 1:
        return None
    missing = [name for name, number in (("BPF", _CAP_BPF), ("PERFMON", _CAP_PERFMON)) if not effective >> number & 1]
    if not missing:
        return None
    lacks = f"lacks {' and '.join(f'CAP_{name}' for name in missing)}"
    if os.geteuid():
        return BpfNotPermitted(f"this user {lacks}", "run sey as root (sudo), or give it what it lacks")
    remedy = f"in a container, start it with {' '.join(f'--cap-add {name}' for name in missing)}, or --privileged"
    return BpfNotPermitted(f"this root user {lacks}", remedy)


def lockdown() -> str:
    """The kernel's lockdown mode: `none`, `integrity` or `confidentiality`; `none` where it has no lockdown."""
    try:
        modes = Path("/sys/kernel/security/lockdown").read_text()
    except OSError:
        return "none"
    chosen = re.search(r"\[(\w+)\]", modes)
    return chosen[1] if chosen else "none"
