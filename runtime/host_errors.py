"""What the host or the target process can refuse: the SEY06xx part of the error catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class NoSuchProcess(Problem):
    """No process has this id."""

    code = "SEY0601"
    exit_status = Exit.TARGET
    title = "there is no process {pid}"
    help = "`sey ps` lists the Go processes of this host"
    pid: int


@dataclass(frozen=True)
class ProcessExited(Problem):
    """The process ended while it was looked at, or its id now belongs to another process."""

    code = "SEY0602"
    exit_status = Exit.TARGET
    title = "process {pid} exited"
    pid: int


@dataclass(frozen=True)
class KernelThread(Problem):
    """The id belongs to a thread of the kernel."""

    code = "SEY0603"
    exit_status = Exit.TARGET
    title = "{pid} ({name}) is a kernel thread, not a program"
    help = "`sey ps` lists the Go processes of this host"
    pid: int
    name: str


@dataclass(frozen=True)
class ZombieProcess(Problem):
    """The process ended; only its exit status is left, until its parent fetches it."""

    code = "SEY0604"
    exit_status = Exit.TARGET
    title = "process {pid} ({name}) has ended; it waits as a zombie for its parent to take notice"
    pid: int
    name: str


@dataclass(frozen=True)
class NotGo(Problem):
    """The executable of the process wasn't made by the Go toolchain."""

    code = "SEY0605"
    exit_status = Exit.TARGET
    title = "process {pid} runs {executable}, which is not a Go program"
    help = "`sey ps` lists the Go processes of this host"
    pid: int
    executable: str


@dataclass(frozen=True)
class NotPermitted(Problem):
    """The kernel doesn't let us look into the process; `reason` says which rule applies."""

    code = "SEY0606"
    exit_status = Exit.HOST
    title = "not permitted to look into process {pid}: {reason}"
    help = "{remedy}"
    pid: int
    reason: str
    remedy: str


@dataclass(frozen=True)
class TracedByAnother(Problem):
    """A debugger or another tracer is attached; Linux allows one per thread."""

    code = "SEY0607"
    exit_status = Exit.TARGET
    title = "process {pid} is being traced by {tracer_name} (pid {tracer})"
    help = "detach {tracer_name} first; Linux allows one tracer at a time"
    pid: int
    tracer: int
    tracer_name: str


@dataclass(frozen=True)
class OtherArchitecture(Problem):
    """The process's machine code is of another kind than this host captures."""

    code = "SEY0608"
    exit_status = Exit.TARGET
    title = "process {pid} runs {found} code; this version captures {supported}"
    pid: int
    found: str
    supported: str


@dataclass(frozen=True)
class ImageReplaced(Problem):
    """The process called execve between being looked at and being paused."""

    code = "SEY0609"
    exit_status = Exit.TARGET
    title = "process {pid} started another program (execve) just before it was paused"
    help = "run the command again"
    pid: int


@dataclass(frozen=True)
class WouldNotStop(Problem):
    """Threads that were still running user code, or waiting for a processor to, when the pause budget was spent."""

    code = "SEY0610"
    exit_status = Exit.TARGET
    title = "{count} threads of process {pid} did not stop within {waited_ms} ms; it was resumed"
    help = "the host is very busy; try again, or allow a longer pause (--max-pause)"
    pid: int
    count: int
    waited_ms: int


@dataclass(frozen=True)
class CaptureBlocked(Problem):
    """A read of the target's memory didn't come back; the watchdog resumed the target."""

    code = "SEY0611"
    exit_status = Exit.TARGET
    title = "reading the memory of process {pid} blocked for more than {waited_ms} ms; the watchdog resumed it"
    help = "a page of it is served by another program (userfaultfd, FUSE, a network file system) that doesn't answer"
    pid: int
    waited_ms: int


@dataclass(frozen=True)
class PauserFailed(Problem):
    """The small process that does the pausing couldn't be started, ended, or met an error it doesn't know."""

    code = "SEY0612"
    exit_status = Exit.HOST
    title = "the helper process that pauses the target failed: {reason}"
    help = "the target runs on; try again"
    reason: str


