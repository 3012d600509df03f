"""Breaks real files in many ways and runs every command that reads them: `python -m tests.fuzz.files FILE...`.

Executables go through the commands that look into a binary, bundles and captures (.seyp, .seyc; their checksums made
right again, or left wrong) through those that read these. Printed is every variant whose command crashed, hung, took
too much memory or ended by a bug; `--keep` leaves it in a folder. The exit status says whether there was any.
"""

from __future__ import annotations

import argparse
import collections
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from sey.binary.elf import open_elf
from sey.binary.errors import SeyError
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.runtime import container
from tests.fuzz.damage import Damage, areas_of, damaged, lying
from tests.fuzz.limits import Limits, run
from tests.interp.mutants import mutant

_FUNCTIONS = 12
_SECONDS = 20
_PROGRESS = 25
"""Variants between two lines that say how far it is."""
_MEMORY = 600 << 20
"""Bytes a command may have beyond six times the file: the compiler and the tables of names need some of any size."""

_LYING = 0.7
"""How often damage to a JSON document leaves it one."""

Commands = list[list[str]]


def main() -> int:
    """Run it; 1 where a command ended as none may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--variants", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first variant: the same damage each time")
    parser.add_argument("--keep", type=Path, help="where to leave files that found something")
    parser.add_argument("--pid", type=int, help="a process of the build that bundles are for: snapshots of it too")
    options = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory(prefix="sey-damage-") as folder:
        os.environ["SEY_CACHE_DIR"] = str(Path(folder) / "cache")
        for path in options.files:
            faults += _try(
                path, range(options.first, options.first + options.variants), Path(folder), options.keep, options.pid
            )
    return 1 if faults else 0


def _try(path: Path, numbers: Sequence[int], scratch: Path, keep: Path | None, pid: int | None = None) -> int:
    data = path.read_bytes()
    kind = container.sniff(data)
    target = scratch / f"target{path.suffix}"
    target.write_bytes(data)
    if kind is None:
        variants, commands = _binaries(data, path, numbers), _binary_commands(path, target, scratch)
    else:
        variants, commands = _containers(data, kind, numbers), _container_commands(kind, target, scratch, pid)
    limits = Limits(_SECONDS, _MEMORY + 6 * len(data))
    endings, faults, slowest = collections.Counter[int](), 0, (0.0, "")
    for number, (what, changed) in enumerate(variants):
        if number and number % _PROGRESS == 0:
            print(f"{path.name}: {number} of {len(numbers)}: {_counts(endings)}; faults: {faults}", flush=True)
        target.write_bytes(changed)
        for arguments in commands:
            end = run(arguments, limits, scratch)
            endings[end.status] += 1
            slowest = max(slowest, (end.seconds, f"{arguments[0]}: {what}"))
            if end.fault:
                faults += 1
                tail = end.output.strip()[-700:]
                print(f"{path.name}: {what}: sey {' '.join(arguments[:1])}: {end.fault}\n{tail}\n", flush=True)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(target, keep / f"{path.name}-{faults}")
        shutil.rmtree(scratch / "cache", ignore_errors=True)
    took = f"slowest {slowest[0]:.1f} s ({slowest[1]})"
    print(f"{path.name}: {len(numbers)} variants, {_counts(endings)}; faults: {faults}; {took}", flush=True)
    return faults


def _counts(endings: Mapping[int, int]) -> str:
    return ", ".join(f"exit {status}: {count}" for status, count in sorted(endings.items()))


def _binaries(data: bytes, path: Path, numbers: Sequence[int]) -> Iterator[Damage]:
    areas = areas_of(open_elf(path))
    # A debug section is one of thirty and half of what is read.
    areas += [area for area in areas if area[0].startswith((".debug_", ".gopclntab"))] * 2
    for number in numbers:
        yield damaged(data, areas, number)


def _binary_commands(path: Path, target: Path, scratch: Path) -> Commands:
    name, spec = str(target), scratch / "all.sey"
    look: Commands = [["functions", name], ["types", name], ["globals", name], ["inspect", name]]
    try:
        info = open_debug_info(str(path))
    except SeyError:
        return look
    chosen = [f for f in info.function_names() if f.startswith("main.")][:_FUNCTIONS]
    spec.write_text("".join(_blocks(info, chosen)))
    look += [["vars", name, function] for function in chosen[:3]]
    out = str(scratch / "out.seyp")
    return [*look, ["check", str(spec), name, "--allow-missing"], ["build", str(spec), name, "-o", out]]


def _blocks(info: BinaryDebugInfo, functions: Sequence[str]) -> Iterator[str]:
    """A spec that asks for the parameters of these functions."""
    for number, function in enumerate(functions):
        bodies = info.bodies(function)
        names = {v.name for body in bodies[:1] for v in info.variables(body) if v.name.isidentifier()}
        captures = ", ".join(f"{name} as v{at}" for at, name in enumerate(sorted(names)) if name.isascii())
        yield f'func "{function}" as f{number} {{ {captures} }}\n'


def _containers(data: bytes, kind: container.Format, numbers: Sequence[int]) -> Iterator[Damage]:
    """Half with wrong checksums, half with contents that are damaged behind right ones, bundles in captures too."""
    for number in numbers:
        if number % 4 == 0:
            yield damaged(data, [("the file", 0, len(data)), ("the head", 0, min(200, len(data)))], number)
        else:
            yield _resealed(data, kind, number)


def _resealed(data: bytes, kind: container.Format, number: int) -> Damage:
    random = Random(number)
    _, opened = container.unpack("x", data, kind)
    sections: dict[str, bytes] = {name: bytes(part) for name, part in opened.sections.items()}
    # Documents are small, and are what readers believe.
    weights = [3 if part[:1] == b"{" else 1 if part else 0 for part in sections.values()]
    (name,) = random.choices(list(sections), weights)
    inner = container.sniff(sections[name])
    if inner is not None:
        what, sections[name] = _resealed(sections[name], inner, number)
    else:
        part = sections[name]
        if part[:1] == b"{" and random.random() < _LYING:
            what, sections[name] = lying(part, random)
            return f"{name}: {what}", b"".join(container.pack(kind, sections))
        if name.endswith("seyb") and random.random() < _LYING:
            sections[name] = mutant(part, random)
            return f"{name}: mutant {number}", b"".join(container.pack(kind, sections))
        areas = [("it", 0, len(part)), ("its start", 0, min(256, len(part)))]
        # Not by the number itself: the same draws that chose the section would choose the way.
        what, sections[name] = damaged(part, areas, random.randrange(1 << 40))
    return f"{name}: {what}", b"".join(container.pack(kind, sections))


def _container_commands(kind: container.Format, target: Path, scratch: Path, pid: int | None = None) -> Commands:
    name = str(target)
    if kind is container.BUNDLE:
        looks: Commands = [
            ["inspect", name, *form] for form in ([], ["--layouts"], ["--ir"], ["--bytecode"], ["--bpf"])
        ]
        out = str(scratch / "out.seyc")
        shots = [["snapshot", name, "-p", str(pid), "-o", out, "--engine", engine] for engine in ("ebpf", "interp")]
        return looks if pid is None else looks + shots
    tables = ("goroutines", "frames", "stacks", "captures", "globals", "processes")
    queries = [["query", name, f"select * from {table} limit 5000", "--json"] for table in tables]
    exports = [["export", name, "-o", str(scratch / f"out.{form}")] for form in ("duckdb", "json", "folded")]
    return [*queries, *exports, ["stacks", name], ["inspect", name]]


if __name__ == "__main__":
    sys.exit(main())
