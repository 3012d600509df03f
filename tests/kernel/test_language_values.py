"""Expressions of specs over running programs: each gives what the program says that it gives in Go."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from tests.kernel.support import Tables, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import RELEASES as ALL
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

FAST = (("1.26", "plain"), ("1.21", "plain"), ("1.26", "noopt"))
RELEASES = [*FAST, *(pytest.param(release, "plain", marks=pytest.mark.matrix) for release in ALL if release != "1.26")]
PER_BLOCK = 30


def spec_of(expressions: list[str], function: str) -> str:
    """A spec with a column for each expression, over several blocks; those that begin with `global` are statements."""
    own = [e for e in expressions if not e.startswith("global ")]
    lines = [f"{e} as global_{number}" for number, e in enumerate(e for e in expressions if e.startswith("global "))]
    for start in range(0, len(own), PER_BLOCK):
        captures = [f"  {e} as e{start + i}" for i, e in enumerate(own[start : start + PER_BLOCK])]
        lines += [f'func "{function}" as block_{start} {{', *captures, "}"]
    return "\n".join(lines)


def captured(tables: Tables, expressions: list[str]) -> dict[str, Any]:
    """What the capture has for each expression: its value, or its status as the target's words have it."""
    own = [e for e in expressions if not e.startswith("global ")]
    found: dict[str, Any] = {}
    for start in range(0, len(own), PER_BLOCK):
        row = tables.row(f"select * from block_{start}")
        for i, expression in enumerate(own[start : start + PER_BLOCK]):
            value, status = row[f"e{start + i}"], row[f"e{start + i}__status"]
            found[expression] = value if status == "ok" else {"$status": status}
    rows = {row["name"]: row for row in tables.rows("select * from globals")}
    for number, expression in enumerate(e for e in expressions if e.startswith("global ")):
        row = rows[f"global_{number}"]
        found[expression] = json.loads(row["value"]) if row["status"] == "ok" else {"$status": row["status"]}
    return found


def wrong(truth: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The expressions that don't give what they have to."""
    lines = []
    for expression, wanted in truth.items():
        own = found[expression]
        if json.dumps(own) != json.dumps({"$status": "nil"} if wanted is None else wanted):
            lines.append(f"{expression} is {own!r}, not {wanted!r}")
    return lines


@pytest.mark.parametrize(("release", "mode"), RELEASES)
def test_slices_elements_and_lengths(release: str, mode: str) -> None:
    require_bpf()
    executable = build("parts", go=release, mode=mode)
    with Target(executable) as target:
        truth = target.greeting
        spec = spec_of(list(truth), "main.holds")
        tables = snapshot(target.pid, executable, spec)
        os.kill(target.pid, signal.SIGSTOP)
        found = {engine: run_engine(engine, target.pid, executable, spec) for engine in ENGINES}
    assert not wrong(truth, captured(tables, list(truth)))
    compare(found, goroutines=1)


@pytest.mark.parametrize(("release", "mode"), RELEASES)
def test_elements_of_maps(release: str, mode: str) -> None:
    require_bpf()
    executable = build("maps", go=release, mode=mode)
    with run_target(executable, *(["swiss"] if release >= "1.24" else [])) as target:
        truth = target.greeting
        tables = snapshot(target.pid, executable, spec_of(list(truth), "main.holds"))
        os.kill(target.pid, signal.SIGSTOP)
        # The evaluator takes minutes for a hundred thousand entries.
        light = spec_of([e for e in truth if "Million" not in e and "Deleted" not in e], "main.holds")
        found = {engine: run_engine(engine, target.pid, executable, light) for engine in ENGINES}
    assert not wrong(truth, captured(tables, list(truth)))
    compare(found, goroutines=1)
