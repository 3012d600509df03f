"""Pausing real processes: the registers are right, and the target runs on whatever happens."""

from __future__ import annotations

import bisect
import contextlib
import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sey.binary.errors import Problem, SeyError
from sey.runtime import libc
from sey.runtime.host_errors import (
    CaptureBlocked,
    ImageReplaced,
    NotPermitted,
    PauserFailed,
    PauseUsedUp,
    ProcessExited,
    TracedByAnother,
)
from sey.runtime.pause import RSP, Pauser, paused
from sey.runtime.process import Image, Process
from tests.support.gobuild import build
from tests.support.kernel import require_ptrace
from tests.support.target import Target, run_target

MS = 1_000_000


@pytest.fixture(autouse=True)
def _needs_ptrace() -> None:
    require_ptrace()


@contextlib.contextmanager
def churn(*arguments: str) -> Iterator[Target]:
    with run_target(build("churn"), *arguments) as target:
        yield target


def states(pid: int) -> dict[int, str]:
    """The kernel's letter for each thread: `t` is stopped by a tracer, `T` by a signal."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{tid}/stat") as file:
            found[int(tid)] = file.read().rpartition(")")[2].split()[0]
    return found


def tracers(pid: int) -> set[int]:
    found = set()
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{tid}/status") as file:
            found |= {int(line.split()[1]) for line in file if line.startswith("TracerPid")}
    return found


def assert_runs(target: Target) -> None:
    """Soon nobody traces it, no thread is stopped, and all of its work goes on, for good."""
    deadline = time.monotonic() + 5
    while tracers(target.pid) != {0} or set("tT") & set(states(target.pid).values()):
        assert time.monotonic() < deadline, f"traced by {tracers(target.pid)}, states {states(target.pid)}"
        time.sleep(0.001)
    before = target.ask_json("beats")
    while time.monotonic() < deadline:
        after = target.ask_json("beats")
        if all(after[kind] > before[kind] for kind in before if before[kind] or kind == "sleeps"):
            return
        time.sleep(0.005)
    raise AssertionError(f"the target stands still: {before} then {after}")


def await_group_stop(target: Target) -> None:
    deadline = time.monotonic() + 2
    while set(states(target.pid).values()) != {"T"}:
        assert time.monotonic() < deadline, states(target.pid)
        time.sleep(0.001)


def problem_of(error: pytest.ExceptionInfo[SeyError]) -> Problem:
    return error.value.problems[0]


def test_all_threads_stop_and_go_on() -> None:
    with churn("-spin", "2") as target:
        with paused(Process.look(target.pid), budget_ns=5000 * MS) as pause:
            stopped = states(target.pid)
            assert set(stopped.values()) == {"t"}
            assert set(pause.threads["tid"].tolist()) == set(stopped)
            assert pause.threads["tid"].tolist() == pause.threads["ns_tid"].tolist()
            time.sleep(0.02)
        assert pause.skipped == ()
        assert not pause.was_stopped
        assert not pause.overrun
        assert 20 * MS <= pause.pause_ns < 1000 * MS
        assert_runs(target)


def test_registers_are_those_of_the_threads() -> None:
    """The kernel itself tells where a stopped thread is, in /proc/TID/syscall, and Go code has its goroutine in r14."""
    with churn("-spin", "1") as target:
        functions = symbols(target)
        in_calls = in_go = 0
        for _ in range(20):
            with paused(Process.look(target.pid)) as pause:
                for thread in pause.threads:
                    in_calls += agrees_with_the_kernel(target, thread)
                    if function_at(functions, int(thread["pc"])) == "main.spin":
                        in_go += 1
                        # The slot of the running goroutine lies below fs_base.
                        slot = libc.read_memory(target.pid, int(thread["fs_base"]) - 8, 8)
                        assert int.from_bytes(slot, "little") == thread["gpr"][14]
        assert in_calls
        assert in_go


def agrees_with_the_kernel(target: Target, thread: np.void) -> bool:
    """Whether the thread is in a system call, after comparing its registers with what /proc says."""
    words = Path(f"/proc/{target.pid}/task/{thread['tid']}/syscall").read_text().split()
    assert (int(words[-1], 16), int(words[-2], 16)) == (thread["pc"], thread["gpr"][RSP])
    assert int(words[0]) == thread["call"]
    if words[0] == "-1":
        return False
    # Arguments of a call travel in rdi, rsi, rdx, r10, r8, r9: these positions in DWARF order.
    assert [int(word, 16) for word in words[1:7]] == thread["gpr"][[5, 4, 1, 10, 8, 9]].tolist()
    assert not thread["xmm"].any()
    return True


def symbols(target: Target) -> list[tuple[int, str]]:
    """The functions by the symbol table, in address order."""
    listing = subprocess.run(["nm", "-n", f"/proc/{target.pid}/exe"], capture_output=True, text=True, check=True).stdout
    lines = (line.split(maxsplit=2) for line in listing.splitlines())
    return [(int(words[0], 16), words[2]) for words in lines if len(words) == 3]


def function_at(functions: list[tuple[int, str]], pc: int) -> str:
    return functions[bisect.bisect(functions, (pc, "\U0010ffff")) - 1][1]


def test_threads_and_children_come_and_go() -> None:
    with churn("-threads", "-children", "-spin", "1") as target:
        process = Process.look(target.pid)
        for _ in range(60):
            with paused(process) as pause:
                listed = states(target.pid)
                living = {tid for tid, state in listed.items() if state not in "ZX"}
                assert living == set(pause.threads["tid"].tolist()) | set(pause.skipped)
                assert {listed[tid] for tid in pause.threads["tid"].tolist()} <= {"t", "Z", "X"}
        assert_runs(target)


def test_vfork_parent_is_left_out_and_goes_on() -> None:
    with churn("-vfork", "1500ms") as target:
        time.sleep(0.1)
        with paused(Process.look(target.pid)) as pause:
            assert len(pause.skipped) == 1
            assert len(pause.threads) >= 2
            assert states(target.pid)[pause.skipped[0]] == "D"
        assert 20 * MS <= pause.pause_ns < 500 * MS
        assert_runs(target)
        time.sleep(1.6)
        assert "D" not in states(target.pid).values()
        assert_runs(target)


def test_vfork_ending_within_the_pause() -> None:
    """The skipped thread wakes while we hold the process: it must not run, and must run afterwards."""
    with churn("-vfork", "400ms") as target:
        time.sleep(0.1)
        with paused(Process.look(target.pid), budget_ns=2000 * MS) as pause:
            assert len(pause.skipped) == 1
            time.sleep(0.6)
            assert states(target.pid)[pause.skipped[0]] == "t"
        assert_runs(target)


def test_target_that_gets_no_processor_is_captured_without_registers() -> None:
    """Threads that wait for a processor don't stop; they can't run either."""
    with churn("-spin", "2") as target:
        subprocess.run(["chrt", "--all-tasks", "--idle", "--pid", "0", str(target.pid)], check=True)
        hogs = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count() or 1)]
        try:
            time.sleep(0.1)
            with paused(Process.look(target.pid), budget_ns=60 * MS) as pause:
                pass
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        assert len(pause.threads) + len(pause.skipped) == len(states(target.pid))
        assert pause.pause_ns < 110 * MS
        assert_runs(target)


def test_stopped_target_stays_stopped() -> None:
    with churn("-spin", "1") as target:
        os.kill(target.pid, signal.SIGSTOP)
        await_group_stop(target)
        for _ in range(3):
            with paused(Process.look(target.pid)) as pause:
                assert pause.was_stopped
                assert len(pause.threads) == len(states(target.pid))
            assert tracers(target.pid) == {0}
            await_group_stop(target)  # its threads wake to stop again
        os.kill(target.pid, signal.SIGCONT)
        assert_runs(target)


def test_stop_signal_during_the_pause_takes_effect_after_it() -> None:
    with churn() as target:
        with paused(Process.look(target.pid)):
            os.kill(target.pid, signal.SIGSTOP)
        await_group_stop(target)
        os.kill(target.pid, signal.SIGCONT)
        assert_runs(target)


def test_continue_signal_during_the_pause() -> None:
    with churn() as target:
        os.kill(target.pid, signal.SIGSTOP)
        await_group_stop(target)
        with paused(Process.look(target.pid)):
            os.kill(target.pid, signal.SIGCONT)
            assert set(states(target.pid).values()) == {"t"}
        assert_runs(target)


def test_no_signal_is_lost() -> None:
    """Signals before, in and after pauses, one at a time since Linux merges those that are pending."""
    with churn("-spin", "1", "-threads") as target:
        process = Process.look(target.pid)
        for sent in range(1, 41):
            pauser = Pauser()
            if sent % 2:
                timer = threading.Timer(random.uniform(0, 0.004), os.kill, (target.pid, signal.SIGUSR1))
                timer.start()
            with paused(process, pauser=pauser):
                if sent % 2 == 0:
                    os.kill(target.pid, signal.SIGUSR1)
                time.sleep(0.002)
            await_signals(target, sent)


def await_signals(target: Target, expected: int) -> None:
    deadline = time.monotonic() + 5
    while (arrived := target.ask_json("signals")["usr1"]) != expected:
        assert time.monotonic() < deadline, f"{arrived} of {expected} signals arrived"
        time.sleep(0.001)


PAUSE_AND_HOLD = """
import sys, time
from sey.runtime.pause import paused
from sey.runtime.process import Process
process = Process.look(int(sys.argv[1]))
print("go", flush=True)
while True:
    with paused(process, budget_ns=5_000_000_000):
        time.sleep(0.02)
