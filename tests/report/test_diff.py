"""`sey diff`: what appeared, is gone, grew, and who is still there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.cli.conftest import shop_file as shop_file
from tests.report.conftest import LEAKED, MORE

Captures = tuple[Path, Path]


def test_what_grew_is_named_by_its_stack(run: Run, captures: Captures) -> None:
    found = json.loads(run("diff", *captures, "--json").out)
    grew = [change for change in found["stacks"] if change["change"] == "grew"]
    assert [(c["before"], c["after"], c["created_by"]) for c in grew] == [(LEAKED, LEAKED + MORE, "main.more")]
    assert any(frame["function"] == "main.leak" for frame in grew[0]["frames"])
    assert found["same_build"]
    assert found["goroutines_after"] - found["goroutines_before"] == MORE


def test_the_other_way_round_it_shrank(run: Run, captures: Captures) -> None:
    found = json.loads(run("diff", captures[1], captures[0], "--json").out)
    assert [(c["before"], c["after"]) for c in found["stacks"] if c["change"] == "shrank"] == [(LEAKED + MORE, LEAKED)]


def test_goroutines_are_followed_by_id(run: Run, captures: Captures) -> None:
    found = json.loads(run("diff", *captures, "--json").out)
    (new,) = [g for g in found["goroutines"] if g["change"] == "appeared"]
    still = {g["goroutines"] for g in found["goroutines"] if g["change"] == "still there"}
    assert (new["goroutines"], len(new["goids"])) == (MORE, MORE)
    assert LEAKED in still
    assert not [g for g in found["goroutines"] if g["change"] == "gone"]


def test_tables_of_specs_are_compared(run: Run, captures: Captures) -> None:
    (late,) = json.loads(run("diff", *captures, "--json").out)["tables"]
    assert late == {"table": "late", "before": 1, "after": 1, "goroutines_gone": 0, "goroutines_appeared": 0}


def test_as_text(run: Run, captures: Captures) -> None:
    done = run("diff", *captures)
    assert (done.status, done.err) == (0, "")
    assert f"STACKS: GREW\n  {LEAKED} → {LEAKED + MORE} chan receive" in done.out
    assert f"  {MORE} appeared, " in done.out
    same = run("diff", captures[0], captures[0]).out
    assert "the same stacks, and nobody waits longer" in same


def test_another_process_is_compared_by_functions(run: Run, captures: Captures, shop_file: Path) -> None:
    found = json.loads(run("diff", captures[0], shop_file, "--json").out)
    assert (found["same_build"], found["followed_pids"], found["goroutines"]) == (False, [], [])
    assert {change["change"] for change in found["stacks"]} >= {"appeared", "gone"}


@pytest.mark.parametrize("command", [["report"], ["diff", "x"]])
def test_a_file_that_is_none_is_refused(run: Run, tmp_path: Path, command: list[str]) -> None:
    bad = tmp_path / "bad.seyc"
    bad.write_bytes(b"SEYC" + bytes(100))
    assert run(command[0], *([bad] * len(command))).status == 6
