"""Goroutines whose threads stand at each instruction of the code that changes stacks: chance alone rarely meets it."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import pytest

from tests.kernel.support import Tables, snapshot
from tests.support.freeze import Instruction, frozen_at, instructions, threads_at
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

# What each goroutine of the target `busy` runs between the function it starts with and the runtime.
BODIES = {"main.ping", "main.pong", "main.yield", "main.clock", "main.grow", "main.deep"}

Frames = list[tuple[str | None, int]]


def stacks(tables: Tables) -> list[tuple[dict[str, Any], Frames]]:
    """The target's own goroutines with all frames, runtime's too: function and pc."""
    frames = defaultdict(list)
    for row in tables.rows("select * from frames order by stack_id, depth"):
        frames[row["stack_id"]].append((row["function"], row["pc"]))
    found = tables.rows("select * from goroutines where start_function like 'main.%'")
    return [(goroutine, frames[goroutine["stack_id"]]) for goroutine in found]


def wrong(goroutine: dict[str, Any], frames: Frames) -> bool:
    """Whether a stack isn't what this goroutine can have."""
    names = [name for name, _ in frames]
    if names[-1:] != ["runtime.goexit"] or None in names:
        return True
    own = [name for name in names if name and name.startswith("main.")]
    if not own:
        # Its first function has returned, or not begun.
        return not {"runtime.goexit1", "runtime.goexit"} & set(names[:1] + names[-2:-1])
    bodies = own[:-1]
    # Only `deep` calls itself.
    twice = len(bodies) > 1 and set(bodies) != {"main.deep"}
    return own[-1] != goroutine["start_function"] or twice or not set(bodies) <= BODIES


@pytest.mark.parametrize(
    ("function", "part"),
    [
        ("runtime.morestack.abi0", slice(None)),
        ("runtime.nanotime1.abi0", slice(None)),
        pytest.param("gogo", slice(None), marks=pytest.mark.matrix),
        pytest.param("runtime.systemstack.abi0", slice(None), marks=pytest.mark.matrix),
        ("runtime.doSigPreempt", slice(None)),
        # Where the goroutine gets its new stack, and before and after.
        ("runtime.copystack", slice(104, 132)),
    ],
)
def test_stacks_are_whole_at_every_instruction(function: str, part: slice) -> None:
    require_bpf()
    executable = build("busy", go="1.26")
    listed = instructions(executable, function)[part]
    assert len(listed) > 5
    met = 0
    with Target(executable, env={"GOMAXPROCS": "4"}) as target:
        for instruction in listed:
            with frozen_at(target.pid, instruction):
                time.sleep(0.01)
                tables = snapshot(target.pid, executable)
                met += bool(threads_at(target.pid, instruction.address))
            assert_whole(tables, instruction)
            time.sleep(0.002)
    assert met >= len(listed) // 2, "hardly any instruction was met"


def assert_whole(tables: Tables, instruction: Instruction) -> None:
    """No goroutine of the target's own has a stack that it can't have."""
    bad = [(goroutine, frames) for goroutine, frames in stacks(tables) if wrong(goroutine, frames)]
    assert not bad, (instruction, bad)
