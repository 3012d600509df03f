"""A machine for bytecode written in Go from the contract alone, `tests/govm/`: it agrees with ours.

On the vectors, on random programs, and on programs with random changes: which to refuse, and what the others leave.
"""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sey.backends.interp.format import Bytecode, Function, Stream
from sey.backends.interp.machine import load
from sey.backends.interp.ops import NONE, Instruction, Op
from sey.backends.interp.state import State
from sey.binary.errors import SeyError
from tests.interp.mutants import mutant
from tests.interp.vectors import FOLDER, NAMES, machine_of, read
from tests.ir.programs import Case, cases
from tests.support.gobuild import build
from tools.vectors import Run, document, evaluated, leaves

GOVM = Path(__file__).parents[1] / "govm"
PROGRAMS = int(os.environ.get("SEY_INTERP_EXAMPLES", "200"))
MUTANTS = 15 * PROGRAMS
TURNS = 50
"""Turns of loops and calls after which a changed program is ended."""
SMALL = 1 << 20
"""Bytes of memory up to which a changed program is run."""


def failures(paths: Iterable[Path], *options: str) -> list[str]:
    """What the Go machine says of vectors that don't come out as they should, a line each."""
    command = [str(build(GOVM)), *options]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    *failed, _summary = done.stdout.splitlines()
    assert done.returncode == (1 if failed else 0), done.stderr
    return failed


def test_all_vectors_hold() -> None:
    paths = sorted(FOLDER.glob("*.json"))
    assert len(paths) > 100
    assert failures(paths) == []


def test_a_vector_that_does_not_hold_is_named(tmp_path: Path) -> None:
    vector = read("edge-loops")
    vector["leaves"]["buffers"]["b"]["0x0"] = "ff"
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(vector))
    assert failures([path]) == [f"{path}: buffer b: byte 0 is 0x03, not 0xff"]


def test_random_programs_leave_what_the_evaluator_leaves(tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate(_random_vectors(PROGRAMS)):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(text)
    assert len(paths) >= PROGRAMS // 2
    assert failures(paths) == []


def test_changed_programs_are_refused_and_run_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on one machine and expected of the other: what is refused, what traps, what others leave."""
    seeds = [read(name) for name in NAMES if not name.startswith(("recorded", "refused-file"))]
    seeds += 3 * list(map(json.loads, _random_vectors(PROGRAMS // 4)))
    seeds = [seed for seed in seeds if 64 < len(seed["program"]) < 12000]
    chance = random.Random(5)
    checked: list[Path] = []
    run: list[Path] = []
    found: set[str] = set()
    for number in range(MUTANTS):
        changed, ends = _outcome(chance.choice(seeds), chance, monkeypatch)
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(changed))
        (run if ends else checked).append(path)
        found |= changed.keys() & {"refused", "trap", "stopped", "leaves"}
    assert found == {"refused", "trap", "stopped", "leaves"}
    assert len(run) > MUTANTS // 10
    assert failures(checked, "-check") == []
    assert failures(run, "-turns", str(TURNS)) == []


def _random_vectors(count: int) -> Iterator[str]:
    found: list[str] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(cases())
    def note(case: Case) -> None:
        run = Run(case.image, case.inputs, case.entries, case.pages)
        found.append(evaluated("A random program.", case.program, run))

    note()
    return iter(found)


@pytest.mark.parametrize(("counted", "number"), [(n, m) for n in ("streams", "functions") for m in (65535, 65536)])
def test_as_many_as_there_may_be(counted: str, number: int, tmp_path: Path) -> None:
    end = Instruction(Op.RETURN, a=NONE)
    function = Function("f", 0, 0, False, (), (), (end,))
    functions = (function,) * (number if counted == "functions" else 1)
    streams = tuple(Stream(f"s{n}", 0) for n in range(number if counted == "streams" else 0))
    program = Bytecode((), (), (), streams, functions)
    expected: dict[str, Any] = {"leaves": {"buffers": {}, "dicts": {}, "pages": []}}
    if number > 65535:
        expected = {"refused": "there are too many"}
        with pytest.raises(SeyError, match="too many"):
            load("many", program.encode())
    else:
        assert load("many", program.encode()) == program
    path = tmp_path / "many.json"
    path.write_text(document("As many as there may be.", program, Run({}, {}, {}, 4), expected))
    assert failures([path]) == []


class _Stopped(Exception):  # noqa: N818 - never leaves this module
    """The program has turned as often as it may."""


def _outcome(
    seed: Mapping[str, Any], chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], bool]:
    """A vector with a changed program and what our machine makes of it; and whether it is to be run."""
    data = mutant(base64.b64decode(seed["program"]), chance)
    kept = ("memory", "pages", "clock", "capacities", "buffers", "dicts")
    vector: dict[str, Any] = {name: seed[name] for name in kept if name in seed}
    vector["program"] = base64.b64encode(data).decode()
    try:
        program = load("changed", data)
    except SeyError as refusal:
        return {**vector, "refused": str(refusal.problems[0])}, False
    if not _fits(program, vector):
        return vector, False
    return {**vector, **_ended(program, vector, data, monkeypatch)}, True


def _fits(program: Bytecode, vector: Mapping[str, Any]) -> bool:
    """Whether the program takes little memory, and still has what the vector fills."""
    buffers = {each.name: each.size + each.slack for each in program.buffers if each.host}
    dicts = {each.name for each in program.dicts if each.host}
    filled = all(len(text) // 2 <= buffers.get(name, -1) for name, text in vector["buffers"].items())
    size = sum(each.size + each.slack for each in program.buffers)
    return size <= SMALL and filled and vector["dicts"].keys() <= dicts


def _ended(
    program: Bytecode, vector: Mapping[str, Any], data: bytes, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    turns = 0

    def turn(_self: State, _work: int) -> None:
        nonlocal turns
        turns += 1
        if turns > TURNS:
            raise _Stopped

    monkeypatch.setattr(State, "turn", turn)
    machine = machine_of(vector, data)
    try:
        machine.run()
    except SeyError as trap:
        return {"trap": str(trap.problems[0])}
    except _Stopped:
        return {"stopped": "it turned too often"}
    return {"leaves": leaves(program, machine)}