"""


@pytest.mark.parametrize(("number", "turns"), [(signal.SIGKILL, 20), (signal.SIGINT, 8), (signal.SIGTERM, 8)])
def test_ending_the_pauser_at_any_moment_lets_the_target_go(number: signal.Signals, turns: int) -> None:
    with churn("-spin", "1", "-threads", "-children") as target:
        sent = 0
        for turn in range(turns):
            command = [sys.executable, "-c", PAUSE_AND_HOLD, str(target.pid)]
            ours = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            with ours:
                assert ours.stdout is not None
                assert ours.stdout.readline() == b"go\n"
                time.sleep(random.uniform(0.02, 0.15))
                if turn % 2:
                    os.kill(target.pid, signal.SIGUSR1)
                    sent += 1
                _end(ours, number)
            assert_runs(target)
            await_signals(target, sent)


def _end(ours: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send the signal until it ends the process: Python drops a KeyboardInterrupt that it raises in a destructor."""
    for _ in range(10):
        ours.send_signal(number)
        try:
            assert ours.wait(1)
        except subprocess.TimeoutExpired:
            continue
        return
    ours.kill()
    pytest.fail(f"{number.name} did not end it")


def test_killing_the_helper_lets_the_target_go() -> None:
    with churn("-spin", "1", "-threads") as target:
        for _ in range(5):
            pause = paused(Process.look(target.pid)).__enter__()
            os.kill(helper_of(target.pid), signal.SIGKILL)
            with pytest.raises(SeyError) as error:
                pause.resume()
            assert isinstance(problem_of(error), PauserFailed)
            assert "signal 9" in problem_of(error).message()
            assert_runs(target)


