"""Who waits for whom: its four tables, of a program whose waits are known."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.support import Tables, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import run_target

LEAKED = 20
BUILDS = [("1.21", "plain"), ("1.26", "plain"), ("1.26", "noopt")]

FRAMES = """
    select h.goid, f.function, h.evidence, l.kind, l.waiters
    from lock_holders h join waited_locks l using (pid, address)
    join goroutines g on g.pid = h.pid and g.goid = h.goid
    join frames f on f.pid = g.pid and f.stack_id = g.stack_id and f.depth = h.depth order by h.goid
"""


@pytest.fixture(scope="module", params=matrix(BUILDS))
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    require_bpf()
    release, mode = request.param
    executable = build("waits", go=release, mode=mode)
    with run_target(executable, "-leaked", str(LEAKED)) as target:
        yield snapshot(target.pid, executable)


def test_every_wait_has_its_kind_and_operation(tables: Tables) -> None:
    rows = tables.rows("select kind, operation, of_select, count(*) as n from goroutine_waits group by all")
    found = {(r["kind"], r["operation"], r["of_select"]): r["n"] for r in rows}
    version = tables.row("select go_version from processes")["go_version"]
    conditions = {("cond", "wait", False): 1} if version >= "go1.26" else {}
    assert found == {
        ("channel", "receive", False): LEAKED + 6,
        ("channel", "receive", True): 1,
        ("channel", "send", False): 4,
        ("channel", "send", True): 1,
        ("mutex", "lock", False): 6,
        ("rwmutex", "lock", False): 1,
        ("rwmutex", "rlock", False): 3,
        ("waitgroup", "wait", False): 1,
        **conditions,
    }


def test_channels_are_as_they_are(tables: Tables) -> None:
    (full,) = tables.rows("select * from waited_channels where len > 0")
    assert (full["elem_type"], full["len"], full["cap"], full["closed"]) == ("*main.job", 2, 2, False)
    ends = tables.rows(f"select * from goroutine_waits where operation = 'send' and address = {full['address']}")
    assert len(ends) == 5
    assert tables.row("select count(*) as n from waited_channels where elem_type = 'int'")["n"] == LEAKED


def test_locks_are_as_they_are(tables: Tables) -> None:
    rows = tables.rows("select kind, waiters, locked, readers, counter from waited_locks order by all")
    rows = [row for row in rows if row["kind"] != "cond"]
    assert [tuple(r.values()) for r in rows] == [
        *[("mutex", 1, True, None, None)] * 4,
        ("mutex", 2, True, None, None),
        ("rwmutex", 4, False, 1, None),
        ("waitgroup", 1, None, None, 1),
    ]


def test_each_lock_has_the_one_holder_that_it_has(tables: Tables) -> None:
    rows = tables.rows(FRAMES)
    found = sorted((r["function"], r["evidence"], r["kind"], r["waiters"]) for r in rows)
    assert found == [
        ("main.(*account).move", "pointer", "mutex", 2),
        ("main.(*account).sleep", "pointer", "mutex", 1),
        ("main.(*store).report", "pointer", "rwmutex", 4),
        ("main.holdGlobal", "variable", "mutex", 1),
        ("main.transfer", "pointer", "mutex", 1),
        ("main.transfer", "pointer", "mutex", 1),
    ]
    # Each of the two transfers holds what the other one waits for.
    circle = tables.rows("""
        select w.goid as a, h.goid as b from goroutine_waits w join lock_holders h using (pid, address)
        where exists (from goroutine_waits v join lock_holders i using (pid, address)
            where v.goid = h.goid and i.goid = w.goid)
    """)
    assert len(circle) == 2
    assert (circle[0]["a"], circle[0]["b"]) == (circle[1]["b"], circle[1]["a"])


@pytest.fixture(scope="module")
def stopped() -> Iterator[tuple[int, Path]]:
    require_bpf()
    executable = build("waits")
    with run_target(executable, "-leaked", str(LEAKED)) as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield target.pid, executable


@pytest.mark.parametrize("parts", [1, 2])
def test_all_engines_see_the_same_waits(stopped: tuple[int, Path], parts: int) -> None:
    pid, executable = stopped
    compare({engine: run_engine(engine, pid, executable, "", parts) for engine in ENGINES}, goroutines=LEAKED)
