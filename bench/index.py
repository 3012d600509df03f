"""Index of a binary's debug information: cold and warm, in time and memory, beside pyelftools' walk of the same file.

Usage: python bench/index.py [BINARY…]     (default: the test program; try a large server built with default flags)
Prints ratios of one run. Budget: cold at most 1 s for 8 MB of .debug_info, 150 MB over the bare interpreter.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def peak() -> float:
    """MB that this process used at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def index(path: str, folder: str) -> None:
    started = time.perf_counter(), time.process_time()
    from sey.frontend.debuginfo.open import open_debug_info

    imported = time.perf_counter()
    info = open_debug_info(path, cache_dir=Path(folder))
    opened = time.perf_counter(), time.process_time()
    names = len(info.function_names()), len(info.type_names()), len(info.global_names())
    report = {
        "import": imported - started[0],
        "open": opened[0] - imported,
        "cpu": opened[1] - started[1],
        "peak": peak(),
        "names": names,
    }
    print(json.dumps(report))


def walk(path: str) -> None:
    started = time.perf_counter()
    from elftools.elf.elffile import ELFFile

    with open(path, "rb") as file:
        entries = sum(1 for unit in ELFFile(file).get_dwarf_info().iter_CUs() for _ in unit.iter_DIEs())
    print(json.dumps({"open": time.perf_counter() - started, "peak": peak(), "entries": entries}))


def bare() -> None:
    print(json.dumps({"peak": peak()}))


def run(*arguments: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--run", *arguments]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _cold(path: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return run("index", path, folder)


def _seconds(result: dict[str, float]) -> float:
    return result["open"]


def report(path: str) -> None:
    from sey.binary.elf import open_elf

    section = open_elf(path).section(".debug_info")
    assert section is not None
    megabytes = len(section.data()) / 1e6
    base = run("bare")["peak"]
    # Of several runs the best: other work on the machine only ever adds.
    cold = min((_cold(path) for _ in range(3)), key=_seconds)
    with tempfile.TemporaryDirectory() as folder:
        run("index", path, folder)
        warm = min((run("index", path, folder) for _ in range(3)), key=_seconds)
    slow = run("walk", path)
    print(f"{path}: {megabytes:.1f} MB of .debug_info, {slow['entries']} entries, {cold['names']} names")
    for name, r in (("cold index", cold), ("warm index", warm)):
        ratio = slow["open"] / r["open"]
        print(
            f"  {name}: {r['open']:.3f} s after {r['import']:.2f} s of imports, {r['cpu']:.2f} s CPU in all, "
            f"1/{ratio:.0f} of the walk; {r['peak'] - base:.0f} MB over the bare interpreter"
        )
    print(f"  pyelftools walk: {slow['open']:.1f} s; {slow['peak'] - base:.0f} MB")
    print(f"  cold, scaled to 8 MB: {cold['open'] * 8 / megabytes:.2f} s (budget 1 s)")


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        match sys.argv[2:]:
            case ["index", path, folder]:
                index(path, folder)
            case ["walk", path]:
                walk(path)
            case _:
                bare()
        return
    paths = sys.argv[1:]
    if not paths:
        sys.path.insert(0, str(ROOT))
        from tests.support.gobuild import build

        paths = [str(build(ROOT / "tests" / "debuginfo" / "program"))]
    for path in paths:
        report(path)


if __name__ == "__main__":
    main()
