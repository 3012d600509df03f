"""Events of processes of every kind: in containers, with children of the same program, without their first thread."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.kernel.containers import contained, installed
from tests.kernel.tracing import Tracing
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

SPEC = """
event begun on entry "main.work" { n, name }
event deeper on return "main.deeper" { n, ~r0 as r }
"""
COUNTS = "select count(*) n, sum(n) s, count(distinct pid) p from {}"


@pytest.fixture(autouse=True)
def _needs_bpf() -> None:
    require_bpf()


def test_a_process_in_a_container_whose_executable_is_gone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    installed(build("traced"), root / "app" / "server")
    with contained(root) as (shell, pid):
        with Tracing(SPEC, tmp_path, pid) as trace:
            shell.ask("call 10")
            # Another build is put in its place; what runs goes on.
            installed(build("parts"), root / "app" / "server")
            shell.ask("call 10")
            tables = trace.end()
        with Tracing(SPEC, tmp_path, pid) as trace:
            shell.ask("call 5")
            later = trace.end()
        threads = {int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()}
    assert tables.row(COUNTS.format("deeper")) == {"n": 20, "s": 90, "p": 1}
    assert later.row(COUNTS.format("deeper")) == {"n": 5, "s": 10, "p": 1}
    assert tables.rows("select * from deeper where r <> n * 6 + 1") == []
    assert tables.rows("select distinct name, pid from begun") == [{"name": "deeper", "pid": pid}]
    assert {row["thread_id"] for row in tables.rows("select distinct thread_id from deeper")} <= threads


@pytest.mark.parametrize("mode", ["plain", "pie"])
def test_children_of_the_same_program_are_not_traced(mode: str, tmp_path: Path) -> None:
    with run_target(build("traced", mode=mode)) as target, Tracing(SPEC, tmp_path, target.pid) as trace:
        target.ask("call 10")
        target.ask("children 3")
        target.ask("call 10")
        tables = trace.end()
    for event in ("begun", "deeper"):
        assert tables.row(COUNTS.format(event)) == {"n": 20, "s": 90, "p": 1}
    assert tables.rows("select distinct seen from events") == [{"seen": 20}]


@pytest.mark.parametrize("mode", ["plain", "pie"])
def test_a_process_whose_first_thread_has_ended(mode: str, tmp_path: Path) -> None:
    with run_target(build("traced", mode=mode), "orphan") as target, run_target(build("traced", mode=mode)) as other:
        deadline = time.monotonic() + 20
        while "Z (zombie)" not in Path(f"/proc/{target.pid}/status").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with Tracing(SPEC, tmp_path, target.pid) as trace:
            target.ask("call 10")
            other.ask("call 10")
            target.ask("children 1")
            tables = trace.end()
        assert target.ask("call 10") == b"280"
    for event in ("begun", "deeper"):
        assert tables.row(COUNTS.format(event)) == {"n": 10, "s": 45, "p": 1}


@pytest.mark.parametrize("mode", ["plain", "pie"])
def test_what_ran_before_a_process_became_another_program_is_kept(mode: str, tmp_path: Path) -> None:
    with run_target(build("traced", mode=mode)) as target, Tracing(SPEC, tmp_path, target.pid) as trace:
        target.ask("call 10")
        target.tell("exec")
        err = trace.process.communicate(timeout=60)[1].decode()
        assert trace.process.returncode == 0, err
        assert "ended: the process became another program or exited" in err
        assert trace.tables().row(COUNTS.format("deeper")) == {"n": 10, "s": 45, "p": 1}
        target._await_ready()
        assert target.ask("call 10") == b"280"


def test_nothing_is_told_of_another_program_that_a_process_became(tmp_path: Path) -> None:
    """What it has in memory is elsewhere: only a trace from its start sees it."""
    with run_target(build("traced", mode="pie")) as target, Tracing(SPEC, tmp_path, target.pid) as trace:
        target.ask("call 10")
        target.tell("exec\ncall 5")
        trace.process.communicate(timeout=60)
        assert trace.tables().row(COUNTS.format("deeper")) == {"n": 10, "s": 45, "p": 1}
