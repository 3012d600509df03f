"""Where the nanoseconds of a capture go: what it gets cheaper by without one of its parts, or dearer by with a value.

python bench/profile_walk.py [--goroutines 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import heading, many
from bench.rounds import Taken, capture
from sey.backends.ebpf.compile import compile_snapshot
from sey.binary.gobinary import open_go
from sey.frontend.bound import BoundSpec
from sey.frontend.compile import compile_spec, lower_spec, optimize
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.source import Source
from sey.ir.nodes import Program, Region, Yield
from sey.runtime.bundle import BinaryProbe
from sey.runtime.process import Process

PARTS = (
    ("the walk from frame to frame", "walk"),
    ("one read of the stack", "refill"),
    ("looking the stack up by its hash", "find_stack"),
    ("writing the goroutine's record", "emit_goroutine"),
    ("where to start, and the rest of a live goroutine", "live"),
)
"""Functions of the prelude in an order in which they can be left out, one after the other."""
VALUES = (("an integer", "id"), ("a string", "name"), ("a field behind a pointer", "job.Priority"))


def without(program: Program, names: Sequence[str]) -> Program:
    """The program with functions that do nothing in place of these."""
    nothing = Region((Yield(()),))
    functions = (replace(f, body=nothing) if f.name in names else f for f in program.functions)
    return replace(program, functions=tuple(functions))


def cut_probes(executable: Path) -> Iterator[tuple[str, BinaryProbe]]:
    """The probe without a spec, whole and then with less and less of it; each is named by what it lacks."""
    probe = compile_spec(None, [str(executable)]).bundle.binaries[0]
    yield "", probe
    lowered = lower_spec(BoundSpec(Source("", "")), open_debug_info(str(executable)), open_go(str(executable)))
    for count, (what, _) in enumerate(PARTS, 1):
        left = without(lowered.program, [name for _, name in PARTS[:count]])
        yield what, replace(probe, program=compile_snapshot(optimize(left)))


def value_probes(executable: Path) -> Iterator[tuple[str, BinaryProbe]]:
    """Probes with one value each, and with all of them."""
    for what, expressions in (*VALUES, ("all three", ", ".join(expression for _, expression in VALUES))):
        source = Source("values.sey", f'func "main.request" as requests {{ {expressions} }}\n')
        yield what, compile_spec(source, [str(executable)]).bundle.binaries[0]


def best(runs: Sequence[Taken], goroutines: int) -> float:
    """Nanoseconds of the processor a goroutine, the best of the rounds."""
    return min(run.cpu_ns for run in runs) / goroutines


def main() -> int:
    """Print both lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goroutines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    heading("Where a capture spends its time; ns a goroutine")
    with many(arguments.goroutines) as (target, executable):
        process = Process.look(target.pid)
        probes = [*cut_probes(executable), *value_probes(executable)]
        runs: list[list[Taken]] = [[] for _ in probes]
        for _ in range(arguments.rounds):
            for taken, (_, probe) in zip(runs, probes, strict=True):
                taken.append(capture(process, probe))
    costs = [best(taken, arguments.goroutines) for taken in runs]
    print(f"  {'stacks of all goroutines':52} {costs[0]:6.0f}")
    for (what, _), before, after in zip(probes[1:], costs, costs[1 : len(PARTS) + 1], strict=False):
        print(f"    of it {what:46} {before - after:6.0f}")
    print(f"    of it {'the loop over goroutines, reading their g':46} {costs[len(PARTS)]:6.0f}")
    for (what, _), cost in list(zip(probes, costs, strict=True))[len(PARTS) + 1 :]:
        print(f"  with {what + ' of a frame':47} {cost - costs[0]:+6.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
