"""What holds for every program: it prints and parses back, verifies, ends; passes don't change what it does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from sey.ir.nodes import Program
from sey.ir.parser import parse_program
from sey.ir.passes import DEFAULT_PASSES, Inline, Pass, RemoveDead, Share, run_passes
from sey.ir.printer import print_program
from sey.ir.rewrite import walk
from sey.ir.verify import verify_fits
from tests.ir.programs import Case, cases, evaluate, programs

unhurried = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@unhurried
@given(programs())
def test_printed_programs_parse_back(program: Program) -> None:
    text = print_program(program)
    assert parse_program(text) == program


@unhurried
@given(programs())
def test_the_verifier_accepts_random_programs(program: Program) -> None:
    verify_fits(program)


@unhurried
@given(cases())
def test_runs_end_and_repeat(case: Case) -> None:
    assert evaluate(case) == evaluate(case)


@pytest.mark.parametrize(
    "passes",
    [(Inline(),), (Inline(small=0),), (Inline(small=10_000),), (Share(),), (RemoveDead(),), DEFAULT_PASSES * 2],
    ids=str,
)
@unhurried
@given(case=cases())
def test_passes_keep_what_a_program_does(passes: tuple[Pass, ...], case: Case) -> None:
    changed = run_passes(case.program, passes)
    assert evaluate(case, changed) == evaluate(case)


@unhurried
@given(programs())
def test_passes_make_programs_no_longer(program: Program) -> None:
    assert _count(run_passes(program, (Share(), RemoveDead()))) <= _count(program)


def _count(program: Program) -> int:
    return sum(1 for function in program.functions for _ in walk(function.body))
