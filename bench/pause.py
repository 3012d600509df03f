"""The pause for stacks of all goroutines, and its ratio to a C program that copies the same stacks in one piece each.

python bench/pause.py [--goroutines 1000 10000 100000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import heading, many, spread, verdict
from bench.rounds import Rounds, alternate
from sey.frontend.compile import compile_spec
from sey.runtime.engine import parts_for

MICROS, RATIO = 2.0, 2.0


def report(found: Rounds, micros: float, ratio: float | None) -> bool:
    """Print all figures of one number of goroutines; whether the budgets are met."""
    counters = found.taken[0].counters
    pause = found.micros(lambda one: one.pause_ns)
    wall, cpu = found.micros(lambda one: one.wall_ns), found.micros(lambda one: one.cpu_ns)
    base_wall, base_cpu = found.baseline_micros(lambda c: c.wall_ns), found.baseline_micros(lambda c: c.cpu_ns)
    with_g = found.baseline_micros(lambda c: c.cpu_ns, with_g=True)
    held = found.stacks[0].bytes / found.goroutines
    print(f"## {found.goroutines} goroutines, {held:.0f} bytes of stack each; µs a goroutine")
    print(f"  pause, from the first interrupt to the last thread's end   {spread(pause)}")
    print(f"  the probe's run in it, wall clock                          {spread(wall)}")
    print(f"  the probe's run in it, processor                           {spread(cpu)}")
    print(f"  baseline (stacks), wall clock                              {spread(base_wall)}")
    print(f"  baseline (stacks), processor                               {spread(base_cpu)}")
    print(f"  baseline (g, then stack), processor                        {spread(with_g)}")
    short = [one for one in found.taken if one.counters["captured"] < found.goroutines]
    print(f"  {counters['captured']} captured, {counters['stacks']} different stacks, {counters['bad_stacks']} bad")
    met = not short
    if short:
        print(f"  NOT ALL CAPTURED: {short[0].counters}")
    met &= verdict("pause a goroutine", min(pause), micros, "µs")
    if ratio is not None:
        met &= verdict("probe / baseline (stacks), processor", min(cpu) / min(base_cpu), ratio, "x")
    verdict("probe / baseline (g, then stack), processor", min(cpu) / min(with_g), ratio or micros, "x")
    return met


def main() -> int:
    """Measure each number of goroutines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goroutines", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parts", type=int, default=0, help="into how many parts to split the walk; 0: as sey does")
    arguments = parser.parse_args()
    heading("Pause: stacks of all goroutines")
    met = True
    for count in arguments.goroutines:
        with many(count) as (target, executable):
            parts = arguments.parts or parts_for(count)
            print(f"# in {parts} part{'s' if parts > 1 else ''}")
            probe = compile_spec(None, [str(executable)]).bundle.binaries[0]
            found = alternate(target.pid, executable, probe, arguments.rounds, parts)
            met &= report(found, MICROS, RATIO if parts == 1 else None)
        print(flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
