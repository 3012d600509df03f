"""What an element of a map costs that is captured by its key: for a key that is there and one that isn't, by size.

    python bench/lookups.py [--rounds 7]

Each goroutine has a map of its own, so none is looked up twice. A key that isn't there has another length, or the same:
then each string of the map is compared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import heading
from bench.rounds import capture
from sey.frontend.compile import compile_spec
from sey.frontend.source import Source
from sey.runtime.process import Process
from tests.support.gobuild import build
from tests.support.target import run_target

SIZES = ((8, 2000), (1000, 500), (100_000, 8))
"""Entries of a map, and goroutines that have one."""
KEYS = {
    "nothing": "len(names)",
    "a string that is there": 'names["key-000005"]',
    "a string that isn't, no other as long": 'names["key"]',
    "a string that isn't, all others as long": 'names["key-x00005"]',
    "a number that is there": "numbers[5]",
    "a number that isn't": "numbers[-1]",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    executable = build("lookups")
    for entries, goroutines in SIZES:
        heading(f"maps of {entries} entries, {goroutines} goroutines")
        with run_target(executable, "-n", str(goroutines), "-entries", str(entries), timeout=120) as target:
            process = Process.look(target.pid)
            least: dict[str, int] = {}
            for name, key in KEYS.items():
                spec = Source("lookups.sey", f'func "main.holds" {{ {key} as element }}')
                probe = compile_spec(spec, [str(executable)]).bundle.binaries[0]
                least[name] = min(capture(process, probe).pause_ns for _ in range(options.rounds))
                each = (least[name] - least["nothing"]) / goroutines
                told = f"{each:.0f} ns" if key != KEYS["nothing"] else f"a pause of {least[name] / 1e6:.2f} ms"
                print(f"  {name}: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
