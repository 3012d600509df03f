"""Events of goroutines by the thousand, on stacks that move, on threads that take turns on a processor: none is missed,
none is mixed with another's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sey.frontend.lower.events import MAX_CALLS
from tests.kernel.support import Tables
from tests.kernel.tracing import Tracing
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

CROSSING = """
event starts on entry "main.crossing" { id, round }
event ends on return "main.crossing" { id, round, text, ~r0 as r }
event bottoms on entry "main.bottom" { n }
"""
MIX = """
event starts on entry "main.mix" { thread, turn, text, more }
event ends on return "main.mix" { thread, turn, text, more, ~r0 as n, ~r1 as same, thread + ~r0 as sum }
"""


@pytest.fixture(autouse=True)
def _needs_bpf() -> None:
    require_bpf()


def counts(tables: Tables) -> dict[str, int]:
    """How many rows each event has, where nothing is missing."""
    lacking = "unmatched + not_saved + lost + no_slot + rows_dropped + objects_dropped + when_missing"
    assert tables.rows(f"select * from events where {lacking} > 0") == []
    rows = tables.rows("select event, emitted from events")
    assert all(row["emitted"] == tables.row(f"select count(*) n from {row['event']}")["n"] for row in rows)
    return {row["event"]: row["emitted"] for row in rows}


@pytest.mark.parametrize("build_of", matrix([("1.26", "plain")], modes=("plain", "pie", "noopt")))
def test_ten_thousand_goroutines_in_one_call_while_stacks_grow_and_shrink(
    build_of: tuple[str, str], tmp_path: Path
) -> None:
    release, mode = build_of
    with run_target(build("stress", go=release, mode=mode), env={"GOGC": "1"}, timeout=120) as target:
        target.ask("collect")
        with Tracing(CROSSING, tmp_path, target.pid) as trace:
            told = target.ask_json("crowd 10000 1")
            tables = trace.end()
    assert counts(tables) == {"starts": told["crossed"], "ends": told["crossed"], "bottoms": told["bottoms"]}
    assert told == {"crossed": 10000, "bottoms": 2500, "mixed": 0, "cold": 0}
    wrong = """select * from ends where text is distinct from id::varchar or duration <= 0
        or r is distinct from id * 10 + round + length(text)"""
    assert tables.rows(wrong) == []
    assert tables.row("select count(distinct (id, round)) n, count(distinct goid) g from ends") == {
        "n": 10000, "g": 10000,
    }  # fmt: skip
    moved = """select count(*) n from starts s join ends e using (goid, id, round)
        where s.thread_id <> e.thread_id and s.time_ns < e.time_ns"""
    assert tables.row("select count(*) n from starts join ends using (goid, id, round)") == {"n": 10000}
    assert os.cpu_count() == 1 or tables.row(moved)["n"] > 0


def _pinned() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _mixed(tables: Tables, threads: int, turns: int) -> list[dict[str, Any]]:
    """Rows of calls with anything of another call; each thread's turns come in order."""
    for event, more in (("starts", ""), ("ends", "or n <> (thread << 32) + turn or same <> text or sum <> thread + n")):
        sql = f"""select * from (
                select *, row_number() over (partition by thread order by time_ns) - 1 as place from {event})
            where turn <> place or text <> (thread * {turns} + turn)::varchar or more[1] <> turn {more}"""
        if wrong := tables.rows(sql):
            return wrong
        by_thread = f"select thread, count(*) n, count(distinct thread_id) t from {event} group by 1 order by 1"
        assert tables.rows(by_thread) == [{"thread": n, "n": turns, "t": 1} for n in range(threads)]
    return []


@pytest.mark.parametrize("turns", [5000, pytest.param(60_000, marks=pytest.mark.matrix)])
def test_busy_threads_that_share_a_processor_do_not_mix(turns: int, tmp_path: Path) -> None:
    executable = build("stress")
    running = Target(executable, env={"GOMAXPROCS": "4"}, before=_pinned, timeout=120)
    with running as target, Tracing(MIX, tmp_path, target.pid) as trace:
        told = target.ask_json(f"busy 3 {turns}")
        tables = trace.end()
    assert counts(tables) == {"starts": told["mixed"], "ends": told["mixed"]}
    assert told["mixed"] == 3 * turns
    assert _mixed(tables, 3, turns) == []


def test_what_has_to_be_paged_in_is_read_all_the_same(tmp_path: Path) -> None:
    spec = 'event reads on entry "main.reads" { turn, text }\nevent done on return "main.reads" { turn, text }\n'
    with run_target(build("stress")) as target, Tracing(spec, tmp_path, target.pid) as trace:
        told = target.ask_json("cold 1000")
        tables = trace.end()
    assert counts(tables) == {"reads": told["cold"], "done": told["cold"]}
    for event in ("reads", "done"):
        assert tables.row(f"select count(distinct turn) n, min(text) a, max(text) b from {event}") == {
            "n": 1000, "a": "x" * 20, "b": "x" * 20,
        }  # fmt: skip


def test_calls_that_never_return_leave_room_for_others(tmp_path: Path) -> None:
    spec = CROSSING + 'event gone on return "main.leaves" { id }\n'
    with run_target(build("stress"), timeout=120) as target, Tracing(spec, tmp_path, target.pid) as trace:
        target.ask(f"leave {MAX_CALLS + 1000}")
        target.ask("crowd 50 2")
        tables = trace.end()
    assert counts(tables) == {"starts": 100, "ends": 100, "bottoms": 26, "gone": 0}
    assert tables.rows("select * from ends where text is distinct from id::varchar") == []
