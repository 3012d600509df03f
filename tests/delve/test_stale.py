"""What the garbage collector has given up is not shown, where Delve shows what has its memory by now.

The goroutines of `tests/targets/stale` wait (one runs) behind the last use of what they hold. The debug information
still offers it; two collections later, all of that memory is given out again, to values that say `later`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.core.support import gdb_core, tables
from tests.delve import dlv
from tests.delve.dlv import Json, delve_of
from tests.kernel.support import Tables, snapshot
from tests.support.freeze import stopped
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import Target

# By function its variables whose last use has passed; each has a `kept`, too, which is used again.
_HELD = ("pointer", "dict", "queue", "call", "either", "failure", "text", "list")
_STALE = {
    "main.references": ("pointer", "dict", "queue", "call"),
    "main.dynamic": ("either", "failure"),
    "main.texts": ("text", "list"),
    "main.parts": ("both",),
    "main.locals": _HELD,
    "main.captures.func1": _HELD,
    "main.escaped": ("moved",),
    "main.running": ("pointer", "dict", "text"),
}
# What leads through a dead word, and numbers beside one, which are none of the collector's business.
_THROUGH = {
    "main.references": ("pointer.name", 'dict["first"]', "len(dict)", "len(queue)"),
    "main.dynamic": ("either.(string)", "failure.(*main.thing)", "failure.(*main.thing).name"),
    "main.texts": ("text[0:2]", "list[0]", "list[1:2]"),
    "main.parts": ("both.held", "both.held.name"),
    "main.escaped": ("moved.name",),
}
_BESIDE = {"main.texts": {"len(text)": "54", "len(list)": "4"}, "main.parts": {"both.number": "1"}}


def _spec() -> str:
    blocks = []
    for number, (function, names) in enumerate(_STALE.items()):
        wanted = [*names, *_THROUGH.get(function, ()), *_BESIDE.get(function, ()), "kept"]
        captures = "\n".join(f"  {expression} as v{i}" for i, expression in enumerate(wanted))
        blocks.append(f'func "{function}" as f{number} {{\n{captures}\n}}')
    return "\n".join(blocks)


def _rows(found: Tables) -> dict[tuple[str, str], tuple[str, Any]]:
    """Status and value by function and expression."""
    rows = {}
    for row in found.rows("select source, name, status, value from captures"):
        function = list(_STALE)[int(row["source"][1:])]
        wanted = [*_STALE[function], *_THROUGH.get(function, ()), *_BESIDE.get(function, ()), "kept"]
        rows[function, wanted[int(row["name"][1:])]] = row["status"], row["value"]
    return rows


@dataclass(frozen=True)
class Stale:
    """One moment of the target: by eBPF, from gdb's core, and Delve's variables of that core by function and name."""

    live: Tables
    core: Tables
    theirs: dict[tuple[str, str], Json]


@pytest.fixture(
    scope="module",
    # Unoptimized closures of 1.21 and 1.22 don't tell where what they captured is: `optimized_out`.
    params=[
        *matrix([("1.26", "plain"), ("1.27", "plain")], modes=("plain", "pie")),
        *matrix([], releases=("1.23", "1.24", "1.25", "1.26", "1.27"), modes=("noopt",)),
    ],
)
def stale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stale]:
    require_bpf()
    dlv.install()
    release, mode = request.param
    executable, path = build("stale", go=release, mode=mode), tmp_path_factory.mktemp("cores") / "core"
    with Target(executable) as target, stopped(target.pid):
        live = snapshot(target.pid, executable, _spec())
        core = gdb_core(target.pid, path)
    with delve_of(core, executable) as delve:
        frames = [frame for goid in delve.goroutines() for frame in delve.frames(goid) if frame.function in _STALE]
    theirs = {(frame.function, variable["name"]): variable for frame in frames for variable in frame.variables}
    yield Stale(live, tables(core, executable, _spec()), theirs)
    core.unlink()


def test_what_is_given_up_is_not_live(stale: Stale) -> None:
    for found in (_rows(stale.live), _rows(stale.core)):
        for function, names in _STALE.items():
            for expression in (*names, *_THROUGH.get(function, ())):
                assert found[function, expression] == ("not_live", None), (function, expression)


def test_what_is_used_again_and_what_is_no_pointer_is_shown(stale: Stale) -> None:
    for found in (_rows(stale.live), _rows(stale.core)):
        for function in _STALE:
            status, value = found[function, "kept"]
            assert status == "ok", function
            assert "first" in value or "main.aCall.func2" in value, (function, value)
        for function, wanted in _BESIDE.items():
            for expression, number in wanted.items():
                assert found[function, expression] == ("ok", number), (function, expression)


def test_delve_shows_what_has_the_memory_by_now(stale: Stale) -> None:
    shown = {(name, json.dumps(variable)) for (_, name), variable in stale.theirs.items()}
    wrong = {name for name, text in shown if '"value": "first' not in text and "main.aCall.func2" not in text}
    assert wrong >= {*_HELD, "both", "moved"}
    # What else got the memory is for Go's allocator to say; of most kinds it is one that was made to get it.
    later = {name for name, text in shown if "later" in text or (name == "call" and "main.aCall.func1" in text)}
    assert len(later) >= len(_HELD) // 2
