"""Probes in running processes: attached, hit, streamed, and gone again, however it ends."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sey.binary.elf import open_elf
from sey.binary.errors import SeyError
from sey.ir.plan import PlanProbe
from sey.runtime.bundle import BinaryProbe
from sey.runtime.events import attach as attach_module
from sey.runtime.events import session as session_module
from sey.runtime.events.errors import NoEvents, NotAttached, TooFewFiles
from sey.runtime.events.kernel import several_at_once
from sey.runtime.events.session import Session
from sey.runtime.host_errors import ProcessExited
from sey.runtime.libc import read_memory
from sey.runtime.process import Process
from tests.events.objects import event_plan
from tests.events.support import bare, filling, frame_begin, probe_for
from tests.kernel.leftovers import bpf_objects, soon
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

FRAME = 80
"""Bytes of an event of the hand-written program, header included."""


@pytest.fixture(autouse=True)
def _needs_bpf() -> None:
    require_bpf()


@pytest.fixture(params=["one link", "a perf event each"])
def _each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one link":
        monkeypatch.setattr(session_module, "several_at_once", lambda: False)
    elif not several_at_once():
        pytest.skip("this kernel has no links of many uprobes")


def rows(blob: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """The rows of events: time, R14, thread and probe."""
    return np.frombuffer(blob, dtype="<u8").reshape(-1, FRAME // 8)[:, 2:]


@pytest.mark.usefixtures("_each_way")
@pytest.mark.parametrize("mode", ["plain", "pie", "cgo-static-pie"])
def test_every_call_of_every_thread_is_seen_until_detached(mode: str) -> None:
    path = build("traced", mode=mode)
    with run_target(path) as target, Session(Process.look(target.pid), probe_for(path, "main.deeper")) as session:
        session.attach()
        target.ask("call 20000")
        blob = session.drain()
        assert len(blob) == 20000 * FRAME
        assert session.counters()["e0"]["hits"] == session.counters()["e0"]["seen"] == 20000
        target.ask("spin 4")
        assert soon(lambda: len({int(t) & 0xFFFFFFFF for t in rows(session.drain())[:, 2]}) > 1)
        session.detach()
        session.drain()
        before = session.counters()["e0"]["hits"]
        target.ask("call 1000")
        assert session.drain() == b""
        assert session.counters()["e0"]["hits"] == before


@pytest.mark.usefixtures("_each_way")
def test_events_are_told_apart_and_detached_one_by_one() -> None:
    path = build("traced")
    probe = probe_for(path, "main.deeper", "main.work")
    with run_target(path) as target, Session(Process.look(target.pid), probe) as session:
        session.attach()
        target.ask("call 50")
        assert sorted((rows(session.drain())[:, 2] >> np.uint64(32)).tolist()) == [0] * 50 + [1] * 50
        session.detach(session.plan.events[0])
        target.ask("call 50")
        assert (rows(session.drain())[:, 2] >> np.uint64(32)).tolist() == [1] * 50
        assert session.counters()["e0"]["hits"] == 50
        assert session.counters()["e1"]["hits"] == 100


def test_only_the_process_asked_for_is_probed_and_several_can_be() -> None:
    path = build("traced")
    probe = probe_for(path, "main.deeper")
    with (
        run_target(path) as first,
        run_target(path) as second,
        run_target(path) as other,
        Session(Process.look(first.pid), probe) as one,
        Session(Process.look(second.pid), probe) as two,
    ):
        one.attach()
        two.attach()
        other.ask("call 100")
        first.ask("call 10")
        second.ask("call 20")
        assert (len(one.drain()), len(two.drain())) == (10 * FRAME, 20 * FRAME)


def test_an_executable_that_was_deleted_or_replaced_is_probed_where_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    shutil.copy(build("traced"), path)
    with run_target(path) as target:
        probe = probe_for(path, "main.deeper")
        path.unlink()
        shutil.copy(build("parts"), path)
        with Session(Process.look(target.pid), probe) as session:
            session.attach()
            target.ask("call 10")
            assert len(session.drain()) == 10 * FRAME


def test_a_process_that_became_another_program_is_not_taken_for_the_one_that_was_asked_for() -> None:
    path = build("traced", mode="pie")
    with run_target(path) as target, Session(Process.look(target.pid), probe_for(path, "main.deeper")) as session:
        session.attach()
        target.ask("call 10")
        assert session.runs()
        target.tell("exec")
        target._await_ready()
        assert not session.runs()
        assert len(session.drain()) == 10 * FRAME


def test_the_targets_end_leaves_what_it_streamed() -> None:
    path = build("traced")
    with run_target(path) as target, Session(Process.look(target.pid), probe_for(path, "main.deeper")) as session:
        session.attach()
        target.ask("call 10")
        target.process.kill()
        target.process.wait()
        assert not session.runs()
        session.detach()
        assert len(session.drain()) == 10 * FRAME


def test_a_process_that_is_gone_is_told() -> None:
    path = build("traced")
    with run_target(path) as target:
        process = Process.look(target.pid)
    with Session(process, probe_for(path)) as session, pytest.raises(SeyError) as error:
        session.attach()
    assert isinstance(error.value.problems[0], ProcessExited)


@pytest.mark.usefixtures("_each_way")
def test_a_place_that_the_kernel_refuses_is_told_and_the_others_are_probed() -> None:
    path = build("traced")
    good = probe_for(path, "main.deeper").events
    assert good is not None
    event, probe = good.plan.events[0], good.plan.probes[0]
    # The kernel takes any instruction but a breakpoint and what it can't decode: Go fills up with `int3`.
    bad = PlanProbe(1, 0, "line", "main.bad", filling(path), False)
    with run_target(path) as target:
        with Session(Process.look(target.pid), bare(path, event_plan((event,), (probe, bad)))) as session:
            session.attach()
            assert [refused.function for refused, _ in session.attached.refused] == ["main.bad"]
            target.ask("call 10")
            assert len(session.drain()) == 10 * FRAME
        alone = bare(path, event_plan((event,), (replace(bad, number=0),)))
        with Session(Process.look(target.pid), alone) as session, pytest.raises(SeyError) as error:
            session.attach()
    problem = error.value.problems[0]
    assert isinstance(problem, NotAttached)
    assert "main.bad" in problem.notes()[0]


@pytest.fixture
def _few_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kernel where each probe takes descriptors, and room for some more than are open."""
    monkeypatch.setattr(session_module, "several_at_once", lambda: False)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _many_probes(path: Path, count: int) -> BinaryProbe:
    events = probe_for(path, "main.deeper").events
    assert events is not None
    (event,), (probe,) = events.plan.events, events.plan.probes
    return bare(path, event_plan((event,), tuple(replace(probe, number=n) for n in range(count))))


