"""A bundle that says other things of its BPF object than are true is refused before the kernel is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from sey.binary.errors import SeyError
from sey.ir.artifacts import BpfProgram, Place
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture
from sey.runtime.process import Process
from sey.runtime.snapshot import Limits, Request, take
from tests.fuzz.damage import EXTREMES
from tests.kernel.support import compiled
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    require_bpf()
    with Target(build("many"), ["-n", "3", "-depth", "3", "-distinct", "1"]) as running:
        yield running
        assert running.process.poll() is None


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compiled(build("many"), 'func "main.request" as parked { id }')


def snapshot(bundle: Bundle, program: BpfProgram, target: Target) -> Capture:
    changed = replace(bundle, binaries=(replace(bundle.binaries[0], program=program),))
    return take([changed], [Request(Process.look(target.pid), 0, 0)], Limits())


def code_of(bundle: Bundle, program: BpfProgram, target: Target) -> str:
    with pytest.raises(SeyError) as error:
        snapshot(bundle, program, target)
    return error.value.problems[0].code


@pytest.mark.parametrize(
    "change",
    [
        {"program": "another"},
        {"output": "missing"},
        {"output": ".bss.host"},
        {"chunk_bytes": 1 << 26},
        {"dicts": {"stacks": "output", "threads": "dict_threads"}},
        {"dicts": {"stacks": "dict_stacks", "threads": ".bss"}},
        {"pages": Place(".rodata.tables", 0, 8)},
        {"pages": Place("dict_threads", 0, 8)},
        {"pages_used": Place(".bss.host", 1 << 27, 8)},
    ],
    ids=lambda change: "-".join(change),
)
def test_lies_are_refused(bundle: Bundle, target: Target, change: dict[str, object]) -> None:
    program = bundle.binaries[0].program
    assert program is not None
    assert code_of(bundle, replace(program, **change), target) == "SEY0723"  # type: ignore[arg-type]


def test_the_truth_is_believed(bundle: Bundle, target: Target) -> None:
    program = bundle.binaries[0].program
    assert program is not None
    assert snapshot(bundle, program, target).processes[0].facts.counters["captured"] > 3


def test_objects_that_want_much_memory_are_refused(bundle: Bundle, target: Target) -> None:
    """`.bss` of 2 GiB: the section's size is in its header, the bytes are nowhere."""
    program = bundle.binaries[0].program
    assert program is not None
    data = bytearray(program.object)
    size = next(each for each in headers(data) if data[each[0] + 4] == 8 and each[1] > 1 << 20)
    data[size[0] + 32 : size[0] + 40] = (2 << 30).to_bytes(8, "little")
    assert code_of(bundle, replace(program, object=bytes(data)), target) == "SEY0723"


def headers(data: bytearray) -> list[tuple[int, int]]:
    """Where each section header is, and the size that it gives."""
    start, count = int.from_bytes(data[40:48], "little"), int.from_bytes(data[60:62], "little")
    places = [start + 64 * number for number in range(count)]
    return [(at, int.from_bytes(data[at + 32 : at + 40], "little")) for at in places]


def test_objects_with_other_instructions_end_in_an_error_or_a_capture(bundle: Bundle, target: Target) -> None:
    """What the kernel accepts may emit anything; what it refuses is told."""
    program = bundle.binaries[0].program
    assert program is not None
    at, size = 64, next(size for _, size in headers(bytearray(program.object)) if size > 10_000)
    for seed in range(8):
        random, data = Random(seed), bytearray(program.object)
        for _ in range(random.choice((1, 4))):
            place = at + random.randrange(size // 8) * 8 + random.choice((0, 1, 2, 4))
            data[place] = random.choice(EXTREMES) & 255
        try:
            snapshot(bundle, replace(program, object=bytes(data)), target)
        except SeyError as error:
            assert error.problems[0].code != "SEY0900"  # noqa: PT017
