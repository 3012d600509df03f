"""Random programs: the kernel takes all of them, and leaves the same behind as the evaluator."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from sey.backends.ebpf import outline
from sey.backends.ebpf.compile import compile_snapshot
from sey.ir.nodes import Program
from tests.ebpf import events
from tests.ebpf.events import Caller
from tests.ebpf.harness import Target, outcome
from tests.ir.programs import Case, cases, evaluate, evaluate_events, event_cases, programs

EXAMPLES = int(os.environ.get("SEY_EBPF_EXAMPLES", "80"))
"""Each loads a program, most of which is making its output map."""


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(case=cases())
def test_the_kernel_agrees_with_the_evaluator(target: Target, case: Case) -> None:
    assert outcome(case, target) == evaluate(case)


@settings(
    max_examples=EXAMPLES // 4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(case=cases())
def test_regions_that_are_cut_out_do_the_same(target: Target, case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "LONG", 3)
        patch.setattr(outline, "WORTHWHILE", 1)
        assert outcome(case, target) == evaluate(case)


@settings(
    max_examples=EXAMPLES // 4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(case=event_cases())
def test_runs_for_events_agree_with_the_evaluator(caller: Caller, case: Case) -> None:
    assert events.outcome(case, caller) == evaluate_events(case)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_the_same_program_gives_the_same_bytes(program: Program) -> None:
    assert compile_snapshot(program) == compile_snapshot(program)
