"""Variables of generic code in a real process: what their types are, the dictionary of each call tells."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.support import Tables, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import Target

UNDISTURBED = {"GODEBUG": "asyncpreemptoff=1", "GOMAXPROCS": "4"}
"""`spin` has its value in a register for some of its instructions: interrupted there it would be `not_live`."""
FAST = [("1.26", "plain"), ("1.26", "noopt"), ("1.21", "plain"), ("1.27", "plain")]
SPEC = """
func "main.one[...]" as one { v, n, many }
func "main.constrained[...]" as constrained { v }
func "main.two[...]" as two { a, b, whole, swapped }
func "main.keyed[...]" as keyed { m, k, v }
func "main.(*list[...]).each" as each { l, extra, v }
func "main.pair[...].part" as part { p, more }
func "main.closure[...].func1" as closure { v, w }
func "main.escaped[...]" as escaped { v, w, p }
func "main.large[...]" as large { v, w }
func "main.nested[...]" as nested { t, u }
func "main.careless[...]" as careless { v }
func "main.spin[...]" as spin { v }
"""


def _of(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


def _point(x: int, y: int) -> dict[str, Any]:
    return _of("*main.point", {"X": x, "Y": y})


def _user(name: str) -> dict[str, Any]:
    return _of("*main.user", {"name": name})


def _pair(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return _of(f"main.pair[{first['type']},{second['type']}]", {"key": first["value"], "val": second["value"]})


def _list(of: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    items = {"items": [of["value"], other["value"]], "last": {"$status": "nil"}}
    return _of(f"*main.list[{of['type']}]", items)


ORIGIN, SOMEONE, HOME = _point(1, 2), _user("u"), _of("*main.host", {"id": 1, "name": "h"})
ROOM = [7 if i == 7 else 0 for i in range(20)]
NIL = {"$status": "nil"}
SECOND = _of("time.Duration", 1_000_000_000)
EXPECTED: dict[str, dict[str, list[Any]]] = {
    "one": {
        "v": [ORIGIN, SOMEONE, None, _of("string", "text"), SECOND],
        "many": [
            _of("[]*main.point", [ORIGIN["value"]] * 2),
            _of("[]*main.user", [SOMEONE["value"]] * 2),
            _of("[]*main.point", [NIL] * 2),
            _of("[]string", ["text"] * 2),
            _of("[]time.Duration", [SECOND["value"]] * 2),
        ],
        "n": [1, 2, 3, 4, 5],
    },
    "constrained": {"v": [SOMEONE, HOME]},
    "two": {
        "a": [ORIGIN, HOME],
        "b": [SOMEONE, ORIGIN],
        "whole": [_pair(ORIGIN, SOMEONE), _pair(HOME, ORIGIN)],
        "swapped": [_pair(SOMEONE, ORIGIN), _pair(ORIGIN, HOME)],
    },
    "keyed": {
        "m": [
            _of("map[string]*main.point", {"k": ORIGIN["value"]}),
            _of("map[*main.user]*main.host", [{"key": SOMEONE["value"], "value": HOME["value"]}]),
        ],
        "k": ["k", SOMEONE["value"]],
        "v": [ORIGIN, HOME],
    },
    "each": {
        "l": [_list(ORIGIN, _point(3, 4)), _list(SOMEONE, _user("v"))],
        "extra": [_point(5, 6), _user("w")],
        "v": [_point(3, 4), _user("v")],
    },
    "part": {"p": [_pair(ORIGIN, SOMEONE)], "more": [_user("more")]},
    "closure": {"v": [ORIGIN, SOMEONE], "w": [_point(7, 8), _user("x")]},
    "escaped": {
        "v": [ORIGIN, HOME],
        "w": [ORIGIN, HOME],
        "p": [_of("**main.point", ORIGIN["value"]), _of("**main.host", HOME["value"])],
    },
    "large": {
        "v": [SOMEONE],
        "w": [_of("main.wide[*main.user]", {"head": SOMEONE["value"], "room": ROOM, "tail": SOMEONE["value"]})],
    },
    "nested": {"t": [SOMEONE, HOME] * 2, "u": [SOMEONE, HOME] * 2},
    "careless": {"v": [_of("*main.host", {"id": 2, "name": "fresh"})]},
    "spin": {"v": [HOME]},
}
MISSING = {
    # Closures of optimized code have their dictionary in the closure, and nothing keeps what no code needs.
    "plain": {
        *(("one", "many"), ("closure", "v"), ("closure", "w"), ("careless", "v"), ("escaped", "w")),
        *(("two", "whole"), ("two", "swapped")),
    },
    # It stands before its declaration's end in the table of lines; closures of Go 1.21 and 1.22 don't tell what they
    # hold.
    "noopt": {("escaped", "w"), ("keyed", "k"), ("keyed", "v"), ("closure", "v")},
}


@pytest.fixture(scope="module", params=matrix(FAST, modes=("plain", "noopt")))
def process(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, int, Path]]:
    """Release, mode, pid and executable of a process that is stopped."""
    require_bpf()
    release, mode = request.param
    executable = build("generics", go=release, mode=mode)
    with Target(executable, env=UNDISTURBED) as target:
        os.kill(target.pid, signal.SIGSTOP)
        yield release, mode, target.pid, executable


@pytest.fixture(scope="module")
def tables(process: tuple[str, str, int, Path]) -> Tables:
    _, _, pid, executable = process
    return snapshot(pid, executable, SPEC)


def test_every_value_has_the_type_of_its_instantiation(process: tuple[str, str, int, Path], tables: Tables) -> None:
    _, mode, _, _ = process
    for table, columns in EXPECTED.items():
        rows = tables.rows(f"select * from {table}")
        for column, wanted in columns.items():
            assert len(rows) == len(wanted), table
            left = Counter(map(_text, wanted))
            for row in rows:
                status, value = row[f"{column}__status"], row[column]
                if status in ("ok", "nil"):
                    left[_text(json.loads(value) if isinstance(value, str) and value != "k" else value)] -= 1
                else:
                    assert value is None
                    assert (table, column) in MISSING[mode], (table, column, status)
                    assert status in ("unsupported", "optimized_out", "not_live"), (table, column, status)
            assert min(left.values()) >= 0, (table, column, left)


def test_what_is_missing_says_the_shape(process: tuple[str, str, int, Path], tables: Tables) -> None:
    _, mode, _, _ = process
    row = tables.row("select v__status, v__detail from careless")
    if mode == "noopt":
        assert row == {"v__status": "ok", "v__detail": None}
    else:
        assert row == {"v__status": "unsupported", "v__detail": "go.shape.*uint8"}


def test_addresses_are_those_of_the_values(tables: Tables) -> None:
    rows = tables.rows("select v->>'type' as type, raw_v from constrained order by 1")
    again = tables.rows(
        "select a->>'type' as type, raw_a as raw_v from two union all select b->>'type', raw_b from two"
    )
    assert [row["type"] for row in rows] == ["*main.host", "*main.user"]
    for row in rows:
        assert row in again


def test_all_engines_see_the_same(process: tuple[str, str, int, Path]) -> None:
    release, _, pid, executable = process
    if release != "1.26":
        pytest.skip("once for each way of building is enough")
    compare({engine: run_engine(engine, pid, executable, SPEC) for engine in ENGINES}, goroutines=20)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