def helper_of(pid: int) -> int:
    return max(tracers(pid))


def test_pauser_that_is_stopped_lets_the_target_go_by_the_watchdog() -> None:
    """Ctrl-Z, a debugger, a frozen container: we can't act, the helper does."""
    with churn("-spin", "1") as target:
        code = PAUSE_AND_HOLD.replace("5_000_000_000", "200_000_000").replace("0.02", "30")
        with subprocess.Popen([sys.executable, "-c", code, str(target.pid)], stdout=subprocess.PIPE) as ours:
            assert ours.stdout is not None
            ours.stdout.readline()
            deadline = time.monotonic() + 5
            while tracers(target.pid) == {0}:
                assert time.monotonic() < deadline
            os.kill(ours.pid, signal.SIGSTOP)
            assert_runs(target)
            ours.kill()


def test_interrupt_lets_the_target_go() -> None:
    with churn("-spin", "1") as target:
        interrupt = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt), paused(Process.look(target.pid)) as pause:
            pause.run(partial(_sleep_after, interrupt.start))
        assert pause.pause_ns < 150 * MS
        assert_runs(target)


def test_exception_lets_the_target_go() -> None:
    with churn() as target:
        with pytest.raises(ZeroDivisionError), paused(Process.look(target.pid)) as pause:
            pause.run(lambda: 1 // 0)
        assert pause.pause_ns
        assert_runs(target)


def test_run_gives_the_result() -> None:
    with churn() as target, paused(Process.look(target.pid)) as pause:
        assert pause.run(lambda: threading.current_thread().name) == "capture"
        assert pause.run(lambda: 5) == 5


def test_watchdog_resumes_under_a_capture_that_comes_late() -> None:
    with churn("-spin", "1") as target:
        with paused(Process.look(target.pid), budget_ns=50 * MS, slack_ns=20 * MS) as pause:
            assert pause.run(_late) == "late"
        assert pause.overrun
        assert 70 * MS <= pause.pause_ns < 300 * MS
        assert_runs(target)


def test_watchdog_resumes_under_a_capture_that_blocks() -> None:
    with churn("-spin", "1") as target:
        released = threading.Event()
        started = time.monotonic()
        with pytest.raises(SeyError) as error, paused(Process.look(target.pid), budget_ns=50 * MS) as pause:
            pause.run(lambda: released.wait(2))
        assert isinstance(problem_of(error), CaptureBlocked)
        assert time.monotonic() - started < 1.9
        assert pause.overrun
        assert 100 * MS <= pause.pause_ns < 400 * MS
        assert_runs(target)
        released.set()


def test_target_killed_in_the_pause() -> None:
    with churn("-spin", "1") as target:
        with paused(Process.look(target.pid)) as pause:
            target.process.kill()
            pause.run(lambda: time.sleep(0.05))
        assert target.process.wait(5) == -signal.SIGKILL
        with pytest.raises(SeyError) as error:
            Process.look(target.pid)
        assert "no process" in problem_of(error).message()


def test_target_gone_before_the_pause() -> None:
    with churn() as target:
        process = Process.look(target.pid)
        image = process.image()
        target.close()
        with pytest.raises(SeyError) as error, paused(process, image=image):
            pass
        assert isinstance(problem_of(error), ProcessExited)


def test_target_that_called_execve_is_not_the_one_that_was_looked_at() -> None:
    with churn() as target:
        process = Process.look(target.pid)
        other = process.image()._replace(start_stack=0x7FFC00000000)
        assert isinstance(other, Image)
        with pytest.raises(SeyError) as error, paused(process, image=other):
            pass
        assert isinstance(problem_of(error), ImageReplaced)
        assert_runs(target)


def test_execve_changes_the_image() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "read line; exec sleep 30"], stdin=subprocess.PIPE) as shell:
        assert shell.stdin is not None
        process = Process.look(shell.pid)
        before = process.image()
        shell.stdin.write(b"go\n")
        shell.stdin.flush()
        while Process.look(shell.pid).name != "sleep":
            time.sleep(0.001)
        assert process.image() != before
        shell.kill()


