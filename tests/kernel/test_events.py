"""Events of calls that are counted: as many as the program itself counted, with the values it says they had."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kernel.support import Tables
from tests.kernel.tracing import Tracing
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf

ROUNDS, CROWD = 60, 2000
SPEC = """
event plain on return "main.plain" { a, s, p.Name as who, ~r0 as n, ~r1 as err, duration as took }
event failed on return "main.plain" when a > 10 && ~r1 != nil { a, ~r1 as err }
event begun on entry "main.plain" when a % 2 == 0 { a, s }
event registers on return "main.registers" { a, b, c, d, e, f, g, h, n, s, ok, len(g) + n as mixed }
event mixed on return "main.registers" { g, len(g) + n as m, len(h) + n as k, g == s as same, f != nil && ok as fine }
event wide on return "main.onStack" { w, tail, ~r0 as r0, ~r1 as r1 }
event leaf on return "main.leaf" { x, ~r0 as r }
event handle on return "main.(*server).handle" stack 8 { s, id, what, out, err }
event sum on return "main.point.sum" { p, ~r0 as r }
event grows on return "main.grows" { depth }
event recurses on return "main.recurses" { n, ~r0 as r }
event recovers on return "main.recovers" { n, result, err }
event throws on return "main.throws" { n, ~r0 as r }
event threw on entry "main.throws" { n }
event exits on return "main.exits" { n }
event exiting on entry "main.exits" { n }
event slow on return "main.slow" { id, d, ~r0 as r }
event slower on return "main.slow" when duration > 4ms { id, d }
event made on return "main.generic[...]" { n }
event closure on return "main.makeClosure.func1" { n, ~r0 as r }
"""


@dataclass(frozen=True)
class Traced:
    """What a trace found, and what the program counted."""

    tables: Tables
    entered: dict[str, int]
    returned: dict[str, int]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        return self.tables.rows(sql)

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.tables.row(f"select count(*) as n from {table}")["n"])


BUILDS = matrix([("1.26", "plain"), ("1.21", "plain"), ("1.24", "noopt")], modes=("plain", "noopt", "pie"))


@pytest.fixture(scope="module", params=BUILDS)
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    require_bpf()
    release, mode = request.param
    return _traced(build("events", go=release, mode=mode), SPEC, CROWD, tmp_path_factory.mktemp("traced"))


def _traced(executable: Path, spec: str, crowd: int, folder: Path) -> Traced:
    """Trace one round of calls."""
    with subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            with Tracing(spec, folder, process.pid) as trace:
                process.stdin.write(f"{ROUNDS} {crowd}\n")
                process.stdin.flush()
                told = json.loads(process.stdout.readline())
                return Traced(trace.end(), told["entered"], told["returned"])
        finally:
            process.kill()


def test_as_many_calls_return_as_the_program_counted(traced: Traced) -> None:
    names = {
        "plain": "main.plain", "registers": "main.registers", "wide": "main.onStack", "leaf": "main.leaf",
        "handle": "main.(*server).handle", "sum": "main.point.sum", "grows": "main.grows", "slow": "main.slow",
        "recurses": "main.recurses", "recovers": "main.recovers", "throws": "main.throws", "exits": "main.exits",
        "made": "main.generic[...]", "closure": "main.makeClosure.func1",
    }  # fmt: skip
    assert {event: traced.count(event) for event in names} == {event: traced.returned[f] for event, f in names.items()}
    lacking = "select event from events where unmatched + not_saved + rows_dropped + lost + no_slot > 0"
    assert traced.rows(lacking) == []
    began = {"threw": "main.throws", "exiting": "main.exits"}
    assert {event: traced.count(event) for event in began} == {event: traced.entered[f] for event, f in began.items()}


def test_conditions_choose_rows(traced: Traced) -> None:
    assert [row["a"] for row in traced.rows("select a from begun")] == list(range(0, ROUNDS, 2))
    assert [row["a"] for row in traced.rows("select a from failed")] == list(range(12, ROUNDS, 3))
    slower = traced.rows("select id, duration from slower")
    assert {i for i in range(CROWD) if i % 7 >= 4} <= {row["id"] for row in slower}
    assert all(row["duration"] > 4_000_000 for row in slower)


def test_values_are_those_of_the_call(traced: Traced) -> None:
    for i, row in enumerate(traced.rows("select * from plain order by time_ns")):
        assert (row["a"], row["s"], row["who"]) == (i, f"s{i}", "p")
        assert row["n"] == (i if i % 3 == 0 else 2 * i)
        message = f"plain {i} of s{i}: unsupported operation"
        assert (row["err"] and json.loads(row["err"])["message"]) == (message if i % 3 == 0 else None)
        assert row["took"] == row["duration"] > 0
    for i, row in enumerate(traced.rows("select * from registers order by time_ns")):
        given = (i % 100, i, -i, i << 33, i % 2 == 0, "x" * (i % 5), [0] * (i % 4) or (None if i % 4 else []))
        assert tuple(row[name] for name in "abcdegh") == given
        assert (row["n"], row["s"], row["ok"]) == (i % 100 + i - i + (i << 33) + i % 4, "x" * (i % 5) + "!", i % 2 == 0)
        assert row["mixed"] == i % 5 + row["n"]
    for i, row in enumerate(traced.rows("select * from mixed order by time_ns")):
        n = i % 100 + (i << 33) + i % 4
        assert tuple(row[name] for name in ("g", "m", "k")) == ("x" * (i % 5), i % 5 + n, i % 4 + n)
        assert (row["same"], row["fine"]) == (False, i % 2 == 0)
    for i, row in enumerate(traced.rows("select * from wide order by time_ns")):
        assert (row["w"]["A"], row["w"]["L"], row["tail"]) == (i, -i, [i, 5, 7])
        assert (row["r0"]["A"], row["r0"]["L"], row["r1"]) == (-i, i, i + 7)
    leaves = [(row["x"], row["r"]) for row in traced.rows("select * from leaf")]
    assert leaves == [(i, 3 * i + 1) for i in range(ROUNDS)]
    for i, row in enumerate(traced.rows("select * from handle order by time_ns")):
        assert (row["s"]["name"], row["id"]) == ("srv", i)
        assert row["out"]["ID"] == i
        assert dict(row["out"]["Tags"]) == {"name": "srv", "id": str(i)}
        assert (row["err"] is None) == (i % 4 != 0)


def test_deferred_functions_results_and_those_of_many_goroutines(traced: Traced) -> None:
    for i, row in enumerate(traced.rows("select * from recovers order by time_ns")):
        assert (row["n"], row["result"]) == (i, i if i % 2 == 0 else -i)
        assert (row["err"] is None) == (i % 2 == 0)
    assert Counter(row["n"] for row in traced.rows("select n from throws")) == Counter(range(0, ROUNDS, 2))
    slow = traced.rows("select id, r, duration, goid from slow")
    assert sorted((row["id"], row["r"]) for row in slow) == [(i, 2 * i) for i in range(CROWD)]
    assert len({row["goid"] for row in slow}) == CROWD
    assert all(row["duration"] >= row["id"] % 7 * 1_000_000 for row in slow)
    assert Counter(row["depth"] for row in traced.rows("select depth from grows")) == dict.fromkeys(range(201), 20)


def test_a_call_that_left_by_a_panic_is_not_taken_for_the_next_in_its_place(tmp_path: Path) -> None:
    require_bpf()
    spec = """
    event odd on return "main.throws" when n % 2 == 1 { n, ~r0 as r }
    event third on return "main.throws" sample 1/3 { n, ~r0 as r }
    """
    found = _traced(build("events", go="1.26"), spec, 0, tmp_path)
    # Odd ones panic. What was kept of them must be forgotten by the calls after them, though of these nothing is kept.
    assert found.rows("select n, r from odd") == []
    assert found.rows("select n, r from third order by n") == [{"n": n, "r": n} for n in range(0, ROUNDS, 6)]


def test_stacks_come_along(traced: Traced) -> None:
    (stack,) = traced.rows("select distinct stack_id from handle")
    frames = traced.rows(f"select function from frames where stack_id = {stack['stack_id']} order by depth")
    assert [row["function"] for row in frames][:3] == ["main.(*server).handle", "main.once", "main.main"]


def test_a_call_that_leads_to_more_than_is_kept_loses_only_that(tmp_path: Path) -> None:
    require_bpf()
    spec = 'event laden on return "main.laden" { b, ~r0 as r }\n'
    found = _traced(build("events", go="1.26"), spec, 0, tmp_path)
    rows = found.rows("select b, r, duration from laden order by time_ns")
    assert [row["r"] for row in rows] == [i + 92 for i in range(ROUNDS)]
    assert all(row["duration"] > 0 for row in rows)
    for i, row in enumerate(rows):
        assert row["b"]["Number"] == i
        items = row["b"]["Items"]
        there = [item for item in items if isinstance(item, str)]
        assert 0 < len(there) < len(items)
        assert there == [f"{n}" + "x" * 90 for n in range(len(there))]
    counted = found.rows("select unmatched, not_saved, objects_dropped > 0 as dropped from events")
    assert counted == [{"unmatched": 0, "not_saved": 0, "dropped": True}]


MIXED = 'event sum on return "main.point.sum" { p, p.X + ~r0 as mixed }\n'


@pytest.mark.parametrize(("redact", "kept"), [("", True), ('redact "name"\n', False)], ids=["without", "with"])
def test_of_parameters_kept_for_a_return_nothing_redacted_comes_along(tmp_path: Path, redact: str, kept: bool) -> None:
    require_bpf()
    traced = _traced(build("events", go="1.26"), redact + MIXED, 0, tmp_path)
    assert [row["mixed"] for row in traced.rows("select mixed from sum order by time_ns")] == [
        2 * i + 1 for i in range(ROUNDS)
    ]
    (process,) = traced.tables.capture.processes
    events = traced.tables.capture.probe(process.facts).events
    assert events is not None
    assert process.events is not None
    stream = next(stream for stream in events.plan.streams if stream.name == "kept_0")
    records = process.events.records(np.arange(len(process.events))).of(stream)
    assert len(records.place) == ROUNDS
    assert bool(process.events.rows(records.place, stream.size).any()) == kept
