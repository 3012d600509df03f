"""spec/host.md names what programs have, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from sey.backends.interp.machine import load
from sey.ir.plan import COUNTERS, THREAD_MAX, THREAD_WORDS, State
from tests.kernel.support import compiled
from tests.support.gobuild import build

TEXT = (Path(__file__).parents[2] / "spec" / "host.md").read_text()


def test_the_page_names_every_host_memory() -> None:
    bytecode = compiled(build("many"), "").binaries[0].bytecode
    assert bytecode is not None
    program = load("x", bytecode)
    named = set(re.findall(r"`((?:in|out)_\w+)`", TEXT))
    assert {buffer.name for buffer in program.buffers if buffer.host} == named
    assert [each.name for each in program.dicts if each.host] == ["threads"]
    (regs,) = (buffer for buffer in program.buffers if buffer.name == "in_regs")
    assert regs.size == THREAD_MAX * THREAD_WORDS * 8
    assert f"{THREAD_MAX} places for threads of {THREAD_WORDS} words" in TEXT


def test_the_page_lists_the_counters_in_order() -> None:
    (row,) = re.findall(r"^\| `out_counters` \| i64 each: (.*) \|$", TEXT, re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", row)) == COUNTERS
    assert [state.value for state in State] == [0, 1, 2, 3, 4]