def test_traced_target_names_its_tracer() -> None:
    with churn("-spin", "1") as target:
        process = Process.look(target.pid)
        with paused(process, budget_ns=5000 * MS):
            with pytest.raises(SeyError) as error:
                Process.look(target.pid).require_capturable()
            assert isinstance(problem_of(error), TracedByAnother)
            # Seen before the other attached, the tracer finds out in the end.
            with pytest.raises(SeyError) as error, paused(process):
                pass
            problem = problem_of(error)
            assert isinstance(problem, TracedByAnother)
            assert problem.tracer == helper_of(target.pid)
            assert problem.tracer_name.startswith("python")
            assert set(states(target.pid).values()) == {"t"}
        assert_runs(target)


def test_pauser_that_isnt_used_ends() -> None:
    pauser = Pauser()
    pauser.close()
    pauser = Pauser()
    time.sleep(0.1)
    pauser.close()


TRY_TO_PAUSE = """
import os, sys
from sey.binary.errors import SeyError
from sey.runtime.pause import paused
from sey.runtime.process import Process
process = Process.look(int(sys.argv[1]))
if sys.argv[2:]:
    os.setgid(65534); os.setuid(65534)
attempts = process.require_capturable, paused(process).__enter__
for attempt in attempts[:1] if sys.argv[2:] else attempts:
    try: attempt()
    except SeyError as error:
        problem = error.problems[0]
        print(type(problem).__name__, problem.message(), problem.advice())
"""


