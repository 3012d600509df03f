"""Stacks of very many frames: all of them for `func` blocks, both ends of them in the tables, and bounded."""

from __future__ import annotations

import json

from sey.runtime.summary import summarize
from tests.kernel.support import sey, snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

SPEC = 'func "main.descend" as descend { left as n }'
# Besides main.descend: gopark, chanrecv, chanrecv1 and goexit, and where it is a goroutine of its own its wrapper.
MOST_OTHERS = 6


def test_every_frame_of_a_deep_stack_has_its_row_and_the_tables_both_ends() -> None:
    require_bpf()
    executable = build("deep")
    with run_target(executable, "99990", "99995", "131080") as target:
        tables = snapshot(target.pid, executable, SPEC)
        text = sey("stacks", str(target.pid))
    rows = tables.rows(
        "select goid, count(*) k, count(distinct depth) depths, max(n) most, "
        "count(*) filter (n__status <> 'ok') missing, bool_and(n = depth - lowest) as in_order from descend join "
        "(select goid, min(depth - n) lowest from descend group by 1) using (goid) group by 1 order by most"
    )
    assert [(row["k"], row["depths"], row["most"]) for row in rows[:2]] == [(n + 1, n + 1, n) for n in (99990, 99995)]
    assert all(row["missing"] <= 1 and row["in_order"] for row in rows), "the innermost one has nothing left to count"
    assert rows[2]["k"] == rows[2]["depths"] > 131072 - MOST_OTHERS
    assert tables.row("select rows_dropped from processes")["rows_dropped"] == 0
    stacks = tables.rows("select * from stacks where frames > 1000 order by frames")
    assert [stack["ended"] for stack in stacks] == ["complete", "complete", "limit"]
    for stack in stacks:
        assert stack["truncated"] == stack["frames"] - 512
        of_stack = f"from frames where stack_id = {stack['stack_id']}"
        depths = tables.row(f"select min(depth) low, max(depth) high, count(*) n {of_stack}")
        assert depths == {"low": 0, "high": stack["frames"] - 1, "n": 512}
    assert "1 stacks whose outer end could not be reached" in summarize(tables.capture)[-1]
    assert "… and more: this is as deep as stacks are walked …" in text.stdout, text.stderr


def test_a_deep_stack_says_in_json_how_it_ended() -> None:
    require_bpf()
    with run_target(build("deep"), "200000") as target:
        groups = json.loads(sey("stacks", str(target.pid), "--json").stdout)
    assert [group["ended"] for group in groups if group["truncated"]] == ["limit"]
