"""The language server at a large binary: from a key stroke to its diagnostics, and from a request to its answer.

    python -m bench.lsp [--binary PATH] [--rounds 3]

Without a binary Go's own compiler is built (33 MB). In a spec of 20 functions with their variables one more block is
typed letter by letter, into quotes and braces that are closed, so that all of it is checked at each letter. Times are
those of the editor: pipes, JSON and the server's own pause before a check are in them. The first check, which reads
what the 20 blocks name, is told apart.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from bench.common import SCRATCH, heading, spread, verdict
from sey.frontend.bind.columns import table_of
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from tests.lsp.editor import Editor, editor
from tests.support.gobuild import go_command

T = TypeVar("T")
_FUNCTIONS = 20
_CHECK_MS, _COMPLETION_MS = 150.0, 50.0


def compiler() -> Path:
    """Go's compiler, with its debug information."""
    path = SCRATCH / "compile"
    if not path.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        subprocess.run([go_command(), "build", "-o", str(path), "cmd/compile"], check=True)
    return path


def blocks(info: BinaryDebugInfo) -> list[tuple[str, list[str]]]:
    """Functions with some of their variables, spread evenly over all that have at least two."""
    names = info.function_names()
    step = max(1, len(names) // (4 * _FUNCTIONS))
    found: dict[str, tuple[str, list[str]]] = {}
    for name in names[::step]:
        bodies = info.bodies(name)
        if ":" in name or not 0 < len(bodies) < 50 or len(found) > _FUNCTIONS:
            continue
        variables = [v.name for v in info.variables(bodies[0]) if v.locations and v.name.isidentifier()]
        if len(set(variables)) > 1:
            found.setdefault(table_of(name), (name, list(dict.fromkeys(variables))))
    return list(found.values())


def typed(function: str, variables: list[str]) -> Iterator[tuple[str, str]]:
    """A block as it is typed, a letter more at each step: what stands before and behind the place."""
    begin, body = 'func "', f"  {variables[0]} as first\n  {variables[1]} as second"
    yield from ((begin + function[:end], '" as typed {\n}\n') for end in range(1, len(function) + 1))
    head = f'func "{function}" as typed {{\n'
    yield from ((head + body[:end], "\n}\n") for end in range(1, len(body) + 1))


def timed(do: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds that something takes, and what it gives."""
    start = time.perf_counter()
    result = do()
    return (time.perf_counter() - start) * 1000, result


def measure(speaker: Editor, uri: str, spec: str, block: tuple[str, list[str]]) -> tuple[list[float], list[float]]:
    """Milliseconds of each check and each completion while a block is typed."""
    checks: list[float] = []
    completions: list[float] = []
    for before, behind in typed(*block):
        start = time.perf_counter()
        speaker.changed(uri, spec + before + behind)
        checked = time.perf_counter()
        lines = (spec + before).split("\n")
        speaker.at("completion", uri, len(lines) - 1, len(lines[-1]))
        checks.append((checked - start) * 1000)
        completions.append((time.perf_counter() - checked) * 1000)
    return checks, completions


def main() -> int:
    """Measure, print, and say whether the budgets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    heading("language server: milliseconds after a key stroke")
    binary = (options.binary or compiler()).resolve()
    *given, last = blocks(open_debug_info(str(binary)))
    spec = "".join(f'func "{name}" {{ {", ".join(variables[:4])} }}\n' for name, variables in given)
    print(f"  {binary.name}: {binary.stat().st_size / 1e6:.0f} MB; {len(given)} blocks, then {last[0]}")
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        uri = (Path(folder) / "x.sey").as_uri()
        for _ in range(options.rounds):
            with editor("--binary", binary) as speaker:
                started, _ = timed(lambda: speaker.start(Path(folder)))
                opened, found = timed(lambda: speaker.open(uri, spec))
                print(f"  start {started:.0f} ms, first check {opened:.0f} ms, {len(found)} problems")
                rounds.append(measure(speaker, uri, spec, last))
    checks, completions = (min(each, key=statistics.median) for each in zip(*rounds, strict=True))
    print(f"  checks {spread(checks, ' ms')}, completions {spread(completions, ' ms')}")
    met = [
        verdict("key stroke to diagnostics, 95 of 100", _most(checks), _CHECK_MS, "ms"),
        verdict("completion, 95 of 100", _most(completions), _COMPLETION_MS, "ms"),
    ]
    print(f"  slowest: {max(checks):.0f} ms, {max(completions):.0f} ms")
    return 0 if all(met) else 1


def _most(values: list[float]) -> float:
    """What 95 of 100 stay within."""
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