def test_unprivileged_user_is_told_what_is_needed() -> None:
    if os.geteuid():
        pytest.skip("needs root to become another user")
    with churn() as target:
        command = [sys.executable, "-c", TRY_TO_PAUSE, str(target.pid), "as nobody"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert done.stdout.startswith(NotPermitted.__name__)
        assert "belongs to root (uid 0) and you are nobody" in done.stdout
        assert "run sey as root" in done.stdout
        assert_runs(target)


def test_root_without_capabilities_is_told_what_is_needed() -> None:
    """As in a container."""
    if os.geteuid():
        pytest.skip("needs root to give up its capabilities")
    with churn() as target:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", TRY_TO_PAUSE]
        done = subprocess.run([*command, str(target.pid)], capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == 2  # by looking, and by pausing without having looked
        for line in done.stdout.splitlines():
            assert line.startswith(NotPermitted.__name__)
            assert "root user lacks CAP_SYS_PTRACE" in line
            assert "--cap-add SYS_PTRACE" in line
        assert_runs(target)


def test_threads_of_a_nested_pid_namespace_have_their_own_ids() -> None:
    executable = build("churn")
    try:
        subprocess.run(["unshare", "--pid", "--fork", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no pid namespaces here")
    with run_target("/usr/bin/unshare", "--pid", "--fork", "--kill-child", str(executable)) as shell:  # type: ignore[arg-type]
        inner = int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text())
        assert shell.greeting["pid"] == 1
        with paused(Process.look(inner)) as pause:
            ids = dict(zip(pause.threads["tid"].tolist(), pause.threads["ns_tid"].tolist(), strict=True))
        assert ids[inner] == 1
        assert all(0 < inside < 1000 for inside in ids.values())
        assert len(set(ids.values())) == len(ids)


@contextlib.contextmanager
def three_hundred_threads() -> Iterator[Target]:
    code = (
        "import threading, time\n"
        "stop = threading.Event()\n"
        "for _ in range(300): threading.Thread(target=stop.wait, daemon=True).start()\n"
        "print('ready {}', flush=True)\ntime.sleep(60)\n"
    )
    with run_target(sys.executable, "-c", code) as target:  # type: ignore[arg-type]
        yield target


def test_many_threads_do_not_fit_a_pipe() -> None:
    """Registers of more threads than a pipe holds are handed over at once."""
    with three_hundred_threads() as target:
        policy = os.sched_getscheduler(0)
        with paused(Process.look(target.pid), budget_ns=5000 * MS) as pause:
            assert len(set(pause.threads["tid"].tolist())) == 301
            assert (pause.threads["gpr"][:, RSP] != 0).all()
            assert set(states(target.pid).values()) == {"t"}
        assert os.sched_getscheduler(0) == policy


def test_the_smallest_pipe_holds_what_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives a user with many pipes only small ones; here we come to read when all was written."""
    original = Pauser.__init__

    def small(pauser: Pauser) -> None:
        original(pauser)
        fcntl.fcntl(pauser._stdout, fcntl.F_SETPIPE_SZ, 4096)

    monkeypatch.setattr(Pauser, "__init__", small)
    with three_hundred_threads() as target:
        with paused(Process.look(target.pid), budget_ns=5000 * MS) as pause:
            pass
        assert (len(pause.threads), pause.overrun) == (301, False)


def test_registers_that_come_after_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    """We got no processor for so long that the target runs again: nothing is read of it, and the message says so."""
    original = Pauser.shared

    def slow(pauser: Pauser, size: int) -> bytes:
        time.sleep(0.4)
        return original(pauser, size)

    monkeypatch.setattr(Pauser, "shared", slow)
    with three_hundred_threads() as target:
        pause = paused(Process.look(target.pid), budget_ns=200 * MS)
        with pytest.raises(SeyError) as error:
            pause.__enter__()
        assert isinstance(problem_of(error), PauseUsedUp)
        assert "its 301 threads" in problem_of(error).message()
        assert pause.overrun
        assert tracers(target.pid) == {0}


def _late() -> str:
    time.sleep(0.4)
    return "late"


def _sleep_after(start: Callable[[], None]) -> None:
    start()
    time.sleep(0.2)
