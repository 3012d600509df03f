"""Frames by pclntab against what the program says of its own stacks: CallersFrames, and the dump of runtime.Stack."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from sey.binary.symbolize import Symbolizer, Symbols
from sey.binary.visibility import Visibility, hidden, printed_name
from tests.binary.support import MATRIX, frames_binary, symbolizer
from tests.support.godump import Frame, parse_dump


@dataclass(frozen=True)
class Run:
    """What one run of the program printed; `places` are its stacks."""

    main: int
    maps: str
    places: tuple[dict[str, Any], ...]

    def bias(self, names: Symbolizer) -> int:
        main = names.table.find("main.main")
        assert main is not None
        return self.main - main.entry


@cache
def run(go: str, mode: str) -> Run:
    done = subprocess.run([frames_binary(go, mode)], capture_output=True, text=True, check=True, timeout=60)
    first, *places = (json.loads(line) for line in done.stdout.splitlines())
    return Run(first["main"], first["maps"], tuple(places))


def stack_of(place: dict[str, Any], run: Run, names: Symbolizer) -> tuple[Symbols, np.ndarray[Any, np.dtype[np.bool_]]]:
    pcs = np.array(place["PCs"], dtype=np.uint64) - np.uint64(run.bias(names))
    functions = [names.table.function_at(int(pc)) for pc in pcs]
    # The frame that a signal interrupted was not calling: its PC is exact.
    exact = [False] + [f is not None and f.name == "runtime.sigpanic" for f in functions[:-1]]
    symbols = names.symbolize(pcs, np.array(exact))
    return symbols, hidden(symbols.visibility, np.array([0, len(symbols.function)]))


def place_of(symbols: Symbols, row: int) -> tuple[str, int, bool]:
    return symbols.file[row], int(symbols.line[row]), bool(symbols.inlined[row])


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_frames_are_those_of_callersframes(go: str, mode: str) -> None:
    names, ran = symbolizer(go, mode), run(go, mode)
    assert len(ran.places) > 30
    deepest = 0
    for place in ran.places:
        symbols, _ = stack_of(place, ran, names)
        panicked = np.isin(symbols.visibility, (Visibility.PANIC, Visibility.HIDDEN_PANIC))
        elided = symbols.wrapper & ~np.concatenate(([False], panicked[:-1]))
        mine = [
            ("runtime.gopanic" if symbols.function[i] == "panic" else symbols.function[i], *place_of(symbols, i))
            for i in np.flatnonzero(~elided).tolist()
        ]
        theirs = [(f["Function"], f["File"], f["Line"], f["Inlined"]) for f in place["Frames"]]
        assert mine == theirs, place["Name"]
        deepest = max(deepest, *np.diff(symbols.starts).tolist())
    assert deepest >= 4, "no frame with three inlined calls: the program doesn't test what it should"


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_visible_frames_are_those_of_the_dump(go: str, mode: str) -> None:
    names, ran = symbolizer(go, mode), run(go, mode)
    for place in ran.places:
        symbols, hide = stack_of(place, ran, names)
        mine = [(symbols.function[i], *place_of(symbols, i)) for i in np.flatnonzero(~hide).tolist()]
        (goroutine,) = parse_dump(place["Dump"])
        printed = [f for f in goroutine.frames if isinstance(f, Frame)]
        theirs = [(f.function, f.file, f.line, f.inlined) for f in printed]
        assert theirs[0][0] == "main.record"
        assert mine == theirs[1:], place["Name"]


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_created_by_is_the_dumps(go: str, mode: str) -> None:
    names, ran = symbolizer(go, mode), run(go, mode)
    seen = 0
    for place in ran.places:
        (goroutine,) = parse_dump(place["Dump"])
        created = goroutine.created_by
        if created is None or created.offset is None:
            continue
        function = names.table.find(created.function)
        assert function is not None
        gopc = np.array([function.entry + created.offset], dtype=np.uint64)
        symbols = names.created_by(gopc)
        found = (symbols.function, symbols.file, symbols.line.tolist())
        assert found == ([created.function], [created.file], [created.line])
        seen += 1
    assert seen >= 2


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_load_bias_of_each_mapping(go: str, mode: str) -> None:
    names, ran = symbolizer(go, mode), run(go, mode)
    lines = re.findall(r"^([0-9a-f]+)-[0-9a-f]+ (\S+) ([0-9a-f]+) \S+ [1-9]\d*\s+(\S+)$", ran.maps, re.MULTILINE)
    own = [line for line in lines if line[3] == str(frames_binary(go, mode).resolve())]
    assert len(own) >= 3
    for start, permissions, offset, _ in own:
        bias = names.table.elf.load_bias(int(start, 16), int(offset, 16), executable="x" in permissions)
        assert bias == ran.bias(names), (start, permissions, offset)
    assert (ran.bias(names) != 0) == ("pie" in mode)


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_one_by_one_equals_in_bulk(go: str, mode: str) -> None:
    names = symbolizer(go, mode)
    table = names.table
    chance = np.random.default_rng(7)
    pcs = chance.integers(table.text - 100, table.end + 100, size=3000, dtype=np.uint64)
    pcs[:500] = table.entries[chance.integers(0, len(table), size=500)]
    exact = chance.random(len(pcs)) < 0.5
    symbols = names.symbolize(pcs, exact)
    for i, pc in enumerate(pcs.tolist()):
        rows = range(symbols.starts[i], symbols.starts[i + 1])
        bulk = [
            (symbols.function[r], symbols.file[r], symbols.line[r], symbols.inlined[r], symbols.entry[r]) for r in rows
        ]
        single = table.frames_at(pc, exact=bool(exact[i]))
        assert bulk == [(printed_name(f.function, names.version), *f[1:5]) for f in single]


def test_nothing_asked_nothing_answered() -> None:
    names = symbolizer("1.26", "plain")
    nothing = names.symbolize(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.bool_))
    assert (nothing.starts.tolist(), nothing.function) == ([0], [])
    outside = names.symbolize(np.array([0, 1 << 63, names.table.end], dtype=np.uint64), np.zeros(3, dtype=np.bool_))
    assert (outside.starts.tolist(), outside.function) == ([0, 0, 0, 0], [])
    assert names.table.frames_at(names.table.end, exact=True) == ()
