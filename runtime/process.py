"""What /proc says of one process: whether it can be captured at all, its executable, threads, and load address.

Facts are read when asked for. The command line and environment are only ever matched against the rules of a spec;
nothing here keeps them.
"""

from __future__ import annotations

import os
import pwd
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from sey.binary import problems
from sey.binary.errors import Problem, SeyError
from sey.binary.gobinary import GoBinary, open_go
from sey.runtime import libc
from sey.runtime.host_errors import (
    ForeignProc,
    KernelThread,
    NoSuchProcess,
    NotGo,
    NotPermitted,
    OtherArchitecture,
    ProcessExited,
    ThreadNotProcess,
    TracedByAnother,
    ZombieProcess,
)

RuleKind = Literal["executable", "module", "command", "env", "pid"]

OnDisk = Literal["same", "replaced", "deleted", "unknown"]

_PF_KTHREAD = 0x00200000  # include/linux/sched.h
_CAP_SYS_PTRACE = 19
_CAPS_TO_READ = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_AT_NULL, _AT_ENTRY = 0, 9  # include/uapi/linux/auxvec.h
_MACHINES = {3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64"}


class Image(NamedTuple):
    """Tells one program in one process from every other: it changes with execve, and when the pid is used again."""

    start_time: int
    start_code: int
    start_stack: int


class Mapping(NamedTuple):
    """One line of /proc/PID/maps; `path` is as the kernel prints it, empty for anonymous memory."""

    start: int
    end: int
    permissions: str
    offset: int
    path: str


@dataclass(frozen=True)
class Rule:
    """One line of a `program` block: a kind and its pattern, where `*` stands for any run of characters.

    `executable` is matched with the path of the executable, `command` with the arguments joined by spaces, `env` with
    each `NAME=VALUE`, `pid` with the number. `module` follows Go: `...` stands for any run, and a trailing `/...` also
    for nothing.
    """

    kind: RuleKind
    pattern: str


@dataclass(frozen=True)
class Process:
    """A process as it was when `look` saw it. `pid`, `uid` and `tracer` are numbers of our own namespaces.

    `ns_pids` are the ids of the process from our pid namespace inwards; `state` is the kernel's letter (`S`, `R`, `D`,
    `T`, …); `start_time` is in clock ticks since boot.
    """

    pid: int
    name: str
    state: str
    uid: int
    tracer: int
    start_time: int
    ns_pids: tuple[int, ...]

    @classmethod
    def look(cls, pid: int) -> Process:
        """Look at process `pid`. Raises SeyError: no such process, exited, zombie, kernel thread, a thread's id.

        Also where /proc is of another pid namespace than ours.
        """
        require_own_proc()
        status = _status(pid)
        if status is None:
            raise SeyError(NoSuchProcess(pid))
        stat = _stat(pid)
        if stat is None:
            raise SeyError(ProcessExited(pid))
        name = stat.name
        if int(stat.fields[_FLAGS]) & _PF_KTHREAD:
            raise SeyError(KernelThread(pid, name))
        if int(status["Tgid"]) != pid:
            raise SeyError(ThreadNotProcess(pid, int(status["Tgid"])))
        if stat.fields[_STATE] in "ZX" and not _has_live_thread(pid):
            raise SeyError(ZombieProcess(pid, name))
        return cls(
            pid=pid,
            name=name,
            state=stat.fields[_STATE],
            uid=int(status["Uid"].split()[1]),
            tracer=int(status["TracerPid"]),
            start_time=int(stat.fields[_START_TIME]),
            ns_pids=tuple(map(int, status.get("NSpid", str(pid)).split())),
        )

    @property
    def exe_path(self) -> str:
        """A path that opens the executable, also when it was deleted or replaced since."""
        return f"{self.folder}/exe"

    @property
    def folder(self) -> str:
        """Where /proc has what belongs to the whole process: of one whose first thread ended, only other threads do."""
        return living_folder(self.pid)

    @property
    def executable(self) -> str:
        """The path the executable was started from, as its own mount namespace names it. Raises SeyError."""
        try:
            return os.readlink(self.exe_path).removesuffix(" (deleted)")
        except PermissionError:
            raise SeyError(not_permitted(self.pid)) from None
        except OSError:
            raise SeyError(ProcessExited(self.pid)) from None

    def on_disk(self) -> OnDisk:
        """Whether its executable still lies where it was started from; what runs is read from `exe_path` in any case.

        `unknown` where the process or its root can't be looked into. A name is sought in the root of the process (that
        of its container) and in ours: for a process in a chroot the kernel gives the name that we know.
        """
        try:
            running = os.stat(self.exe_path)
            named = os.readlink(self.exe_path).removesuffix(" (deleted)")
        except OSError:
            return "unknown"
        found: OnDisk = "deleted"
        for path in (f"{self.folder}/root{named}", named):
            try:
                if os.path.samestat(os.stat(path), running):
                    return "same"
                found = "replaced"
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return "unknown"
        return found

    def open_go(self) -> GoBinary:
        """Open its executable. Raises SeyError: not Go, another architecture, damaged, not permitted, exited."""
        path = self.executable
        try:
            return open_go(self.exe_path)
        except SeyError as error:
            if isinstance(error.problems[0], problems.NotGo | problems.NotElf):
                raise SeyError(NotGo(self.pid, path)) from None
            raise SeyError(*(renamed(problem, path) for problem in error.problems)) from None

    def require_capturable(self) -> None:
        """Raise SeyError where another tracer, its architecture or missing permission keep us from capturing it."""
        if self.tracer:
            raise SeyError(traced_by(self.pid, self.tracer))
        machine = self.machine()
        if machine != "amd64":
            raise SeyError(OtherArchitecture(self.pid, machine, "amd64"))

    def machine(self) -> str:
        """The architecture of the executable in Go's words; `unknown` for what isn't an ELF file. Raises SeyError."""
        try:
            with open(self.exe_path, "rb") as file:
                head = file.read(20)
        except PermissionError:
            raise SeyError(not_permitted(self.pid)) from None
        except OSError:
            raise SeyError(ProcessExited(self.pid)) from None
        if len(head) < 20 or head[:4] != b"\x7fELF":
            return "unknown"
        number = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)[0]
        name = _MACHINES.get(number, f"ELF machine {number}")
        return "32-bit amd64 (x32)" if name == "amd64" and head[4] == 1 else name

    def image(self) -> Image:
        """What tells this run of this program from any other. Raises SeyError when the process is gone."""
        stat = _stat(self.pid)
        if stat is None or int(stat.fields[_START_TIME]) != self.start_time:
            raise SeyError(ProcessExited(self.pid))
        return Image(self.start_time, int(stat.fields[_START_CODE]), int(stat.fields[_START_STACK]))

    def load_bias(self, entry: int) -> int:
        """How far the executable lies above the addresses in its file, in bytes; 0 unless it is a PIE.

        `entry` is `e_entry` of its ELF header. The kernel writes the address it jumped to into the auxiliary vector,
        which holds however the file is mapped and whatever it is called now. Raises SeyError.
        """
        data = self._read("auxv")
        for kind, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
            if kind == _AT_ENTRY:
                return int(value) - entry
            if kind == _AT_NULL:
                break
        raise SeyError(ProcessExited(self.pid))

    def mappings(self) -> tuple[Mapping, ...]:
        """The memory map, in address order. Raises SeyError."""
        found = []
        for line in self._read("maps").decode("utf-8", "surrogateescape").splitlines():
            parts = line.split(None, 5)
            start, _, end = parts[0].partition("-")
            path = parts[5] if len(parts) > 5 else ""
            found.append(Mapping(int(start, 16), int(end, 16), parts[1], int(parts[2], 16), path))
        return tuple(found)

    def threads(self) -> tuple[int, ...]:
        """The ids of its threads in our pid namespace. Raises SeyError when it is gone."""
        try:
            return tuple(map(int, os.listdir(f"/proc/{self.pid}/task")))
        except OSError:
            raise SeyError(ProcessExited(self.pid)) from None

    def leader_lives(self) -> bool:
        """Whether its first thread, which has the process's id, hasn't ended before the others."""
        stat = _stat(self.pid)
        return stat is not None and stat.fields[_STATE] not in "ZX"

    def living_threads(self) -> list[int]:
        """The ids of the threads through which its memory can be read: the leader may have ended before the others.

        Raises SeyError when there is none.
        """
        living = [tid for tid in sorted(self.threads()) if tid != self.pid or self.leader_lives()]
        if not living:
            raise SeyError(ProcessExited(self.pid))
        return living

    def namespace_tids(self, tids: tuple[int, ...]) -> dict[int, int]:
        """Our ids of threads to the ids that the threads know themselves by (those of their innermost pid namespace).

        Threads that ended are left out.
        """
        if len(self.ns_pids) == 1:
            return {tid: tid for tid in tids}
        found = {}
        for tid in tids:
            status = _status(f"{self.pid}/task/{tid}")
            if status is not None:
                found[tid] = int(status["NSpid"].split()[-1])
        return found

    def satisfies(self, rule: Rule, module: str | None) -> bool:
        """Whether the process fits `rule`; `module` is its Go main module, None where it has none. Raises SeyError."""
        return fits(rule, self, module)

    def command(self) -> list[str]:
        """The arguments it was started with. Raises SeyError."""
        return self._strings("cmdline")

    def environment(self) -> list[str]:
        """The environment it was started with, `NAME=value`. Raises SeyError."""
        return self._strings("environ")

    def _strings(self, name: str) -> list[str]:
        data = self._read(name).decode("utf-8", "surrogateescape")
        return data.split("\0")[:-1] if data.endswith("\0") else data.split("\0")

    def _read(self, name: str) -> bytes:
        try:
            return Path(f"{self.folder}/{name}").read_bytes()
        except PermissionError:
            raise SeyError(not_permitted(self.pid)) from None
        except OSError:
            raise SeyError(ProcessExited(self.pid)) from None


