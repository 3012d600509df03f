"""Whatever a trace is doing when it is killed: nothing of it remains in the kernel, the code of the target is as in its
file, and it runs on with right results.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sey.binary.elf import open_elf
from sey.runtime.libc import read_memory
from sey.runtime.process import Process
from tests.kernel.leftovers import bpf_objects, soon
from tests.kernel.support import SEY
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

_EXECUTABLE = 1
"""PF_X of a segment."""

_ATTACHED_AND_KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from sey.runtime.events import session as sessions
from sey.runtime.events.session import Session
from sey.runtime.process import Process
from tests.events.support import probe_for
pid, times, one_link = int(sys.argv[1]), int(sys.argv[3]), sys.argv[4] == "one link"
if not one_link:
    sessions.several_at_once = lambda: False
probe = probe_for(Path(sys.argv[2]), "main.deeper", "main.work", "main.answer", "main.main", "main.spin")

def trace(attached):
    with Session(Process.look(pid), probe, ring_bytes=1 << 16) as session:
        session.attach()
        os.write(attached, b".")
        while True:
            session.drain()

chances, takes = random.Random(1), 1.0
for turn in range(times + 1):
    ours, theirs = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            trace(theirs)
        finally:
            os._exit(1)
    if turn == 0:
        assert os.read(ours, 1) == b"."
        takes = time.monotonic() - began
    else:
        time.sleep(chances.uniform(0, 1.5 * takes))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    os.close(ours)
    os.close(theirs)
"""


@pytest.fixture(autouse=True)
def _needs_bpf() -> None:
    require_bpf()


def code_is_as_in_file(pid: int, path: Path) -> bool:
    """Whether every byte of the code of a process is what its executable has there."""
    elf = open_elf(path)
    bias = Process.look(pid).load_bias(elf.entry)
    code = [segment for segment in elf.loads if segment.flags & _EXECUTABLE]
    assert code
    return all(
        read_memory(pid, each.address + bias, each.file_size) == elf.read(each.address, each.file_size) for each in code
    )


def unharmed(target: Target, path: Path, before: set[tuple[str, int]]) -> None:
    """Check that nothing is left of a trace of a target under load, and nothing wrong with it."""
    assert soon(lambda: bpf_objects() <= before)
    assert soon(lambda: code_is_as_in_file(target.pid, path))
    count = int(target.ask("count"))
    assert soon(lambda: int(target.ask("count")) > count)
    assert target.ask("call 10") == b"280"
    assert target.stderr() == ""


@pytest.mark.parametrize("way", ["one link", "a perf event each"])
@pytest.mark.parametrize("times", [20, pytest.param(300, marks=pytest.mark.matrix)])
def test_killed_at_any_moment_of_attaching(way: str, times: int) -> None:
    path, before = build("traced", mode="pie"), bpf_objects()
    with run_target(path) as target:
        target.ask("spin 2")
        assert code_is_as_in_file(target.pid, path)
        script = (sys.executable, "-c", _ATTACHED_AND_KILLED, str(target.pid), str(path), str(times), way)
        subprocess.run(script, check=True, timeout=200)
        unharmed(target, path, before)


@pytest.mark.parametrize("times", [3, pytest.param(60, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("wait", [False, True], ids=["by pid", "waiting"])
def test_the_command_killed_at_any_moment(wait: bool, times: int, tmp_path: Path) -> None:
    path, before = build("traced"), bpf_objects()
    spec = tmp_path / "x.sey"
    spec.write_text('program p { command "*to-be-killed*" }\nevent e on return "main.deeper" { n }\n')
    chances, takes = random.Random(2), 0.0
    with run_target(path, "to-be-killed") as target:
        target.ask("spin 2")
        which = ("--wait",) if wait else ("-p", str(target.pid))
        command = (*SEY, "trace", str(spec), *which, "--json", "--max-overhead", "10000%")
        for turn in range(times + 1):
            began = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
                assert tracer.stderr is not None
                if turn == 0:
                    assert b"1 process" in tracer.stderr.readline()
                    assert not code_is_as_in_file(target.pid, path)
                    takes = time.monotonic() - began
                else:
                    time.sleep(chances.uniform(0, 1.5 * takes))
                tracer.send_signal(signal.SIGKILL)
        unharmed(target, path, before)
