"""`sey report`: of a program whose troubles are known it names each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sey.runtime.capture import Capture
from sey.runtime.report.cycles import circles, components
from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.cli.conftest import shop_file as shop_file
from tests.report.conftest import LEAKED

Captures = tuple[Path, Path]


@pytest.fixture
def found(run: Run, captures: Captures) -> dict[str, Any]:
    done = run("report", captures[0], "--json")
    assert (done.status, done.err) == (0, "")
    parsed: dict[str, Any] = json.loads(done.out)
    return parsed


def test_a_deadlock_is_named_with_its_goroutines(found: dict[str, Any]) -> None:
    (deadlock,) = found["deadlocks"]
    assert [step["now"]["function"] for step in deadlock["steps"]] == ["main.transfer"] * 2
    assert len({step["lock"] for step in deadlock["steps"]}) == 2
    assert {step["kind"] for step in deadlock["steps"]} == {"mutex"}


def test_locks_have_waiters_and_probable_holders(found: dict[str, Any]) -> None:
    first = next(lock for lock in found["locks"] if lock["kind"] == "rwmutex")
    assert (first["kind"], first["waiters"], first["readers"]) == ("rwmutex", 4, 1)
    assert [(c["place"]["function"], c["operation"], c["goroutines"]) for c in first["waiting"]] == [
        ("main.(*store).get", "rlock", 3),
        ("main.(*store).put", "lock", 1),
    ]
    (holder,) = first["holders"]
    assert (holder["held_in"]["function"], holder["doing"]) == ("main.(*store).report", "chan receive")
    assert holder["held_in"]["file"].endswith("waits/main.go")
    assert holder["locked_at_line"] < holder["held_in"]["line"]
    held = {lock["holders"][0]["held_in"]["function"] for lock in found["locks"] if lock["kind"] == "mutex"}
    assert held == {"main.transfer", "main.holdGlobal", "main.(*account).move", "main.(*account).sleep"}


def test_a_chain_leads_to_who_stops_them_all(found: dict[str, Any]) -> None:
    (chain,) = found["chains"]
    places = [step["now"]["function"] for step in chain["steps"]]
    assert places == ["main.(*account).deposit", "main.(*account).move", "main.(*account).sleep"]
    assert (chain["stopped"], chain["steps"][-1]["doing"], chain["steps"][-1]["lock"]) == (3, "chan receive", None)
    far = next(lock for lock in found["locks"] if lock["address"] == chain["steps"][1]["lock"])
    assert (far["waiters"], far["stopped"]) == (1, 3)


def test_channels_have_senders_and_receivers(found: dict[str, Any]) -> None:
    jobs = next(c for c in found["channels"] if c["elem_type"] == "*main.job")
    assert (jobs["channels"], jobs["longest_len"], jobs["cap"], jobs["receivers"]) == (1, 2, 2, [])
    senders = {(c["place"]["function"], c["goroutines"]) for c in jobs["senders"]}
    assert senders == {("main.produce", 4), ("main.choose", 1)}
    many = found["channels"][0]
    assert (many["channels"], many["elem_type"], many["waiters"]) == (LEAKED, "int", LEAKED)


def test_many_alike_are_suspected(found: dict[str, Any]) -> None:
    (leak,) = found["leaks"]
    assert (leak["goroutines"], leak["created_by"], leak["wait_reason"]) == (LEAKED, "main.more", "chan receive")
    assert leak["crowd"]["place"]["function"] == "main.leak"
    assert 0.5 < leak["share"] < 1


def test_late_contexts_are_found_where_a_spec_took_them(found: dict[str, Any]) -> None:
    (late,) = found["contexts"]
    assert (late["source"], late["name"], late["cancelled"]) == ("late", "ctx", True)
    assert late["now"]["function"] == "main.late"
    assert late["overdue_ns"] > 0


def test_states_add_up(found: dict[str, Any]) -> None:
    assert sum(state["goroutines"] for state in found["states"]) == found["processes"][0]["goroutines"]
    assert found["states"][0]["wait_reason"] == "chan receive"
    assert found["states"][0]["crowds"][0]["goroutines"] == LEAKED


def test_what_is_missing_says_why(run: Run, shop_file: Path) -> None:
    lacks = json.loads(run("report", shop_file, "--json").out)["missing"]
    assert any(lack["why"] and lack["what"].startswith("handle.") for lack in lacks)


def test_as_text_it_is_a_screenful_or_two(run: Run, captures: Captures) -> None:
    done = run("report", captures[0])
    lines = done.out.splitlines()
    assert (done.status, done.err) == (0, "")
    assert len(lines) < 80
    assert max(map(len, lines)) < 250
    titles = [line for line in lines if line.isupper()]
    after = ["CONTEXTS PAST THEIR DEADLINE", "GOROUTINES", "NOT IN THE CAPTURE"]
    assert titles == ["DEADLOCKS", "LOCKS", "CHAINS OF WAITING", "CHANNELS", *after]
    assert f"    {LEAKED} goroutines wait to receive, at main.leak waits/main.go:" in done.out
    assert "  2 goroutines that probably wait for each other" in lines


def test_of_several_snapshots_the_last_one_counts(run: Run, captures: Captures, tmp_path: Path) -> None:
    first, second = (Capture.load(str(path)) for path in captures)
    (again,) = second.processes
    later = replace(again, facts=replace(again.facts, snapshot=1))
    both = tmp_path / "both.seyc"
    Capture(first.bundles, (*first.processes, later)).save(str(both))
    assert json.loads(run("report", both, "--json").out) == json.loads(run("report", captures[1], "--json").out)
    assert json.loads(run("diff", captures[1], both, "--json").out)["stacks"] == []


def test_circles_are_the_components_with_a_way_back() -> None:
    edges = {1: [2], 2: [3], 3: [1, 4], 4: [4, 9], 5: [1], 6: [7], 7: [8], 8: []}
    assert sorted(map(sorted, components(edges))) == [[1, 2, 3], [4], [5], [6], [7], [8]]
    assert sorted(circles(edges)) == [[1, 2, 3], [4]]
    long = {n: [n + 1] for n in range(50_000)} | {50_000: [0]}
    assert len(circles(long)[0]) == 50_001