@dataclass(frozen=True)
class ThreadNotProcess(Problem):
    """The id is a thread's, not a process's."""

    code = "SEY0613"
    exit_status = Exit.TARGET
    title = "{tid} is a thread of process {pid}"
    help = "use -p {pid}"
    tid: int
    pid: int


@dataclass(frozen=True)
class ForeignProc(Problem):
    """/proc is of another pid namespace than sey runs in: one number would mean two processes, there and here."""

    code = "SEY0614"
    exit_status = Exit.HOST
    title = "/proc {state}: processes can't be looked at"
    help = "in a container, mount its own (mount -t proc proc /proc), or enter the host's pid namespace (--pid=host)"
    state: str


@dataclass(frozen=True)
class PauseUsedUp(Problem):
    """Stopping the threads and fetching their registers took all the time of the pause; nothing was captured."""

    code = "SEY0615"
    exit_status = Exit.NOTHING
    title = "process {pid} had to be resumed after {limit_ms} ms, before the registers of its {threads} threads came"
    help = "the host is very busy; try again, or allow a longer pause (--max-pause)"
    pid: int
    threads: int
    limit_ms: int


@dataclass(frozen=True)
class LibbpfMissing(Problem):
    """Neither the system nor the Python environment has a libbpf that loads."""

    code = "SEY0620"
    exit_status = Exit.HOST
    title = "libbpf was not found"
    help = "install it (Debian: apt install libbpf1; Fedora: dnf install libbpf); or pip install 'sey[libbpf]'"
    tried: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """One line for each place that was tried."""
        return self.tried


@dataclass(frozen=True)
class BpfNotPermitted(Problem):
    """The kernel refuses bpf(2) to this user."""

    code = "SEY0621"
    exit_status = Exit.HOST
    title = "not permitted to load BPF programs: {reason}"
    help = "{remedy}"
    reason: str
    remedy: str


@dataclass(frozen=True)
class KernelLacks(Problem):
    """The running kernel has no support for something that a probe needs."""

    code = "SEY0622"
    exit_status = Exit.HOST
    title = "this kernel ({release}) lacks {feature}"
    help = (
        "eBPF needs Linux 6.1 or newer with BTF (CONFIG_DEBUG_INFO_BTF), see `sey doctor`; "
        "`--engine interp` (and auto) takes snapshots without, with a longer pause"
    )
    release: str
    feature: str


@dataclass(frozen=True)
class SourceLine:
    """A source line that the verifier's log names; `file` and `number` are empty and 0 where it gives only the text."""

    text: str
    file: str
    number: int


@dataclass(frozen=True)
class LoadRejected(Problem):
    """The kernel's verifier refused a program. `lines` are the source lines its log names, the last one first."""

    code = "SEY0623"
    exit_status = Exit.HOST
    title = "the kernel refused to load the program {program}: {reason}"
    help = (
        "this is likely a bug in sey or a kernel it wasn't tried on; the kernel's log is needed to tell; "
        "`--engine interp` takes snapshots without eBPF"
    )
    program: str
    reason: str
    log: str
    lines: tuple[SourceLine, ...]

    def notes(self) -> tuple[str, ...]:
        """The end of the kernel's log."""
        return tuple(self.log.rstrip().splitlines()[-12:])


@dataclass(frozen=True)
class BpfFailed(Problem):
    """A BPF call failed for a reason without a problem of its own."""

    code = "SEY0624"
    exit_status = Exit.HOST
    title = "{call} failed: {reason}"
    call: str
    reason: str
    log: str = ""

    def notes(self) -> tuple[str, ...]:
        """The end of what libbpf had to say."""
        return tuple(self.log.rstrip().splitlines()[-6:])


@dataclass(frozen=True)
class BpfOutOfMemory(Problem):
    """The kernel has no memory (or no allowance) for a map of this size."""

    code = "SEY0625"
    exit_status = Exit.HOST
    title = "no memory for the probe's maps ({megabytes} MiB)"
    help = "lower --max-bytes, or raise the memory limit of this process or container"
    megabytes: int