@pytest.mark.usefixtures("_few_files")
def test_the_limit_of_open_files_is_raised_for_as_many_probes_as_there_are() -> None:
    path = build("traced")
    with run_target(path) as target, Session(Process.look(target.pid), _many_probes(path, 24)) as session:
        session.attach()
        target.ask("call 2")
        assert len(session.drain()) == 24 * 2 * FRAME


@pytest.mark.usefixtures("_few_files")
def test_more_probes_than_open_files_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    path = build("traced")
    monkeypatch.setattr(attach_module, "_allow_files", lambda more: None)
    with (
        run_target(path) as target,
        Session(Process.look(target.pid), _many_probes(path, 24)) as session,
        pytest.raises(SeyError) as error,
    ):
        session.attach()
    assert isinstance(error.value.problems[0], TooFewFiles)


def test_a_probe_without_events_is_refused() -> None:
    path = build("traced")
    with pytest.raises(SeyError) as error:
        Session(Process.look(os.getpid()), bare(path, event_plan((), ())))
    assert isinstance(error.value.problems[0], NoEvents)


@pytest.mark.parametrize("times", [20, pytest.param(200, marks=pytest.mark.matrix)])
def test_attached_and_detached_again_and_again_under_load(times: int) -> None:
    path = build("traced")
    probe = probe_for(path, "main.deeper", "main.work")
    before = bpf_objects()
    with run_target(path) as target:
        target.ask("spin 3")
        for _ in range(times):
            with Session(Process.look(target.pid), probe, ring_bytes=1 << 16) as session:
                session.attach()
                assert soon(lambda: session.drain() != b"")
        assert target.alive()
        count = int(target.ask("count"))
        assert soon(lambda: int(target.ask("count")) > count)
        assert target.ask("call 10") == b"280"
    assert soon(lambda: bpf_objects() <= before)


_TRACER = """
import sys
from pathlib import Path
from tests.events.support import probe_for
from sey.runtime.events.session import Session
from sey.runtime.process import Process
with Session(Process.look(int(sys.argv[1])), probe_for(Path(sys.argv[2]), "main.deeper", "main.work")) as session:
    session.attach()
    print("attached", flush=True)
    while True:
        session.drain()
"""


def test_killed_in_the_middle_it_leaves_nothing_and_the_target_runs_on() -> None:
    path = build("traced")
    before = bpf_objects()
    with run_target(path) as target:
        target.ask("spin 2")
        code = open_elf(path).read(frame_begin(path, "main.deeper"), 1)
        tracer = subprocess.Popen((sys.executable, "-c", _TRACER, str(target.pid), str(path)), stdout=subprocess.PIPE)
        assert tracer.stdout is not None
        assert tracer.stdout.readline() == b"attached\n"
        assert read_memory(target.pid, frame_begin(path, "main.deeper"), 1) == b"\xcc"
        tracer.send_signal(signal.SIGKILL)
        tracer.wait()
        tracer.stdout.close()
        assert soon(lambda: bpf_objects() <= before)
        assert soon(lambda: read_memory(target.pid, frame_begin(path, "main.deeper"), 1) == code)
        count = int(target.ask("count"))
        assert soon(lambda: int(target.ask("count")) > count)
