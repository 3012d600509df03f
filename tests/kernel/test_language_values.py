"""Expressions of specs over running programs: each gives what the program says that it gives in Go."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from sey.runtime.snapshot import Limits
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


CONDITIONS = {
    's.Counts["a"] == 1': (1, 0),
    's.Counts["zz"] == 1': (0, 1),
    's.Counts["zz"] != 1': (0, 1),
    's.Counts["a"] == 1 || s.Counts["zz"] == 1': (1, 0),
    's.Counts["a"] == 2 && s.Counts["zz"] == 1': (0, 0),
    's.None["a"] == 1': (0, 1),
    's.ByID[5][:2] == "fi" && s.Arrays["a"][n] == 2': (1, 0),
    's.ByID[5][n:n+9] == "fi"': (0, 1),
    's.Regions["eu"].More["deep"] > 8 && len(s.Slices["a"][n:]) == 1': (1, 0),
    'len(s.Slices["none"]) == 0': (0, 1),
    's.Any["i"].(int) == 6': (1, 0),
    's.Any["i"].(string) == "6"': (0, 1),
    "s.Flags[true] == 1 && s.Named[false] == `off`": (1, 0),
}
"""Conditions: how many rows they keep of the one there is, and how often an operand of theirs is missing."""


def test_a_condition_over_an_element_that_is_missing_is_false_and_counted() -> None:
    require_bpf()
    executable = build("maps")
    blocks = [f'func "main.holds" as block_{n} when {c} {{ n }}' for n, c in enumerate(CONDITIONS)]
    with run_target(executable, "swiss") as target:
        tables = snapshot(target.pid, executable, "\n".join(blocks))
        os.kill(target.pid, signal.SIGSTOP)
        found = {engine: run_engine(engine, target.pid, executable, "\n".join(blocks)) for engine in ENGINES}
    kept = [len(tables.rows(f"select * from block_{number}")) for number in range(len(CONDITIONS))]
    missing = list(tables.capture.processes[0].facts.when_missing.values())
    assert dict(zip(CONDITIONS, zip(kept, missing, strict=True), strict=True)) == CONDITIONS
    compare(found, goroutines=1)


def test_ten_elements_of_maps_fit_into_one_program() -> None:
    """Three times ten, and two in the condition."""
    require_bpf()
    executable = build("maps")
    own = ('s.Counts["key{0}"] as c{0}', "s.ByID[{0}] as i{0}", 's.Nested["a"]["{0}"] as n{0}')
    captures = "\n".join(each.format(i) for each in own for i in range(10))
    spec = f'func "main.holds" as held when s.Counts["a"] == 1 && s.Nested["a"]["b"] == 4 {{\n{captures}\n}}'
    with run_target(executable, "swiss") as target:
        row = snapshot(target.pid, executable, spec).row("select * from held")
    assert row["i5"] == "five"
    assert {row[f"c{i}__status"] for i in range(10)} == {"absent"}


@pytest.mark.parametrize("release", ["1.26", "1.21"])
def test_a_search_that_takes_too_long_is_given_up(release: str) -> None:
    """A walk that never ends; and 100,000 strings to compare in a pause of 20 ms, of which a search gets a quarter."""
    require_bpf()
    executable = build("maps", go=release)
    spec = 'func "main.holds" { s.Endless["a"] as endless, s.Million["user-100000"] as late, s.Counts["a"] as a }'
    with run_target(executable, *(["swiss"] if release >= "1.24" else [])) as target:
        row = snapshot(target.pid, executable, spec, Limits(max_pause_ns=20_000_000)).row("select * from holds")
        patient = snapshot(target.pid, executable, spec).row("select * from holds")
    assert (row["endless__status"], row["late__status"], row["a"]) == ("budget", "budget", 1)
    assert (patient["endless__status"], patient["late__status"], patient["a"]) == ("budget", "absent", 1)


LIMITED = """
func "main.holds" as held {
  s.Counts  as few     { max_items 2 }
  s.Alike   as many    { max_items 4096 }
  s.Slices  as short   { max_items 1 }
  s.Large   as text    { max_string 2 }
  s.Any     as flat    { depth 0 }
  s.Any     as deep    { depth 1 }
  s.Behind  as behind  { depth 0 }
  s.Nested  as nested  { depth 0 }
  s.Held    as held    { max_items 2, max_string 3 }
  s.Pointer as pointer { depth 0 }
}
"""


def cut(value: object, length: int) -> dict[str, object]:
    """A value that is truncated, as JSON has it."""
    return {"$status": "truncated", "$length": length, "$value": value}


@pytest.mark.parametrize("release", ["1.26", "1.21"])
def test_limits_hold_within_maps_and_interfaces(release: str) -> None:
    require_bpf()
    executable = build("maps", go=release)
    with run_target(executable, *(["swiss"] if release >= "1.24" else [])) as target:
        tables = snapshot(target.pid, executable, LIMITED)
    row = tables.row("select * from held")
    assert len(row["few"]) == 2
    assert (row["few__status"], row["few__detail"]) == ("truncated", "6")
    assert row["many"] == {f"key-{i:06}": i for i in range(1000)}
    found = {r["name"]: json.loads(r["value"] or "null") for r in tables.rows("select name, value from captures")}
    assert found["short"] == {"a": cut(["b"], 2)}
    assert {key: value["Name"] for key, value in found["text"].items()} == {"a": cut("la", 5), "b": cut("ot", 5)}
    # Numbers and strings are no deeper in an interface than in a struct.
    flat = {key: value["value"] for key, value in found["flat"].items()}
    assert (flat["i"], flat["s"], flat["e"]["$status"]) == (6, "six", "depth")
    assert {key: value["value"] for key, value in found["deep"].items() if key != "e"} == {"i": 6, "s": "six"}
    assert found["deep"]["e"]["value"] == {"ID": 7, "Name": "seven", "More": {"$status": "nil"}}
    assert {key: value["$status"] for key, value in found["behind"].items()} == {"a": "depth", "nil": "nil"}
    assert found["nested"] == {"a": {"b": 4}, "nil": {"$status": "nil"}}
    assert found["held"] == {"type": "[]string", "value": cut([cut("fir", 5), cut("sec", 6)], 3)}
    assert row["pointer__status"] == "depth"
