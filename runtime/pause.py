"""Pause a process for some milliseconds, with the registers of its threads, so that it always runs on.

    with paused(process, budget_ns=250_000_000) as pause:
        ... pause.threads, pause.skipped ...
        result = pause.run(capture)
    print(pause.pause_ns, pause.overrun)

The pausing is done by a small process of its own, `tracer.py`, one for each pause, because the target must run on
whatever becomes of us:

- The kernel detaches the tracees of a process that dies only after it has freed that process's memory. Killed in the
  middle of a pause, a process that traced by itself and held 2 GiB (in pages of 4 KiB) kept its target stopped for
  another 1.6 to 2.7 s; with the small one, which watches for our end, it was 6 to 19 ms on a busy machine.
- Stopped by Ctrl-Z, held by a debugger or stuck in the kernel, we can't resume anything, but the watchdog in a process
  group of its own does.
- All calls of ptrace(2) must come from one thread, which then can't be held up by Python's global lock.

Starting it takes some 30 ms, before the pause; make a `Pauser` early to overlap that with other work.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sey.binary.errors import Problem, SeyError
from sey.runtime import tracer
from sey.runtime.host_errors import (
    CaptureBlocked,
    ImageReplaced,
    PauserFailed,
    PauseUsedUp,
    ProcessExited,
    WouldNotStop,
)
from sey.runtime.process import Image, Process, not_permitted, traced_by

Result = TypeVar("Result")

DEFAULT_BUDGET_NS = 250_000_000
DEFAULT_SLACK_NS = 50_000_000
# How long a thread in state D is waited for. A vfork parent stays in it until its child calls execve.
_BLOCKED_NS = 20_000_000
# A blocked read may come back soon after the target runs again (it served the page itself); then the thread is free.
_GRACE_S = 1.0

THREAD = np.dtype(
    [
        ("tid", "<i4"),  # in our pid namespace
        ("ns_tid", "<i4"),  # in the thread's own: what gettid(2) tells it
        ("pc", "<u8"),
        ("fs_base", "<u8"),
        ("call", "<i8"),  # the number of the system call it is in; -1: it was stopped while it ran its own code
        ("gpr", "<u8", (16,)),  # in DWARF order: rax rdx rcx rbx rsi rdi rbp rsp r8 … r15
        ("xmm", "<u8", (16,)),  # the low halves; zeros for a thread inside a system call
    ]
)
RBP, RSP = 6, 7  # positions in `gpr`

GENERAL_WORDS = (16, 21, 15, 10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0)
"""Where struct user_regs_struct (arch/x86/include/asm/user_64.h), counted in words, has pc, fs_base, call and `gpr`."""

# Where a tracer's record, counted in words, has each word of a THREAD: its id, then the general registers, then every
# other word from xmm0 on.
_GENERAL_WORD = tracer.THREAD_ID.size // 8
_XMM_WORD = (tracer.THREAD_ID.size + tracer.GENERAL_SIZE + 160) // 8
_RECORD_WORDS = np.array(
    [0] + [_GENERAL_WORD + word for word in GENERAL_WORDS] + [_XMM_WORD + 2 * number for number in range(16)]
)


class Gate(NamedTuple):
    """What a pause waits for, as `tracer.Gate` has it: a thread that a probe of ours holds. Two file descriptors of
    ours, of which the second has so many bytes, and where in them the words of the hold are."""

    ring: int
    memory: int
    size: int
    place: int


class Pauser:
    """A tracer process that waits for its one pause. Close it where no pause follows.

    With a gate it waits, once it is asked to pause, for a thread to be held.
    """

    def __init__(self, gate: Gate | None = None) -> None:
        # The registers come in shared memory: a pipe holds those of few threads, and a user's pipes can be small.
        self._shared = os.memfd_create("sey-threads")
        command = (sys.executable, "-I", "-S", tracer.__file__, *map(str, (self._shared, *(gate or ()))))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,
                cwd="/",
                pass_fds=(self._shared, *(gate[:2] if gate else ())),
            )
        except OSError as error:
            os.close(self._shared)
            raise SeyError(PauserFailed(str(error))) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()

    def send(self, data: bytes) -> None:
        """Write to it. Raises SeyError when it is gone."""
        try:
            os.write(self._stdin, data)
        except OSError as error:
            raise SeyError(PauserFailed(self._end(error))) from None

    def receive(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises SeyError when it ended before."""
        parts = []
        while size:
            part = os.read(self._stdout, size)
            if not part:
                raise SeyError(PauserFailed(self._end(None)))
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def shared(self, size: int) -> bytes:
        """The `size` bytes that it wrote into the shared memory."""
        return os.pread(self._shared, size, 0)

    def rest(self) -> bytes:
        """All that it writes until it ends."""
        parts = []
        while part := os.read(self._stdout, 1 << 16):
            parts.append(part)
        return b"".join(parts)

    def fileno(self) -> int:
        """What can be read when there is something to receive, or it ended."""
        return self._stdout

    def has_answered(self) -> bool:
        """Whether there is something to receive, or it ended."""
        return bool(select.select((self._stdout,), (), (), 0)[0])

    def close(self) -> None:
        """Let go of it, which resumes a paused target, and wait for its end."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if self._shared >= 0:
            os.close(self._shared)
            self._shared = -1
        self._process.wait()

    def _end(self, error: OSError | None) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return str(error)
        return f"it ended by signal {-code}" if code < 0 else f"it ended with status {code}"


class _Job:
    """One call on a worker's thread: `done` is released when it came back."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._result: Any = None
        self._error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def work(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error
        self.done.release()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


class _Worker:
    """A thread that is there before it is needed: starting one takes 200 µs, waking this one 40."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="capture", daemon=True).start()

    def start(self, call: Callable[[], Any]) -> _Job:
        job = _Job(call)
        self._jobs.put(job)
        return job

    def end(self) -> None:
        """Let the thread end once it is done with what it does."""
        self._jobs.put(None)

    def _work(self) -> None:
        # While it works a process stands still: it waits for no other. On a host with more to do than processors, the
        # pause of 100 000 goroutines took 195 ms with this and 731 ms without. Where it isn't allowed, so be it.
        _hurry()
        while job := self._jobs.get():
            job.work()


def _hurry() -> Callable[[], None]:
    """Let the calling thread wait for no other, where that is allowed; what undoes it, to be called by that thread."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return lambda: os.sched_setscheduler(0, policy, parameter)


class paused:  # noqa: N801 - read as the verb in `with paused(process):`
    """Context in which all threads of `process` are stopped. What is known of the pause stays readable afterwards.

    `budget_ns` is for the capture to keep, `slack_ns` after it the watchdog resumes the target in any case.
    `workers`: how many calls can be run at once meanwhile. `wait` is called with the Pauser where the pause begins when
    it wants (it has a gate), and comes back when that has answered.

    `threads`: array of THREAD, one for each stopped thread. `skipped`: threads without registers, that sit in the
    kernel and run no user code before they stop too: blocked there (state D, after 20 ms), or still waiting for a
    processor when half of the budget was spent. `was_stopped`: it had been SIGSTOPped, and stays so.
    `started_ns`, `deadline_ns`: CLOCK_MONOTONIC of the first interrupt and of the spent budget.
    `pause_ns`: from the first interrupt to the last thread let go; set when the context ends.
    `overrun`: the watchdog resumed the target before we did: what was read since can't be trusted.

    Entering raises SeyError: exited, traced by another, not permitted, would not stop, replaced by execve, or all of
    the time was needed to stop it.
    """

    def __init__(
        self,
        process: Process,
        budget_ns: int = DEFAULT_BUDGET_NS,
        slack_ns: int = DEFAULT_SLACK_NS,
        pauser: Pauser | None = None,
        image: Image | None = None,
        workers: int = 1,
        wait: Callable[[Pauser], object] = bool,
    ) -> None:
        self.process = process
        self.threads: npt.NDArray[np.void] = np.zeros(0, THREAD)
        self.skipped: tuple[int, ...] = ()
        self.was_stopped = False
        self.started_ns = self.deadline_ns = 0
        self.pause_ns = 0
        self.overrun = False
        self._budget_ns, self._slack_ns = budget_ns, slack_ns
        self._pauser = pauser
        self._image = image
        self._resumed = False
        self._relax: Callable[[], object] = int
        self._wanted_workers = workers
        self._wait = wait
        self._workers: list[_Worker] = []

    def __enter__(self) -> paused:
        try:
            self._image = self._image or self.process.image()
            self._pauser = self._pauser or Pauser()
            self._workers = [_Worker() for _ in range(self._wanted_workers)]
            self._stop(self._pauser)
        except BaseException:
            if self._pauser:
                self._pauser.close()
            self._end()
            raise
        return self

    def _stop(self, pauser: Pauser) -> None:
        # Reading an id costs 20 µs, so those of the threads that are there already are read before the pause.
        names = self.process.namespace_tids(self.process.threads())
        # First calls take several times as long as later ones, and the next are in the pause.
        decode_threads(bytes(tracer.RECORD_SIZE))
        for worker in self._workers:
            worker.start(int).done.acquire()
        limit_ns = self._budget_ns + self._slack_ns
        pauser.send(tracer.REQUEST.pack(self.process.pid, self._budget_ns, limit_ns, _BLOCKED_NS))
        self._wait(pauser)
        # From here we sleep until the last thread has stopped; then the target waits for what we do.
        self._relax = _hurry()
        self._receive_stop(pauser, names)
        if self.process.image() != self._image:
            raise SeyError(ImageReplaced(self.process.pid))
        if pauser.has_answered():
            self.resume()
            if self.overrun:
                raise SeyError(PauseUsedUp(self.process.pid, len(self.threads), limit_ns // 1_000_000))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume()

    def run(self, capture: Callable[[], Result]) -> Result:
        """Call `capture` on a thread of its own, so that one which blocks in the kernel doesn't block us.

        Raises what it raises, and SeyError (CaptureBlocked) where it hasn't come back a second after the watchdog let
        the target go; its thread is then left behind, and ends with the read or with our process.
        """
        return self.run_all([capture])[0]

    def run_all(self, captures: Sequence[Callable[[], Result]]) -> list[Result]:
        """`run` for several at once, at most as many as there are `workers`; raises what the first to fail raises."""
        if not self._pauser:
            raise ValueError("not paused")
        limit_ns = self._budget_ns + self._slack_ns
        jobs = [worker.start(capture) for worker, capture in zip(self._workers, captures, strict=False)]
        for job in jobs:
            left_ns = max(self.started_ns + limit_ns - time.monotonic_ns(), 0)
            if not job.done.acquire(timeout=left_ns / 1e9 + _GRACE_S):
                self.resume()
                raise SeyError(CaptureBlocked(self.process.pid, limit_ns // 1_000_000))
        return [job.result() for job in jobs]

    def resume(self) -> None:
        """Let the target run now. Does nothing the second time."""
        if self._resumed or self._pauser is None:
            return
        self._resumed = True
        try:
            self._finish(self._pauser)
        finally:
            self._pauser.close()
            self._end()

    def _end(self) -> None:
        self._relax()
        for worker in self._workers:
            worker.end()

    def _finish(self, pauser: Pauser) -> None:
        if not pauser.has_answered():
            with contextlib.suppress(SeyError):  # it may end in between; then its answer says why
                pauser.send(b"r")
        if pauser.receive(1) != b"D":
            raise SeyError(PauserFailed(pauser.rest().decode("utf-8", "replace")))
        ending, started, resumed = tracer.DONE.unpack(pauser.receive(tracer.DONE.size))
        self.pause_ns = resumed - started
        self.overrun = ending == tracer.WATCHDOG

    def _receive_stop(self, pauser: Pauser, names: dict[int, int]) -> None:
        match pauser.receive(1):
            case b"S":
                self._take_threads(pauser, names)
            case b"F":
                raise SeyError(self._failure(*tracer.FAILED.unpack(pauser.receive(tracer.FAILED.size))))
            case _:
                raise SeyError(PauserFailed(pauser.rest().decode("utf-8", "replace")))

    def _take_threads(self, pauser: Pauser, names: dict[int, int]) -> None:
        header = tracer.STOPPED.unpack(pauser.receive(tracer.STOPPED.size))
        self.started_ns, _, stopped, skipped, was_stopped = header
        self.deadline_ns = self.started_ns + self._budget_ns
        self.was_stopped = bool(was_stopped)
        records = stopped * tracer.RECORD_SIZE
        shared = pauser.shared(records + skipped * tracer.THREAD_ID.size)
        self.threads = decode_threads(shared[:records])
        self.skipped = struct.unpack_from(f"<{skipped}q", shared, records)
        tids = tuple(self.threads["tid"].tolist())
        names = names | self.process.namespace_tids(tuple(tid for tid in tids if tid not in names))
        self.threads["ns_tid"] = [names.get(tid, 0) for tid in tids]

    def _failure(self, kind: int, detail: int, waited_ns: int) -> Problem:
        pid = self.process.pid
        match kind:
            case tracer.TRACED:
                return traced_by(pid, detail)
            case tracer.FORBIDDEN:
                return not_permitted(pid)
            case tracer.WOULD_NOT_STOP:
                return WouldNotStop(pid, detail, waited_ns // 1_000_000)
            case _:
                return ProcessExited(pid)


def decode_threads(data: bytes) -> npt.NDArray[np.void]:
    """What the tracer sends for its stopped threads as an array of THREAD; `ns_tid` is left 0."""
    words = np.frombuffer(data, "<u8").reshape(-1, tracer.RECORD_SIZE // 8)
    return words.take(_RECORD_WORDS, axis=1).view(THREAD)[:, 0]
