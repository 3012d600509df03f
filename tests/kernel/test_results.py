"""Results are where the ABI puts them at the instruction that returns, and nowhere before."""

from __future__ import annotations

import time

import pytest

from tests.kernel.support import Tables, snapshot
from tests.support.freeze import frozen_at, instructions, threads_at
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
func "main.answer" as answer { n, ~r0 as text, ~r1 as half, ~r2 as two, ~r3 as corner, ~r4 as seven }
func "main.named" as named { total, moved }
"""
RELEASES = ["1.21", "1.26"]


def held_at(go: str, mode: str, function: str, instruction: str) -> Tables:
    """A snapshot of the target with its goroutine at the last instruction of that kind of a function."""
    require_bpf()
    executable = build("results", go=go, mode=mode)
    found = [i for i in instructions(executable, function, smallest=1) if i.text.startswith(instruction)][-1]
    # Preempted there it would not run any more, and its registers be elsewhere.
    with Target(executable, env={"GODEBUG": "asyncpreemptoff=1"}) as target, frozen_at(target.pid, found):
        for _ in range(200):
            if threads_at(target.pid, found.address):
                return snapshot(target.pid, executable, SPEC)
            time.sleep(0.01)
    pytest.fail(f"the target never came to {found}")


@pytest.mark.parametrize("mode", ["plain", "noopt"])
@pytest.mark.parametrize("go", RELEASES)
def test_results_at_the_instruction_that_returns(go: str, mode: str) -> None:
    row = held_at(go, mode, "main.answer", "RET").row("select * from answer")
    assert row["text"] == "seven and more"
    assert (row["half"], row["two"], row["seven"]) == (3.5, [7, -7], True)
    assert row["corner"] == {"x": 3, "y": 4}


@pytest.mark.parametrize("go", RELEASES)
def test_results_before_that_are_not_live(go: str) -> None:
    row = held_at(go, "plain", "main.count", "RET").row("select * from answer union all by name select * from named")
    results = [name for name in ("text", "half", "two", "corner", "seven") if row[f"{name}__status"] is not None]
    assert all(row[name] is None and row[f"{name}__status"] == "not_live" for name in results)


@pytest.mark.parametrize("go", RELEASES)
def test_named_results(go: str) -> None:
    row = held_at(go, "plain", "main.named", "RET").row("select * from named")
    assert row["total"] == 107
    # The slot of its address may be gone with the frame; another value must never be there.
    assert row["moved"] == ("on the heap" if row["moved__status"] == "ok" else None)
