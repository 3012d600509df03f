"""What this host can do for sey, found out by trying, with what follows and what to do where it can't."""

from __future__ import annotations

import importlib.util
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from sey.binary.errors import SeyError
from sey.runtime import features, libbpf, libc
from sey.runtime.bpf_errors import lockdown
from sey.runtime.events import kernel, leftovers
from sey.runtime.features import Feature, LackingError
from sey.runtime.pause import paused
from sey.runtime.process import Process, ptrace_scope


class Need(Enum):
    """What can't be done without something; the value says so."""

    SNAPSHOTS = "no snapshots"
    EBPF = "no snapshots by eBPF"
    EVENTS = "no events (`sey trace`)"
    NOTHING = ""


@dataclass(frozen=True)
class Finding:
    """One thing of the host: whether it is there, what was seen, and what follows and what to do where it isn't.

    `advice` is empty where there is nothing to do.
    """

    name: str
    ok: bool
    need: Need
    detail: str
    advice: str = ""

    @property
    def required(self) -> bool:
        """Whether snapshots through eBPF need it."""
        return self.need in (Need.SNAPSHOTS, Need.EBPF)

    @property
    def consequence(self) -> str:
        """What can't be done, since it isn't there; empty where it is or nobody needs it."""
        return "" if self.ok else self.need.value


# include/uapi/linux/capability.h
_CAPABILITIES = {"CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}


def examine() -> tuple[Finding, ...]:
    """Try everything; takes some 100 ms. Never raises: a check that fails in an unknown way is a finding too."""
    return tuple(_guarded(name, need, check) for name, (need, check) in _CHECKS.items())


def engines(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What can take snapshots on a host where this was found: of `ebpf` and `interp` those that can."""
    needs = {finding.need for finding in findings if not finding.ok}
    if Need.SNAPSHOTS in needs:
        return ()
    return ("interp",) if Need.EBPF in needs else ("ebpf", "interp")


class _TroubleError(Exception):
    """A check's answer is no: what was seen, and what to do."""

    def __init__(self, detail: str, advice: str = "") -> None:
        super().__init__(detail)
        self.advice = advice


def _guarded(name: str, need: Need, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, need, check())
    except _TroubleError as trouble:
        return Finding(name, False, need, str(trouble), trouble.advice)
    except SeyError as error:
        problem = error.problems[0]
        return Finding(name, False, need, problem.message(), problem.advice() or "")
    except OSError as error:
        return Finding(name, False, need, str(error))


def _feature(feature: Feature, advice: str = "") -> str:
    try:
        return feature.attempt()
    except LackingError as lacking:
        raise _TroubleError(str(lacking), advice or f"Linux has it since {feature.since}") from None


def _kernel() -> str:
    """The oldest kernel that has it all; what an older one of a distribution may have too, the other checks tell."""
    release = os.uname().release
    if features.release() < features.OLDEST:
        oldest = ".".join(map(str, features.OLDEST))
        raise _TroubleError(release, f"Linux has all that probes need since {oldest}; what this one has is tried below")
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


def _others() -> str:
    """What it takes to look into processes of other users, and into those with rights that we haven't."""
    effective = int(re.findall(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())[0], 16)
    missing = [] if effective >> 19 & 1 else ["CAP_SYS_PTRACE"]
    missing += [] if effective & 0b110 else ["CAP_DAC_READ_SEARCH"]
    if missing:
        names = " and ".join(missing)
        raise _TroubleError(f"{names} missing", "processes of sey's own user alone can be captured; run sey as root")
    return "can be captured"


def _libbpf() -> str:
    found = libbpf.library()
    return f"{found.version} at {found.path}"


def _pausing() -> str:
    """Pause a child of ours the way a target is paused."""
    if call := libc.filtered():
        raise _TroubleError(f"a seccomp filter forbids {call}(2)", "in a container, start it with --privileged")
    code = "import os, time; os.write(1, b'.'); time.sleep(60)"
    with subprocess.Popen((sys.executable, "-I", "-S", "-c", code), stdout=subprocess.PIPE) as child:
        try:
            # Popen returns while the kernel still makes the child another program, and that mustn't happen in a pause.
            assert child.stdout is not None
            child.stdout.read(1)
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


def _uprobes(check: Callable[[], str]) -> str:
    try:
        return check()
    except LackingError as lacking:
        raise _TroubleError(f"this kernel lacks {lacking}") from None


def _one_link() -> str:
    """Without, nothing is missing: attaching many probes takes longer."""
    return "works" if kernel.several_at_once() else "not here: probes are attached one by one"


def _uprobes_in_place() -> str:
    """Probes of anyone's that are in place. Those of sey's are gone when it ends, however it ends."""
    links, listed = len(leftovers.uprobe_links()), leftovers.tracefs_uprobes()
    found = [f"{links} by BPF links"] if links else []
    found += [f"{listed} in tracefs, which stay until someone removes them (uprobe_events)"] if listed else []
    return ", ".join(found) or "none"


def _compiler() -> str:
    missing = [name for name in ("lark", "llvmlite") if importlib.util.find_spec(name) is None]
    if missing:
        detail = f"no package {' and '.join(missing)}: probes come as bundles, which `sey build` made elsewhere"
        raise _TroubleError(detail, "to compile specs here: pip install 'sey[compile]'")
    return "installed"


_BTF_ADVICE = "the kernel needs CONFIG_DEBUG_INFO_BTF=y, as distributions build it"

_CHECKS: dict[str, tuple[Need, Callable[[], str]]] = {
    "kernel": (Need.NOTHING, _kernel),
    "machine": (Need.SNAPSHOTS, _machine),
    "user": (Need.NOTHING, _user),
    "processes of other users": (Need.NOTHING, _others),
    "libbpf": (Need.EBPF, _libbpf),
    "kernel type information (BTF)": (Need.EBPF, partial(_feature, features.TYPES, _BTF_ADVICE)),
    "lockdown": (Need.NOTHING, _locked_down),
    "BPF maps in shared memory": (Need.EBPF, partial(_feature, features.MAPPED_ARRAY)),
    "BPF task iterator": (Need.EBPF, partial(_feature, features.TASK_ITERATOR)),
    "BPF loops": (Need.EBPF, partial(_feature, features.LOOPS)),
    "BPF sleepable copy": (Need.EBPF, partial(_feature, features.SLEEPABLE_COPY)),
    "BPF iterator over one thread": (Need.EBPF, partial(_feature, features.ONE_THREAD)),
    "BPF ring buffer": (Need.EVENTS, partial(_feature, features.RING_BUFFER)),
    "uprobes": (Need.EVENTS, partial(_uprobes, kernel.uprobes)),
    "sleepable uprobe programs": (Need.EVENTS, partial(_uprobes, kernel.sleepable)),
    "many uprobes by one link": (Need.NOTHING, _one_link),
    "uprobes in place": (Need.NOTHING, _uprobes_in_place),
    "pausing (ptrace)": (Need.SNAPSHOTS, _pausing),
    "yama": (Need.NOTHING, _yama),
    "pid namespace": (Need.NOTHING, _pid_namespace),
    "locked memory": (Need.NOTHING, _memory_lock),
    "compiler": (Need.NOTHING, _compiler),
    "bpffs": (Need.NOTHING, _mounted("bpf", "/sys/fs/bpf")),
    "tracefs": (Need.NOTHING, _mounted("tracefs", "/sys/kernel/tracing")),
}