class Subject(Protocol):
    """What the rules of programs are about: a running process, or one of which there is a core."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    @property
    def executable(self) -> str:
        """The path that it was started from."""
        ...

    def command(self) -> list[str]:
        """Its arguments."""
        ...

    def environment(self) -> list[str]:
        """Its environment, `NAME=value`."""
        ...


def fits(rule: Rule, subject: Subject, module: str | None) -> bool:
    """Whether a process fits `rule`; `module` is its Go main module, None where it has none. Raises SeyError."""
    match rule.kind:
        case "pid":
            return _glob(rule.pattern).fullmatch(str(subject.pid)) is not None
        case "executable":
            return _glob(rule.pattern).fullmatch(subject.executable) is not None
        case "module":
            return module is not None and _module_pattern(rule.pattern).fullmatch(module) is not None
        case "command":
            return _glob(rule.pattern).fullmatch(" ".join(subject.command())) is not None
        case "env":
            pattern = _glob(rule.pattern)
            return any(pattern.fullmatch(entry) for entry in subject.environment())


def require_own_proc() -> None:
    """Raise SeyError where /proc is missing or counts processes otherwise than our system calls do."""
    try:
        known_as = os.readlink("/proc/self")
    except OSError:
        mounted = os.path.ismount("/proc")
        raise SeyError(ForeignProc("is of another pid namespace" if mounted else "isn't mounted")) from None
    if known_as != str(os.getpid()):
        raise SeyError(ForeignProc(f"is of another pid namespace, where sey is {known_as} and not {os.getpid()}"))


def all_pids() -> Iterator[int]:
    """The ids of all processes of this pid namespace at this moment, kernel threads among them."""
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def living_folder(pid: int) -> str:
    """/proc/PID, or where the first thread of that process ended before the others, what /proc has of one of those."""
    stat = _stat(pid)
    if stat is None or stat.fields[_STATE] not in "ZX":
        return f"/proc/{pid}"
    try:
        others = max((int(name) for name in os.listdir(f"/proc/{pid}/task") if int(name) != pid), default=pid)
    except OSError:
        return f"/proc/{pid}"
    return f"/proc/{pid}/task/{others}"


def renamed(problem: Problem, path: str) -> Problem:
    """The problem, calling the file by the path a user knows instead of /proc/PID/exe."""
    if any(field.name == "path" for field in fields(problem)):
        return replace(problem, path=path)  # type: ignore[call-arg]
    return problem


def traced_by(pid: int, tracer: int) -> TracedByAnother:
    """The problem of `pid` having another tracer already, with that tracer's name."""
    stat = _stat(tracer)
    return TracedByAnother(pid, tracer, stat.name if stat else "a process that is gone")


