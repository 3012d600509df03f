"""The process that pauses a target: stop every thread, hand over the registers, wait, let go.

`pause.py` runs this file as a program of its own (see there for why), so it imports only a little of the standard
library and nothing of sey. It serves one pause: a request comes on standard input, the stopped threads go out in
a file that both have open (its number is the first argument), then one byte (or the end of input, when the asking
process died) or the watchdog lets the target go, and this process ends, which makes the kernel detach whatever is left.
All numbers are little-endian.

    request  REQUEST: pid, budget ns, watchdog ns (both from the first stop), ns a thread in state D is waited for
    answer   b"S" STOPPED; the file has per thread a THREAD_ID and its registers, then a THREAD_ID per skipped thread
             b"F" FAILED
             b"X" text of an unexpected error
    at last  b"D" DONE

With further arguments, those of `Gate`, the pause begins when a thread of the target is held by a probe, for as long as
the asking process wants to wait.

All that goes through the pipe is short, so that it fits even the smallest (one page, where a user has many) at once: in
several pieces, each of them waits for both processes to get a processor, and on a busy host the registers of a thousand
threads took longer than the whole pause may.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

REQUEST = struct.Struct("<iqqq")
STOPPED = struct.Struct("<qqiii")  # first stop, all stopped (CLOCK_MONOTONIC ns), threads, skipped, was it SIGSTOPped
THREAD_ID = struct.Struct("<q")
FAILED = struct.Struct("<iiq")  # one of FAILURES, the tracer's pid or a count of threads, ns waited
DONE = struct.Struct("<iqq")  # one of ENDINGS, first stop, all resumed (CLOCK_MONOTONIC ns)
FAILURES = EXITED, TRACED, FORBIDDEN, WOULD_NOT_STOP = range(4)
ENDINGS = ASKED, WATCHDOG, ORPHANED = range(3)

GENERAL_SIZE = 27 * 8  # struct user_regs_struct, arch/x86/include/asm/user_64.h
FLOAT_SIZE = 512  # struct user_i387_struct there: the FXSAVE image, xmm0 at byte 160
RECORD_SIZE = THREAD_ID.size + GENERAL_SIZE + FLOAT_SIZE

_ORIG_RAX = 15 * 8  # the system call's number, or -1 when the thread came into the kernel in another way
_SIGNED = struct.Struct("<q")

_PTRACE_DETACH, _PTRACE_GETREGSET, _PTRACE_SEIZE, _PTRACE_INTERRUPT = 17, 0x4204, 0x4206, 0x4207
_NT_PRSTATUS, _NT_PRFPREG = 1, 2
_WALL = 0x40000000
# WNOWAIT leaves the stop as it is: a signal that was about to be delivered still is, should this process be killed
# between seeing the stop and detaching.
_LOOK = os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT | _WALL
_PF_EXITING = 4  # include/linux/sched.h
_PARENT_CHECK_NS = 2_000_000
_FIRST_LOOK_NS = 2_000_000
_GATE_CHECK_S = 0.05
_SHORT = 4096  # the least that a pipe holds
_SETTLE_NS = 20_000_000  # how long a thread may refuse to be seized before that counts as forbidden

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_ptrace.restype = ctypes.c_long


class PauseFailedError(Exception):
    """The target can't be paused: one of FAILURES, with its details."""

    def __init__(self, kind: int, detail: int = 0, waited_ns: int = 0) -> None:
        super().__init__(kind)
        self.packed = b"F" + FAILED.pack(kind, detail, waited_ns)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Target:
    """The threads of one process, by what became of them.

    `stopped` holds for each stopped thread the signal to deliver when it is let go (0: none), `records` its THREAD_ID
    and registers, `running` the threads told to stop that haven't yet, `skipped` those that sit in the kernel and will
    stop before they run user code again.
    """

    def __init__(self, pid: int, asker: Asker | None) -> None:
        self.pid = pid
        self._asker = asker
        self.stopped: dict[int, int] = {}
        self.records: list[bytes] = []
        self.running: set[int] = set()
        self.skipped: set[int] = set()
        self.group_stopped = False
        self.refused_since = 0
        room = self._room = ctypes.create_string_buffer(RECORD_SIZE)
        self._general = _Iovec(ctypes.addressof(room) + THREAD_ID.size, GENERAL_SIZE)
        self._floats = _Iovec(ctypes.addressof(room) + THREAD_ID.size + GENERAL_SIZE, FLOAT_SIZE)

    def stop(self, budget_ns: int, blocked_ns: int, told: Callable[[], object] = int) -> tuple[int, int]:
        """Stop all threads; the times of the first interrupt and of the last stop. Raises PauseFailedError.

        `told` is called when all threads that were there at the beginning have been told to stop.
        """
        fresh = self._seize_all()
        started = time.monotonic_ns()
        give_up = started + budget_ns
        while True:
            for tid in fresh:
                _ptrace(_PTRACE_INTERRUPT, tid, None, None)
            told()
            self.running |= fresh
            self._await_stops(started, time.monotonic_ns() + blocked_ns, started + budget_ns // 2)
            # Threads that are stopped create no others, so the list is complete once it names nobody new.
            fresh = self._seize_new()
            if not fresh and not self.refused_since:
                break
            if self.refused_since:
                time.sleep(0.0002)
            if time.monotonic_ns() > give_up:
                raise PauseFailedError(WOULD_NOT_STOP, len(fresh) + 1, budget_ns)
        if not self.stopped and not self.skipped:
            raise PauseFailedError(EXITED)
        return started, time.monotonic_ns()

    def _seize_all(self) -> set[int]:
        """Seize, which stops nobody yet, until everybody is; what is done here doesn't count as pause."""
        seized: set[int] = set()
        while fresh := self._seize_new(seized):
            seized |= fresh
        if not seized and not self.refused_since:
            raise PauseFailedError(EXITED)
        return seized

    def _seize_new(self, besides: AbstractSet[int] = frozenset()) -> set[int]:
        known = self.stopped.keys() | self.running | self.skipped | besides
        fresh: set[int] = set()
        refused = False
        for tid in self._listed() - known:
            if _ptrace(_PTRACE_SEIZE, tid, None, None) == 0:
                fresh.add(tid)
            elif ctypes.get_errno() == errno.EPERM:
                refused |= self._refusal_may_pass(tid)
        if not refused:
            self.refused_since = 0
        return fresh

    def _refusal_may_pass(self, tid: int) -> bool:
        """False for a thread that is past being traced. A thread about to end is refused like a forbidden one, so
        only one that lasts is believed. Raises PauseFailedError for that, and where another tracer is the cause."""
        status = self._status(tid)
        if status is None or status["State"][0] in "ZX":
            return False
        tracer = int(status["TracerPid"])
        if tracer and tracer != os.getpid():
            raise PauseFailedError(TRACED, tracer)
        now = time.monotonic_ns()
        self.refused_since = self.refused_since or now
        if now - self.refused_since > _SETTLE_NS:
            raise PauseFailedError(FORBIDDEN)
        return True

    def _await_stops(self, started: int, blocked_until: int, starved_until: int) -> None:
        """Wait until nobody is `running`. The longer that takes, the less often we look: on a host that is short of
        processors we'd take them from the very threads that need one to reach their stop."""
        look_at = started + _FIRST_LOOK_NS
        while True:
            self._collect_stops()
            if not self.running:
                return
            now = time.monotonic_ns()
            if now >= look_at:
                self._look_closer(now >= blocked_until, now >= starved_until)
                if self._asker and self._asker.wait(0) != WATCHDOG:
                    raise PauseFailedError(WOULD_NOT_STOP, len(self.running), now - started)
                look_at = now + max(_FIRST_LOOK_NS, (now - started) // 4)
                if now < blocked_until < look_at:
                    look_at = blocked_until
            signal.sigtimedwait((signal.SIGCHLD,), max(look_at - now, 0) / 1e9)

    def _look_closer(self, skip_blocked: bool, skip_all: bool) -> None:
        """Give up on threads that are gone without a word, on those in state D when they had their time, and at last on
        those that wait for a processor: a running thread is interrupted within microseconds, so they too are in the
        kernel, where the stop comes before their own code."""
        for tid in tuple(self.running):
            status = self._status(tid)
            if status is None or status["State"][0] in "ZX":
                self.running.discard(tid)
            elif skip_all or (skip_blocked and status["State"][0] == "D"):
                self.running.discard(tid)
                self.skipped.add(tid)

    def _collect_stops(self) -> None:
        for tid in tuple(self.running):
            try:
                seen = os.waitid(os.P_PID, tid, _LOOK)
            except ChildProcessError:
                self.running.discard(tid)
                continue
            if seen is None:
                continue
            self.running.discard(tid)
            if seen.si_code in (os.CLD_TRAPPED, os.CLD_STOPPED):
                self._note_stop(tid, seen.si_status)
            else:  # ended: fetch it for good, or it stays a zombie that its process waits for
                os.waitid(os.P_PID, tid, os.WEXITED | os.WNOHANG | _WALL)

    def _note_stop(self, tid: int, status: int) -> None:
        """`status` is the signal, with the ptrace event above it; a stop without an event is one before delivery."""
        number, event = status & 0x7F, status >> 8
        self.stopped[tid] = 0 if event else number
        self.group_stopped |= bool(event) and number != signal.SIGTRAP
        # Read while other threads are still on their way to a stop.
        self._read_registers(tid)

    def _read_registers(self, tid: int) -> None:
        """Keep the registers of a stopped thread; nothing is kept of one that was killed.

        A thread inside a system call gets zeros for floating-point registers: those hold nothing of its caller's, and
        reading them would take half of the time.
        """
        room, general, floats = self._room, self._general, self._floats
        ctypes.memset(room, 0, RECORD_SIZE)
        THREAD_ID.pack_into(room, 0, tid)
        general.size, floats.size = GENERAL_SIZE, FLOAT_SIZE
        if _ptrace(_PTRACE_GETREGSET, tid, _NT_PRSTATUS, ctypes.byref(general)):
            return
        in_call = _SIGNED.unpack_from(room, THREAD_ID.size + _ORIG_RAX)[0] >= 0
        if not in_call and _ptrace(_PTRACE_GETREGSET, tid, _NT_PRFPREG, ctypes.byref(floats)):
            return
        self.records.append(room.raw)

    def resume(self) -> None:
        """Let the stopped threads go. Those skipped are let go by the end of this process."""
        for tid, deliver in self.stopped.items():
            _ptrace(_PTRACE_DETACH, tid, None, deliver)

    def _listed(self) -> set[int]:
        try:
            return set(map(int, os.listdir(f"/proc/{self.pid}/task")))
        except OSError:
            return set()

    def _status(self, tid: int) -> dict[str, str] | None:
        try:
            with open(f"/proc/{self.pid}/task/{tid}/status", encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return None
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


class Gate:
    """A hit of a BPF program that holds its thread until it is released, and the words by which both speak of it.

    `ring` is the ring buffer that wakes us, `memory` the array map, of `size` bytes, that has at `place` the words of
    `ir.artifacts.HOLD_WORDS`: the state and whether to let go, here by their numbers.
    """

    STATE, RELEASE = 0, 1
    ARMED, HOLDING = 2, 3

    def __init__(self, ring: int, memory: int, size: int, place: int) -> None:
        self._ring = ring
        self._words = memoryview(mmap.mmap(memory, size)).cast("Q")
        self._at = place // 8

    def wait(self, asker: Asker) -> bool:
        """Wait for a hit; False where the asking process doesn't want it any more, or is ending."""
        self._words[self._at + self.STATE] = self.ARMED
        while self._words[self._at + self.STATE] < self.HOLDING:
            select.select((self._ring, 0), (), (), _GATE_CHECK_S)
            if asker.wait(0) != WATCHDOG:
                return False
        return True

    def release(self) -> None:
        """Let the thread go on."""
        self._words[self._at + self.RELEASE] = 1


class Asker:
    """The process that asked for the pause, our parent: does it want the target to run again, or is it ending?

    The end of its pipe would say the latter too late: a process that is killed closes its files only after all of its
    memory is freed. But a flag in /proc/PID/stat is set at once.
    """

    def __init__(self) -> None:
        self._stat = os.open(f"/proc/{os.getppid()}/stat", os.O_RDONLY)

    def wait(self, until: int) -> int:
        """One of ENDINGS; WATCHDOG when nothing happened until that time."""
        while True:
            left = until - time.monotonic_ns()
            ready, _, _ = select.select((0,), (), (), min(max(left, 0), _PARENT_CHECK_NS) / 1e9)
            if ready:
                return ASKED if os.read(0, 1) else ORPHANED
            if self._is_ending():
                return ORPHANED
            if left <= 0:
                return WATCHDOG

    def _is_ending(self) -> bool:
        try:
            fields = os.pread(self._stat, 4096, 0).rpartition(b")")[2].split()
        except OSError:
            return True
        return bool(int(fields[6]) & _PF_EXITING)


def _send(data: bytes) -> None:
    """Write a message; it always fits the pipe, so a stopped reader doesn't keep the target stopped."""
    os.write(1, data[:_SHORT])


def _share(file: int, data: bytes) -> None:
    """Write all of `data` to the file of the threads."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _hurry() -> None:
    """From here on we only wait to let the target run: then at once, whatever else the host is busy with.

    Above the thread that captures (`pause.py`), which the watchdog must be able to cut short. Not before: the target's
    threads need a processor to stop, and we might have the only one.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))


def _serve(request: bytes, file: int, gate: Gate | None) -> None:
    pid, budget_ns, watchdog_ns, blocked_ns = REQUEST.unpack(request)
    asker = Asker()
    if asker.wait(0) != WATCHDOG or not (gate is None or gate.wait(asker)):
        return  # it ended while we were getting ready, or waited
    target = Target(pid, asker)
    try:
        started, stopped = target.stop(budget_ns, blocked_ns, int if gate is None else gate.release)
        skipped = b"".join(map(THREAD_ID.pack, target.skipped))
        counts = len(target.records), len(target.skipped), int(target.group_stopped)
        _hurry()
        _share(file, b"".join((*target.records, skipped)))
        _send(b"S" + STOPPED.pack(started, stopped, *counts))
        ending = asker.wait(started + watchdog_ns)
    finally:
        target.resume()
        resumed = time.monotonic_ns()
    if ending != ORPHANED:
        _send(b"D" + DONE.pack(ending, started, resumed))


def _practise() -> None:
    """Pause a child once: the first run of this code takes twice as long as the next, and only the next is a pause."""
    child = os.fork()
    if child == 0:
        time.sleep(1)  # it is killed long before that, unless we are
        os._exit(0)
    try:
        target = Target(child, None)  # what there is to read already is the real request
        target.stop(20_000_000, 1_000_000)
        target.resume()
    except PauseFailedError:
        pass  # ptrace is forbidden here; the real request will say so
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def main() -> None:
    """Serve one request, or end quietly when the asking process never sends one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
    with contextlib.suppress(OSError):
        # Every wait of ours for a processor makes the pause longer; but the target's threads, too, need one to stop.
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    _practise()
    request = os.read(0, REQUEST.size)
    if len(request) < REQUEST.size:
        return
    try:
        file, *gate = map(int, sys.argv[1:])
        _serve(request, file, Gate(*gate) if gate else None)
    except PauseFailedError as failure:
        _send(failure.packed)
    except BrokenPipeError:
        pass
    except Exception as error:
        _send(b"X" + f"{type(error).__name__}: {error}".encode())


if __name__ == "__main__":
    main()
    os._exit(0)  # the tidying of a normal exit would only keep threads waiting that the kernel is to detach
