"""What is read from /proc, of processes of every kind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sey.binary.errors import Exit, Problem, SeyError, catalogue
from sey.runtime import libc
from sey.runtime.host_errors import (
    KernelThread,
    NoSuchProcess,
    NotGo,
    OtherArchitecture,
    ProcessExited,
    ThreadNotProcess,
    ZombieProcess,
)
from sey.runtime.process import Process, Rule, RuleKind, all_pids
from tests.support.gobuild import build
from tests.support.target import run_target


def problem_of_looking(pid: int) -> Problem:
    with pytest.raises(SeyError) as error:
        Process.look(pid)
    return error.value.problems[0]


def test_codes_are_distinct_and_templates_fit_their_fields() -> None:
    ours = {code: kind for code, kind in catalogue().items() if kind.__module__ == "sey.runtime.host_errors"}
    assert all(code.startswith("SEY06") for code in ours)
    for kind in ours.values():
        fields = dict.fromkeys(kind.__dataclass_fields__, 1)
        assert kind.title.format(**fields)
        assert (kind.help or "").format(**fields) is not None
        assert kind.exit_status in (Exit.HOST, Exit.TARGET, Exit.NOTHING)


def test_no_such_process() -> None:
    assert problem_of_looking(int(Path("/proc/sys/kernel/pid_max").read_text())) == NoSuchProcess(
        int(Path("/proc/sys/kernel/pid_max").read_text())
    )


def test_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    while not Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].startswith(" Z"):
        time.sleep(0.01)
    assert isinstance(problem_of_looking(child.pid), ZombieProcess)
    child.wait()
    assert isinstance(problem_of_looking(child.pid), NoSuchProcess)


def test_kernel_thread() -> None:
    if not Path("/proc/2/comm").exists() or Path("/proc/2/comm").read_text() != "kthreadd\n":
        pytest.skip("kernel threads aren't visible in this pid namespace")
    assert problem_of_looking(2) == KernelThread(2, "kthreadd")


def test_thread_is_told_from_its_process() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        assert problem_of_looking(thread.native_id) == ThreadNotProcess(thread.native_id, os.getpid())
    finally:
        stop.set()


def test_process_whose_first_thread_ended_is_no_zombie(tmp_path: Path) -> None:
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(30,)).start()\n"
        "print('go', flush=True)\n"
        "ctypes.CDLL(None).syscall(60, 0)\n"  # exit(2) of this thread alone
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        deadline = time.monotonic() + 5
        while Process.look(child.pid).leader_lives():
            assert time.monotonic() < deadline
        process = Process.look(child.pid)
        assert process.state == "Z"
        assert len(process.threads()) == 2
        child.kill()


def test_facts_of_ourselves() -> None:
    process = Process.look(os.getpid())
    assert process.uid == os.geteuid()
    assert process.tracer == 0
    assert process.ns_pids[0] == os.getpid()
    assert process.state in "RS"
    assert os.path.samefile(process.executable, sys.executable)
    assert process.machine() == "amd64"
    assert threading.get_native_id() in process.threads()
    assert process.leader_lives()
    assert process.image() == Process.look(os.getpid()).image()
    assert os.getpid() in set(all_pids())
    with pytest.raises(SeyError) as error:
        process.open_go()
    assert error.value.problems[0] == NotGo(os.getpid(), process.executable)


def test_names_with_spaces_and_parentheses(tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    shutil.copy("/bin/sleep", odd)
    with subprocess.Popen([odd, "30"]) as child:
        while Path(f"/proc/{child.pid}/comm").read_text() != "a) S 1 (b\n":
            time.sleep(0.001)
        process = Process.look(child.pid)
        assert process.name == "a) S 1 (b"
        assert process.state in "SDR"
        assert process.image().start_code > 4096
        child.kill()


def test_executable_that_was_deleted_still_opens(tmp_path: Path) -> None:
    copy = tmp_path / "gone"
    shutil.copy(build("churn"), copy)
    with run_target(copy) as target:
        copy.unlink()
        process = Process.look(target.pid)
        assert process.executable == str(copy)
        assert process.open_go().build.module == "example.com/churn"


@pytest.mark.parametrize("mode", ["plain", "pie", "cgo", "cgo-pie"])
def test_load_bias_is_the_distance_of_the_mapping(mode: str) -> None:
    with run_target(build("churn", mode=mode)) as target:
        process = Process.look(target.pid)
        elf = process.open_go().elf
        mapped = [each for each in process.mappings() if each.path == process.executable]
        bias = process.load_bias(elf.entry)
        assert bias == mapped[0].start - (elf.loads[0].address & -4096)
        assert (bias != 0) == mode.endswith("pie")
        # The code is there.
        assert libc.read_memory(target.pid, elf.entry + bias, 64) == elf.read(elf.entry, 64)


def test_process_that_ended_is_an_error_everywhere() -> None:
    with run_target(build("churn")) as target:
        process = Process.look(target.pid)
    for attempt in (
        lambda: process.executable,
        process.threads,
        process.mappings,
        process.image,
        process.machine,
        process.open_go,
        lambda: process.load_bias(0),
        lambda: process.satisfies(Rule("command", "*"), None),
    ):
        with pytest.raises(SeyError) as error:
            attempt()
        assert error.value.problems[0] == ProcessExited(target.pid)


def test_32_bit_program_is_named() -> None:
    with run_target(build("churn", mode="386")) as target:
        with pytest.raises(SeyError) as error:
            Process.look(target.pid).require_capturable()
        assert error.value.problems[0] == OtherArchitecture(target.pid, "386", "amd64")


@pytest.mark.parametrize(
    ("kind", "pattern", "fits"),
    [
        ("executable", "*/churn-*", True),
        ("executable", "churn-*", False),
        ("executable", "*/[a-z]*", False),  # nothing but * is special
        ("module", "example.com/churn", True),
        ("module", "example.com/churn/...", True),
        ("module", "example.com/...", True),
        ("module", "example.com", False),
        ("module", "example.co/...", False),
        ("module", "...", True),
        ("command", "*-spin 1*", True),
        ("command", "-spin", False),
        ("env", "SEY_TEST=a b", True),
        ("env", "SEY_TEST=*", True),
        ("env", "SEY_TES", False),
        ("pid", "1", False),
    ],
)
def test_program_rules(kind: RuleKind, pattern: str, fits: bool) -> None:
    with run_target(build("churn"), "-spin", "1", env={"SEY_TEST": "a b"}) as target:
        process = Process.look(target.pid)
        assert process.satisfies(Rule(kind, pattern), "example.com/churn") is fits
        assert process.satisfies(Rule("pid", str(target.pid)), None)
        assert not process.satisfies(Rule("module", "..."), None)


def test_memory_is_read_up_to_the_first_hole() -> None:
    with run_target(build("churn")) as target:
        process = Process.look(target.pid)
        mapped = [each for each in process.mappings() if each.permissions.startswith("r")]
        ends = [each.end for each in mapped if all(other.start != each.end for other in process.mappings())]
        assert len(libc.read_memory(target.pid, ends[0] - 100, 4096)) == 100
        assert libc.read_memory(target.pid, 16, 8) == b""
        ranges = [(mapped[0].start, 8), (16, 8), (ends[0] - 4, 8), (mapped[0].start, 4)] * 600
        got = libc.read_many(target.pid, ranges)
        assert [len(each) for each in got] == [8, 0, 4, 4] * 600
        assert got[0] == got[4] == b"\x7fELF" + got[0][4:]
        with pytest.raises(ProcessLookupError):
            libc.read_memory(int(Path("/proc/sys/kernel/pid_max").read_text()), 4096, 8)


def test_stopped_process_says_so() -> None:
    with run_target(build("churn")) as target:
        os.kill(target.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while Process.look(target.pid).state != "T":
            assert time.monotonic() < deadline
        Process.look(target.pid).require_capturable()
