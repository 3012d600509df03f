"""Func values, method values and constants of a real process: what closures hold, whatever lies behind an `any`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.kernel.support import sey
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target
from tests.support.tracing import trace

WORKER = {"name": "w", "state": 1, "state__name": "Busy", "level": -2, "level__name": "Low"}


@pytest.mark.parametrize("go", [pytest.param("1.23", marks=pytest.mark.matrix), "1.26", "1.27"])
def test_what_func_values_hold(go: str, tmp_path: Path) -> None:
    (tmp_path / "s.sey").write_text('global "main.held" as held { depth 6 }\n')
    with Target(build("closures", go=go)) as target:
        arguments = ("s.sey", "-p", str(target.pid), "-o", "a.seyc", "--engine", "interp")
        assert sey("snapshot", *arguments, cwd=tmp_path).returncode == 0
    found = json.loads(sey("query", "a.seyc", "select value from globals", "--json", cwd=tmp_path).stdout)
    counter, pointer, value, through, *generic, plain, large = [item["value"] for item in found[0]["value"]]
    assert counter["func"] == "main.counter.func1"
    assert {name: counter["captured"][name] for name in ("total", "name")} == {"total": 3, "name": "c"}
    assert [f["func"] for f in (pointer, value, through)] == [
        *("main.(*Worker).Do-fm", "main.Worker.Copy-fm", "main.Doer.Do-fm")
    ]
    for receiver in (pointer["captured"]["R"], value["captured"]["R"], through["captured"]["R"]["value"]):
        assert {name: receiver[name] for name in WORKER} == WORKER
    assert through["captured"]["R"]["type"] == "*main.Worker"
    for held, times in zip(generic, (2, 3), strict=True):
        assert held["captured"]["times"] == times
        assert held["captured"]["value"]["$status"] == "unsupported"
    assert plain["captured"] is None
    # What optimized code finds by way of the closure alone has no entry.
    captured = large["captured"]
    assert {name: captured[name] for name in ("count", "changed")} == {"count": 3, "changed": [8, 9]}


def test_what_a_call_of_a_closure_holds_is_told_from_what_it_refers_to() -> None:
    require_bpf()
    executable = build("closures", go="1.26", mode="noopt")
    with Target(executable) as target:
        spec = 'event called on entry "main.large.func1" { count, first, ends, changed, last }'
        _, found = trace(executable, spec, target.pid, partial(target.ask, "call"))
    (event,) = found.events
    first, last = ({"Names": ["x"], "A": 1, "B": 2, "C": 3, "D": 4, "E": 5}, {"Names": {"$status": "nil"}, "A": 10})
    assert event["first"] == first
    assert (event["count"], event["ends"], event["changed"]) == (3, [6, 7], [8, 9])
    assert {name: event["last"][name] for name in last} == last
