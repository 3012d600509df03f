"""Which blocks of a function every way passes, and which come round again."""

from __future__ import annotations

import pytest

from sey.binary.pclntab import FuncFlag, PcFunc
from sey.binary.pctable import PcTable
from sey.frontend.debuginfo.flow import Flow
from sey.frontend.debuginfo.machinecode import Code, disassemble

NOTHING: frozenset[int] = frozenset()


def flow(*after: list[int]) -> Flow:
    """Blocks of one NOP each."""
    function = PcFunc("main.f", 0, len(after), 1, 0, FuncFlag(0), 0, 0, 0, 0, 0, (), ())
    code = Code(function, list(disassemble(b"\x90" * len(after), 0)), PcTable([], []))
    return Flow(code, range(len(after)), after, NOTHING)


def test_a_branch_that_joins_again() -> None:
    joined = flow([1, 2], [3], [3], [])
    assert [joined.dominates(0, b) for b in range(4)] == [True] * 4
    assert [joined.dominates(1, b) for b in range(4)] == [False, True, False, False]
    assert not any(joined.comes_back(b, NOTHING) for b in range(4))


def test_a_loop_and_what_leaves_it() -> None:
    loop = flow([1], [2, 4], [3], [1], [])
    assert [loop.dominates(1, b) for b in range(5)] == [False, True, True, True, True]
    assert [b for b in range(5) if loop.comes_back(b, NOTHING)] == [1, 2, 3]
    assert not loop.comes_back(1, frozenset((3,)))
    assert not loop.comes_back(2, frozenset((1,)))


@pytest.mark.parametrize("entered", [False, True])
def test_what_nothing_leads_to_begins_as_well(entered: bool) -> None:
    entries = flow([1], [], [1] if entered else [])
    assert entries.unreached == {2}
    assert entries.dominates(0, 1) != entered
