"""What an object costs that is followed during the pause: near others, on pages of its own, and by how deep it lies.

python bench/chase.py [--objects 4096] [--rounds 7] [--engine ebpf|native]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import heading, verdict
from bench.rounds import capture
from sey.frontend.compile import compile_spec
from sey.frontend.source import Source
from sey.runtime.process import Process
from tests.support.gobuild import build
from tests.support.target import run_target

NEAR, FAR = 0.6, 1.2
SLICES = 16


def spec(name: str, depth: int) -> Source:
    """Sixteen globals, each of them thousands of pointers."""
    lines = (f'global "main.{name}"[{i}] as {name}{i} {{ max_items 4096, depth {depth} }}' for i in range(SLICES))
    return Source("chase.sey", "\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=4096, help="in each of 16 slices")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    heading("objects behind pointers")
    executable = build("graph")
    met = True
    with run_target(executable, "-n", str(options.objects), timeout=120) as target:
        process = Process.look(target.pid)
        for name, budget in (("near", NEAR), ("far", FAR)):
            probes = {depth: compile_spec(spec(name, depth), [str(executable)]).bundle.binaries[0] for depth in (0, 1)}
            taken = {depth: [capture(process, probes[depth]) for _ in range(options.rounds)] for depth in (0, 1)}
            objects = taken[1][0].counters["objects"] - taken[0][0].counters["objects"]
            least = {depth: min(t.pause_ns for t in taken[depth]) for depth in (0, 1)}
            print(
                f"  {name}: {objects} objects, {least[0] / 1e6:.1f} ms without them, {least[1] / 1e6:.1f} ms with them"
            )
            met &= verdict(f"an object, {name}", (least[1] - least[0]) / max(objects, 1) / 1000, budget, "µs")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
