"""The same probe over the same stopped process leaves the same bytes, whatever runs it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sey.runtime.engine import Results
from tests.kernel.test_values import spec_of
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import RELEASES, build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

FAST = ("1.26", "1.21")
BUILDS = [("1.26", "plain"), ("1.26", "cgo"), ("1.26", "nodwarf"), ("1.21", "plain")]

MANY = """
func "main.request" as requests when id % 3 == 0 { id, name, job, job.Priority as priority }
"""


def compare(found: dict[str, Results], goroutines: int = 50) -> None:
    """All left the same pages, byte by byte, and the same counts."""
    first = found["ebpf"]
    assert first.counters["state"] == 1
    assert first.counters["captured"] > goroutines
    for engine, results in found.items():
        assert results.counters == first.counters, engine
        assert results.when == first.when, engine
        assert results.pages.numbers.tolist() == first.pages.numbers.tolist(), engine
        assert results.pages.data.tobytes() == first.pages.data.tobytes(), engine


@pytest.fixture(scope="module", params=matrix(BUILDS))
def zoo(request: pytest.FixtureRequest) -> Iterator[tuple[int, Path]]:
    """Goroutines of every kind, in a process that is stopped."""
    require_bpf()
    release, mode = request.param
    executable = build("zoo", go=release, mode=mode)
    with Target(executable) as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield target.pid, executable


def test_the_zoo_is_the_same_to_all(zoo: tuple[int, Path]) -> None:
    pid, executable = zoo
    compare({engine: run_engine(engine, pid, executable, "") for engine in ENGINES})


@pytest.mark.parametrize("release", [pytest.param(r, marks=[] if r in FAST else pytest.mark.matrix) for r in RELEASES])
def test_every_kind_of_value_is_the_same_to_all(release: str) -> None:
    require_bpf()
    executable = build("values", go=release)
    with Target(executable) as target:
        spec, _ = spec_of(target.ask_json("expected"), target.ask_json("globals"))
        os.kill(target.pid, signal.SIGSTOP)
        found = {engine: run_engine(engine, target.pid, executable, spec) for engine in ENGINES}
    assert found["ebpf"].counters["objects"] > 50
    compare(found, goroutines=5)


@pytest.fixture(scope="module")
def many() -> Iterator[tuple[int, Path]]:
    require_bpf()
    executable = build("many")
    with run_target(executable, "-n", "300", "-depth", "8", "-distinct", "64") as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield target.pid, executable


@pytest.mark.parametrize("parts", [1, 3])
def test_values_are_the_same_to_all(many: tuple[int, Path], parts: int) -> None:
    pid, executable = many
    compare({engine: run_engine(engine, pid, executable, MANY, parts) for engine in ENGINES})
