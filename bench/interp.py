"""The pause for stacks of all goroutines through the bytecode: machine code, and the plain machine, against eBPF.

python bench/interp.py [--goroutines 1000 10000 100000] [--rounds 7] [--plain-up-to 1000]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import heading, many, spread, verdict
from bench.rounds import Taken, capture
from sey.backends.interp.machine import load
from sey.backends.interp.native.build import build, forget
from sey.frontend.compile import compile_spec
from sey.runtime.bundle import BinaryProbe
from sey.runtime.engine import parts_for
from sey.runtime.process import Process

MICROS = 25.0


def report(engine: str, taken: Sequence[Taken], goroutines: int, against: float) -> bool:
    """Print the figures of one engine; whether all goroutines were captured within the budget."""
    micros = [one.pause_ns / 1000 / goroutines for one in taken]
    cpu = [one.cpu_ns / 1000 / goroutines for one in taken]
    ratio = min(micros) / against
    print(f"  {engine:8} pause {spread(micros)}   processor {spread(cpu)}   {ratio:.2f}x eBPF", flush=True)
    short = [one for one in taken if one.counters["captured"] < goroutines]
    if short:
        print(f"  NOT ALL CAPTURED: {short[0].counters}")
    return not short


def compiling(probe: BinaryProbe) -> None:
    """Print how long the code takes, the first time and from what is kept."""
    assert probe.bytecode is not None
    program = load(probe.path, probe.bytecode)
    before = os.environ.get("SEY_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEY_CACHE_DIR"] = folder
        for what in ("LLVM loaded, compiled", "compiled", "from the cache"):
            if what == "compiled":
                next(Path(folder).glob("*/*.code")).unlink()
            forget()
            start = time.perf_counter()
            build(program)
            print(f"  machine code, {what:22} {time.perf_counter() - start:.3f} s")
    os.environ.pop("SEY_CACHE_DIR")
    os.environ.update({} if before is None else {"SEY_CACHE_DIR": before})


def main() -> int:
    """Measure each number of goroutines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goroutines", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--plain-up-to", type=int, default=1_000, help="goroutines up to which the plain machine runs")
    arguments = parser.parse_args()
    heading("Pause through the bytecode: stacks of all goroutines")
    met = True
    for count in arguments.goroutines:
        with many(count) as (target, executable):
            probe = compile_spec(None, [str(executable)]).bundle.binaries[0]
            if count == arguments.goroutines[0]:
                compiling(probe)
            process = Process.look(target.pid)
            for parts in sorted({1, parts_for(count)}):
                met &= compare(process, probe, count, parts, arguments.rounds, count <= arguments.plain_up_to)
    return 0 if met else 1


def compare(process: Process, probe: BinaryProbe, count: int, parts: int, rounds: int, plain: bool) -> bool:
    """Take turns; whether the budget is met."""
    print(f"## {count} goroutines, {parts} part{'s' if parts > 1 else ''}; µs a goroutine")
    taken: dict[str, list[Taken]] = {"ebpf": [], "native": []}
    for _ in range(rounds):
        for engine, those in taken.items():
            those.append(capture(process, probe, parts, engine))
    if plain and parts == 1:
        taken["plain"] = [capture(process, probe, parts, "plain")]
    kernel = min(one.pause_ns for one in taken["ebpf"]) / 1000 / count
    complete = [report(engine, those, count, kernel) for engine, those in taken.items()]
    fastest = min(one.pause_ns for one in taken["native"]) / 1000 / count
    return verdict("pause a goroutine, machine code", fastest, MICROS, "µs") and all(complete)


if __name__ == "__main__":
    sys.exit(main())