def not_permitted(pid: int) -> NotPermitted:
    """The problem of not being allowed to look into `pid`: finds the rule of Linux that most likely says no."""
    if call := libc.filtered():
        remedy = "in a container, start it with --security-opt seccomp=unconfined, or --privileged"
        return NotPermitted(pid, f"a seccomp filter forbids {call}(2)", remedy)
    scope = ptrace_scope()
    if scope == 3:
        return NotPermitted(pid, "kernel.yama.ptrace_scope is 3", "only a reboot with another setting lifts that")
    status, own = _status(pid), _status("self")
    held = int(own["CapEff"], 16) if own else 0
    may_trace = bool(held >> _CAP_SYS_PTRACE & 1)
    uid = int(status["Uid"].split()[1]) if status else os.geteuid()
    remedy = "run sey as root, or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (and CAP_BPF and CAP_PERFMON for eBPF)"
    if os.geteuid() == 0:
        remedy = "in a container, start it with --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH (eBPF: BPF, PERFMON too)"
    if not may_trace and uid != os.geteuid():
        us = f"you are {_user_name(os.geteuid())}, without CAP_SYS_PTRACE"
        return NotPermitted(pid, f"it belongs to {_user_name(uid)} and {us}", remedy)
    if not may_trace and os.geteuid() == 0:
        return NotPermitted(pid, "this root user lacks CAP_SYS_PTRACE", remedy)
    if not may_trace and scope:
        return NotPermitted(pid, f"kernel.yama.ptrace_scope is {scope}", remedy)
    if uid != os.geteuid() and not held & _CAPS_TO_READ:
        lack = f"you lack CAP_DAC_READ_SEARCH: files of /proc/{pid} are for their owner alone"
        return NotPermitted(pid, f"it belongs to {_user_name(uid)} and {lack}", remedy)
    reason = "it runs in a user namespace of its own, dropped its dumpable flag, or a security module forbids it"
    return NotPermitted(pid, reason, remedy)


