"""What one goroutine's values lead to, however much it is, keeps no other goroutine's from being captured."""

from __future__ import annotations

import json
from collections import Counter

from sey.runtime.snapshot import Limits
from tests.kernel.support import snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

WORKERS = 500
SPEC = 'func "main.work" as work { id, own, all as every { max_items 4096, depth 2 } }'


def test_much_behind_one_value_starves_no_other() -> None:
    """The first worker has 65 536 nodes, for which there is no room."""
    require_bpf()
    executable = build("graph")
    with run_target(executable, "-workers", str(WORKERS), "-spread", "1", timeout=60) as target:
        tables = snapshot(target.pid, executable, SPEC, Limits(max_pause_ns=5_000_000_000, max_bytes=5 << 20))
    rows = tables.rows("select id, own__status, own.id as node from work order by id")
    assert [(row["id"], row["own__status"], row["node"]) for row in rows] == [(i, "ok", i) for i in range(WORKERS)]
    text = tables.rows("select value from captures where name = 'every' and value is not null")[0]["value"]
    found = Counter(part.partition('"')[0] for part in text.split('"$status":"')[1:])
    assert 1000 < found["budget"] < 65536
    assert text.count('"id":') > 1000


def test_a_value_and_what_it_holds_at_one_address_are_two_objects() -> None:
    require_bpf()
    executable = build("graph")
    with run_target(executable, "-spread", "1", timeout=60) as target:
        tables = snapshot(target.pid, executable, 'global "main.both" as pair')
    assert json.loads(tables.row("select value from globals")["value"]) == {
        "whole": [[], [[], []]],
        "first": [],
    }
