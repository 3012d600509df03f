"""Random programs: the machine for bytecode leaves the same behind as the evaluator."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from sey.backends.interp.format import decode
from sey.backends.interp.lower import compile_bytecode
from sey.ir.nodes import Program
from tests.interp.harness import outcome
from tests.ir.programs import Case, cases, evaluate, programs

EXAMPLES = int(os.environ.get("SEY_INTERP_EXAMPLES", "200"))
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=_SLOW)
@given(case=cases())
def test_the_machine_agrees_with_the_evaluator(case: Case) -> None:
    assert outcome(case) == evaluate(case)


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=_SLOW)
@given(programs())
def test_bytecode_survives_its_encoding(program: Program) -> None:
    compiled = compile_bytecode(program)
    assert decode("x.seyb", compiled.encode()) == compiled


@settings(max_examples=20, deadline=None, suppress_health_check=_SLOW)
@given(programs())
def test_the_same_program_gives_the_same_bytes(program: Program) -> None:
    assert compile_bytecode(program).encode() == compile_bytecode(program).encode()
