"""What an event costs a call, over an empty BPF program at the same address.

    .venv/bin/python -m bench.events

A loop calls one function; for each round the function is left alone, has an empty uprobe program behind its stack
check (where the kernel emulates the instruction) or at its first instruction (which is single-stepped), or an event.
Times are the processor's, which other programs disturb less. At the end what `--max-overhead` counts for a call.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.common import heading, verdict
from sey.backends.ebpf.machine import emit_object
from sey.binary.gobinary import open_go
from sey.binary.pclntab import open_pclntab
from sey.frontend.compile import DEFAULT_OPTIONS, compile_spec
from sey.frontend.source import Source
from sey.ir.plan import PlanProbe
from sey.runtime.bundle import BinaryProbe
from sey.runtime.events.attach import Attacher, Place
from sey.runtime.events.breaker import Breaker
from sey.runtime.events.session import Session
from sey.runtime.events.traps import calibration
from sey.runtime.libbpf import BpfObject
from sey.runtime.process import Process
from tests.support.gobuild import build

_CALLS, _ROUNDS = 200_000, 5
_EMPTY = """
target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
target triple = "bpf"
@license_text = dso_local global [4 x i8] c"GPL\\00", section "license", align 1
define dso_local i32 @empty(ptr %ctx) section "uprobe" { ret i32 0 }
"""
_ON = 'on entry "main.call"'
_EVENTS = {
    "three scalars": f"event e {_ON} {{ a, b, c }}",
    "a string of 64 bytes and a struct behind a pointer": f"event e {_ON} {{ text, req {{ depth 1 }} }}",
    "rejected by `when`": f"event e {_ON} when a < 0 {{ a, b, c }}",
    "the end of a call, with its duration": 'event e on return "main.call" { a, b, c }',
}
_BUDGETS = {
    "three scalars": 700.0,
    "a string of 64 bytes and a struct behind a pointer": 1500.0,
    "rejected by `when`": 300.0,
}


class _Target:
    """The running program."""

    def __init__(self, executable: Path) -> None:
        self._process = subprocess.Popen([executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self._line()

    def call(self) -> float:
        """Nanoseconds of a processor that a call takes."""
        assert self._process.stdin is not None
        before = self._processor()
        self._process.stdin.write(f"{_CALLS}\n")
        self._process.stdin.flush()
        self._line()
        return (self._processor() - before) / _CALLS

    def _processor(self) -> int:
        """Nanoseconds that its threads took so far (Documentation/scheduler/sched-stats.rst)."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def _compiled(executable: Path, text: str) -> BinaryProbe:
    return compile_spec(Source("bench.sey", text), [str(executable)], DEFAULT_OPTIONS).bundle.binaries[0]


@contextmanager
def _event(target: _Target, probe: BinaryProbe, counted: Callable[[float], None]) -> Iterator[None]:
    """`counted` is given what the breaker takes a call for."""
    with Session(Process.look(target.pid), probe, ring_bytes=64 << 20) as session:
        session.attach()
        yield
        session.drain()
        counted(Breaker(session, 1, 0, lambda: calibration().cost).costs()[0].all / _CALLS)


@contextmanager
def _empty(target: _Target, probe: BinaryProbe, place: PlanProbe) -> Iterator[None]:
    process = Process.look(target.pid)
    opened = BpfObject.open(emit_object(_EMPTY))
    opened.load()
    where = Place(process.exe_path, target.pid)
    attacher = Attacher(opened, "empty", process.open_go().elf, where, multi=False)
    attacher.attach(0, [place])
    try:
        yield
    finally:
        attacher.attached.close()
        opened.close()


@contextmanager
def _alone() -> Iterator[None]:
    yield


def main() -> int:
    """Measure and print; 1 where a budget was missed."""
    heading("what an event costs a call")
    executable = build("hot")
    events = {name: _compiled(executable, text) for name, text in _EVENTS.items()}
    three = events["three scalars"]
    assert three.events is not None
    (behind,) = three.events.plan.probes
    first = replace(behind, address=_first_instruction(executable))
    target = _Target(executable)
    try:
        cases: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "alone": _alone,
            "an empty program behind the stack check": partial(_empty, target, three, behind),
            "an empty program at the first instruction": partial(_empty, target, three, first),
        }
        counted: dict[str, list[float]] = {name: [] for name in events}
        for name, probe in events.items():
            cases[name] = partial(_event, target, probe, counted[name].append)
        best = dict.fromkeys(cases, float("inf"))
        for _ in range(_ROUNDS):
            for name, case in cases.items():
                with case():
                    best[name] = min(best[name], target.call())
    finally:
        target.close()
    met = _told(best)
    alone = best["alone"]
    print()
    for name, counts in counted.items():
        share = min(counts) / (best[name] - alone)
        met = verdict(f"{name}: counted, of what it takes", max(share, 1 / share), 1.3, "") and met
    return int(not met)


def _first_instruction(executable: Path) -> int:
    function = open_pclntab(open_go(str(executable))).find("main.call")
    assert function is not None
    return function.entry


def _told(best: dict[str, float]) -> bool:
    empty = best["an empty program behind the stack check"]
    stepped = best["an empty program at the first instruction"]
    for name, value in best.items():
        print(f"  {name:58} {value:9.0f} ns")
    print()
    met = [verdict(f"{name}, over the empty one", best[name] - empty, most, "ns") for name, most in _BUDGETS.items()]
    share = best["three scalars"] / stepped
    return verdict("three scalars, of an empty one that is single-stepped", share, 0.25, "") and all(met)


if __name__ == "__main__":
    sys.exit(main())