def read_memory(pid: int, tid: int, address: int, size: int) -> bytes:
    """Memory of `pid` through its thread `tid`, as `libc.read_memory`. Raises SeyError: not permitted, exited."""
    try:
        return libc.read_memory(tid, address, size)
    except PermissionError:
        raise SeyError(not_permitted(pid)) from None
    except ProcessLookupError:
        raise SeyError(ProcessExited(pid)) from None


def ptrace_scope() -> int | None:
    """The `kernel.yama.ptrace_scope` setting (0 to 3), or None where the kernel has no Yama."""
    try:
        return int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return None


class _Stat(NamedTuple):
    name: str
    fields: list[str]


# Positions in what follows the name in /proc/PID/stat (proc(5) counts from 1 and includes pid and name).
_STATE, _FLAGS, _START_TIME, _START_CODE, _START_STACK = 0, 6, 19, 23, 25


def _stat(pid: int) -> _Stat | None:
    try:
        # Read in the middle of a pause: this way takes a third of the time of a file object.
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(file, 4096).decode("utf-8", "replace")
        finally:
            os.close(file)
    except OSError:
        return None
    # The name may hold spaces and parentheses; the last `)` ends it.
    head, _, rest = text.rpartition(")")
    return _Stat(head.partition("(")[2], rest.split())


def _status(of: int | str) -> dict[str, str] | None:
    try:
        text = Path(f"/proc/{of}/status").read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    fields = (line.partition(":") for line in text.splitlines())
    return {key: value.strip() for key, _, value in fields}


def _has_live_thread(pid: int) -> bool:
    """A leader that ended is shown as a zombie while its other threads run on."""
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    states = (_status(f"{pid}/task/{tid}") for tid in tids)
    return any(status is not None and status["State"][0] not in "ZX" for status in states)


def _user_name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _module_pattern(pattern: str) -> re.Pattern[str]:
    """Go's own reading of `...` in `go list`: any run of characters, and `x/...` fits `x` too."""
    body = ".*".join(re.escape(part) for part in pattern.split("..."))
    if pattern.endswith("/...") and len(pattern) > len("/..."):
        body = body.removesuffix("/.*") + "(/.*)?"
    return re.compile(body, re.DOTALL)
