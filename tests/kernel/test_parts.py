"""A walk that is split into parts leaves the same tables as one that isn't."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sey.binary.gobinary import open_go
from sey.runtime.ebpf_engine import load_ebpf
from sey.runtime.engine import parts_for, room_for
from sey.runtime.merge import number_stacks
from sey.runtime.pause import paused
from sey.runtime.process import Process
from sey.runtime.snapshot import Limits
from tests.kernel.support import Tables, compiled, snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

SPEC = """
func "main.request" as requests when id % 3 == 0 { id, name, job, job.Priority as priority }
"""
TABLES = {
    "goroutines": "select * exclude (wait_ns) from goroutines order by goid",
    "frames": "select * from frames order by stack_id, depth",
    "stacks": "select * from stacks order by stack_id",
    "requests": "select * from requests order by goid, depth",
}


@pytest.fixture(scope="module")
def frozen() -> Iterator[tuple[Target, Path]]:
    """Goroutines of many different stacks, in a process that is stopped."""
    require_bpf()
    executable = build("many")
    with run_target(executable, "-n", "3000", "-depth", "8", "-distinct", "64") as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield target, executable


def taken(frozen: tuple[Target, Path], parts: int, max_bytes: int = 256 << 20) -> Tables:
    target, executable = frozen
    return snapshot(target.pid, executable, SPEC, Limits(5_000_000_000, max_bytes, parts))


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_make_the_same_tables(frozen: tuple[Target, Path], parts: int) -> None:
    whole, split = taken(frozen, 1), taken(frozen, parts)
    for name, sql in TABLES.items():
        rows = whole.rows(sql)
        assert len(rows) > 60
        assert split.rows(sql) == rows, name
    ours, theirs = (tables.capture.processes[0].facts for tables in (split, whole))
    assert ours.counters == {**theirs.counters, "objects": ours.counters["objects"]}
    assert ours.when_missing == theirs.when_missing


def test_parts_share_the_space(frozen: tuple[Target, Path]) -> None:
    counters = taken(frozen, 4, max_bytes=1 << 20).capture.processes[0].facts.counters
    assert counters["state"] == 3
    assert counters["captured"] < 3000


def test_few_goroutines_are_not_worth_a_part() -> None:
    assert parts_for(0) == parts_for(2000) == 1
    assert 1 <= parts_for(1_000_000) <= len(os.sched_getaffinity(0))


def test_stacks_are_numbered_as_in_one_walk() -> None:
    hashes = np.array([7, 5, 9, 5, 3, 7], dtype=np.uint64)
    firsts = np.array([4, 1, 6, 0, 2, 9], dtype=np.uint64)
    numbers, kept = number_stacks(hashes, firsts)
    assert numbers.tolist() == [2, 0, 3, 0, 1, 2]
    assert kept.tolist() == [3, 4, 0, 2]


def test_a_thread_that_ended_before_the_pause_is_replaced(frozen: tuple[Target, Path]) -> None:
    target, executable = frozen
    probe = compiled(executable, "").binaries[0]
    assert probe.program is not None
    process = Process.look(target.pid)
    bias = process.load_bias(open_go(process.exe_path).elf.entry)
    gone = subprocess.Popen(["sleep", "60"])
    room = room_for(probe.plan, 3000, 64 << 20)
    with load_ebpf(probe.program, probe.plan, [target.pid, gone.pid], room, 2) as loaded:
        gone.kill()
        gone.wait()
        with paused(process, 5_000_000_000, workers=loaded.parts) as pause:
            pause.run_all(loaded.runs(pause.threads, bias, pause.deadline_ns))
        counters = loaded.results().counters
    assert counters["state"] == 1
    assert counters["captured"] + counters["dead"] == counters["goroutines"]
