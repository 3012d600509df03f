"""What a call of a running program was given, and what it returned, as a trace tells them apart."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.tracing import Traced, trace

ROUNDS = 20


def traced(spec: str, go: str | None = None) -> Traced:
    """The events of a spec while the target calls each of its functions `ROUNDS` times."""
    executable = build("events", go=go)
    with subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:

        def rounds() -> None:
            assert target.stdin is not None
            assert target.stdout is not None
            target.stdin.write(f"{ROUNDS} 0\n")
            target.stdin.flush()
            json.loads(target.stdout.readline())

        assert target.stdout is not None
        target.stdout.readline()
        _, found = trace(executable, spec, target.pid, rounds)
        target.kill()
    return found


@pytest.mark.parametrize("stack", ["", "stack 8"])
def test_an_object_that_a_call_changed_is_shown_as_it_was_and_as_it_is(stack: str) -> None:
    require_bpf()
    spec = f'event renamed on return "main.renames" {stack} {{ p, by as n, ~r0 as out, ~r0.Name as name }}'
    found = traced(spec).events
    assert [event["n"] for event in found] == list(range(ROUNDS))
    for by, event in enumerate(found):
        assert event["p"] == {"X": 10, "Y": 0, "Name": "p"}
        assert event["out"] == {"X": 10 + by, "Y": 0, "Name": f"p{by}"}
        assert event["name"] == f"p{by}"
        callers = [frame["function"] for frame in event.get("stack", ())][1:]
        assert callers == (["main.once", "main.main"] if stack else [])


def test_where_a_call_is_one_instruction_its_return_is_refused() -> None:
    require_bpf()
    found = traced('event begins on entry "main.nothing" { x }\nevent ends on return "main.nothing" { x }')
    assert [(event["event"], event["x"]) for event in found.events] == [("begins", x) for x in range(ROUNDS)]
    (refused,) = found.plan.unprobed
    assert (refused.event, refused.function) == (1, "main.nothing")
    assert "nothing but return" in refused.reason


@pytest.mark.parametrize(("go", "known"), [("1.21", False), ("1.26", True)])
def test_results_behind_a_parameter_that_nothing_tells_of_are_missing(go: str, known: bool) -> None:
    require_bpf()
    found = traced('event ends on return "main.unnamed" { ~r0 as pair, ~r1 as x }', go)
    pairs = [[x, 7] if known else {"$status": "optimized_out"} for x in range(ROUNDS)]
    assert [event["pair"] for event in found.events] == pairs
    if known:
        assert [event["x"] for event in found.events] == list(range(ROUNDS))
