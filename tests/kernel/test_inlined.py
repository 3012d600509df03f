"""Entry events of functions that are inlined: as many as there were calls, with their arguments, wherever they are
probed; and where they aren't, why."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.support import Tables
from tests.kernel.tracing import Tracing
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf

ARGUMENTS = {
    "calls": "x", "stores": "x", "early": "x", "computes": "x", "(*node).load": "", "(*node).bump": "by",
    "node.sum": "by", "inLoop": "x", "left": "x", "guarded": "x", "flips": "x", "below": "x", "notNil": "",
    "isSet": "", "replaces": "x", "forgets": "x",
    "inner": "x", "middle": "x", "outer": "x", "both": "x", "less": "x", "lessPure": "x",
    "generic[...]": "x",
    "loops": "len(xs)", "counts": "n", "changes": "x", "changesMuch": "x", "afterMax": "n.value", "throws": "x",
    "words": "len(s)", "boxed": "", "deferred": "x", "started": "x", "cases": "x", "recursive": "x", "pointer": "",
    "swapped": "", "closures.func1": "x", "closures.func2": "x",
}  # fmt: skip
"""The functions, and what of their arguments the program tells."""
BUILDS = matrix([("1.26", "plain"), ("1.21", "plain")], modes=("plain", "pie"))


def _table(function: str) -> str:
    return "e_" + "".join(c if c.isalnum() else "_" for c in function).lower()


def _spec() -> str:
    texts = {f: f"{{ {argument} as argument }}" if argument else "{ }" for f, argument in ARGUMENTS.items()}
    texts["generic[...]"] = "{ }"
    return "\n".join(f'event {_table(f)} on entry "main.{f}" stack 8 {text}' for f, text in texts.items())


MAY_BE_LEFT_OUT = frozenset(
    ("early", "computes", "(*node).load", "(*node).bump", "flips", "below", "notNil", "lessPure", "afterMax")
)
"""Compilers may leave nothing of these where they were called, or make their tests part of the caller's."""


@dataclass(frozen=True)
class Traced:
    """What a trace found, the first arguments that the program told by function, and why functions aren't probed."""

    tables: Tables
    told: dict[str, list[int]]
    reasons: dict[str, str]


@pytest.fixture(scope="module", params=BUILDS)
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    require_bpf()
    release, mode = request.param
    tables, told = _traced(build("inlined", go=release, mode=mode), tmp_path_factory.mktemp("traced"))
    events = tables.capture.probe(tables.capture.processes[0].facts).events
    assert events is not None
    unprobed = {events.plan.events[each.event].table: each.reason for each in events.plan.unprobed}
    return Traced(tables, told, {f: unprobed[_table(f)] for f in ARGUMENTS if _table(f) in unprobed})


def _traced(executable: Path, folder: Path) -> tuple[Tables, dict[str, list[int]]]:
    with subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            with Tracing(_spec(), folder, process.pid) as trace:
                process.stdin.write("go\n")
                process.stdin.flush()
                told = json.loads(process.stdout.readline())
                return trace.end(), told
        finally:
            process.kill()


def test_as_many_calls_as_the_program_makes(traced: Traced) -> None:
    emitted = {row["event"]: row["emitted"] for row in traced.tables.rows("select event, emitted from events")}
    made = {f: 0 if f in traced.reasons else len(traced.told[f]) for f in ARGUMENTS}
    assert {f: emitted[_table(f)] for f in ARGUMENTS} == made


def test_what_is_not_probed_is_told(traced: Traced) -> None:
    assert traced.reasons.keys() <= MAY_BE_LEFT_OUT
    assert "nothing of it is certain to run where it was called" in traced.reasons["computes"]
    assert traced.reasons["computes"].startswith("at 1 of the 1 places where it is inlined (main.plainly): ")


def test_arguments_are_those_of_the_call(traced: Traced) -> None:
    seen = Counter[str]()
    for function, argument in ARGUMENTS.items():
        if not argument or function in traced.reasons or function == "generic[...]":
            continue
        rows = traced.tables.rows(f"select argument, argument__status as status from {_table(function)}")
        seen.update(row["status"] for row in rows)
        values = Counter(row["argument"] for row in rows if row["status"] == "ok")
        told = Counter(traced.told[function])
        assert values <= told, function
        # Where they are missing, they are so at one of the places.
        assert values == told or values.total() < told.total(), function
    assert set(seen) <= {"ok", "optimized_out", "not_live"}
    assert seen["ok"] > 0.5 * seen.total()


def test_frames_and_functions_are_those_of_the_inlined_call(traced: Traced) -> None:
    for function, callers in {
        "inner": ["main.middle", "main.outer", "main.nested"],
        "outer": ["main.nested", "main.round"],
        "calls": ["main.plainly", "main.round"],
        "loops": ["main.withLoops", "main.round"],
    }.items():
        (row,) = traced.tables.rows(f"select distinct function, stack_id from {_table(function)}")
        frames = traced.tables.rows(
            f"select function, inlined from frames where stack_id = {row['stack_id']} order by depth"
        )
        assert row["function"] == f"main.{function}"
        assert [f["function"] for f in frames][: len(callers) + 1] == [f"main.{function}", *callers]
        assert frames[0]["inlined"]
