"""`context` statements: what is found along the chain of a function's context."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sey.binary.errors import SeyError
from sey.frontend.compile import Options, compile_spec
from sey.frontend.source import Source
from tests.kernel.support import INDEXES, Tables, compiled, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import RELEASES as ALL
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

FAST = (("1.26", "plain"), ("1.21", "plain"), ("1.24", "noopt"))
OTHERS = (("1.27", "plain"), *((release, "noopt") for release in ALL if (release, "noopt") not in FAST))
RELEASES = [*FAST, *(pytest.param(built, marks=pytest.mark.matrix) for built in OTHERS)]
SPEC = """
context {
  value("*main.span").id                    as span
  value(main.span).name                     as by_value
  value(*main.span)                         as whole
  value(main.plain)                         as no_value
  key(main.ctxKey)                          as any_key
  key(main.ctxKey, 0).(string)              as user
  key(main.ctxKey, 1).(int)                 as tenant
  key(main.ctxKey, 2)                       as nobody
  key(string, "request-id").(string)        as request
  key(string, "request")                    as no_request
  key(main.flag, true).(main.span).id       as flagged
  key(main.flag, false)                     as not_flagged
  key(main.emptyKey).(*main.span).name      as empty_key
  key(global "main.packageKey").(string)    as kept
  key(global "main.otherKey").(string)      as another
}
func "main.wait"    { n }
func "main.request" { r.Method as method }
func "main.embeds"  { n }
func "main.second"  { n }
func "main.inner" as nested { n }
func "main.dead"    { }
func "main.without" { n }
"""
FULL: dict[str, object] = {
    "span": 7, "by_value": "by value", "whole": {"id": 7, "name": "seven"}, "no_value": "absent",
    "any_key": '{"type":"int","value":42}', "user": "ann", "tenant": 42, "nobody": "absent", "request": "r-1",
    "no_request": "absent", "flagged": 8, "not_flagged": "absent", "empty_key": "seven", "kept": "kept",
    "another": "another",
}  # fmt: skip
NOTHING: dict[str, object] = dict.fromkeys(FULL, "absent")
UNKNOWN: dict[str, object] = dict.fromkeys(FULL, "type_unknown")
NIL: dict[str, object] = dict.fromkeys(FULL, "nil")
FAR: dict[str, object] = {**NOTHING, "user": "far", "any_key": '{"type":"string","value":"far"}'}
CHAINS = [
    FULL, NOTHING, NOTHING, NIL, FULL, FULL, FULL, FULL, FULL, FULL, NIL,
    UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, FAR, dict.fromkeys(FULL, "depth"),
    {**UNKNOWN, "user": "near", "any_key": '{"type":"string","value":"near"}'},
    NIL,
]  # fmt: skip


@pytest.fixture(scope="module", params=RELEASES, ids="-".join)
def target(request: pytest.FixtureRequest) -> Iterator[tuple[int, Path]]:
    require_bpf()
    release, mode = request.param
    executable = build("contexts", go=release, mode=mode)
    with Target(executable) as running:
        os.kill(running.pid, signal.SIGSTOP)
        yield running.pid, executable


@pytest.fixture(scope="module")
def tables(target: tuple[int, Path]) -> Tables:
    return snapshot(*target, SPEC)


def carried(row: dict[str, Any]) -> dict[str, object]:
    """The columns that contexts gave: the value, else the status."""
    return {name: row[name] if row[f"{name}__status"] == "ok" else row[f"{name}__status"] for name in FULL}


def test_all_kinds_of_chains(tables: Tables) -> None:
    rows = tables.rows("select * from wait order by n")
    assert [row["n"] for row in rows] == list(range(len(CHAINS)))
    for row, wanted in zip(rows, CHAINS, strict=True):
        assert carried(row) == wanted, row["n"]


@pytest.mark.parametrize("function", ["request", "embeds"])
def test_values_that_hold_a_context(tables: Tables, function: str) -> None:
    assert carried(tables.row(f"select * from {function}")) == FULL


def test_the_first_parameter_is_asked(tables: Tables) -> None:
    assert tables.row("select span from second") == {"span": 10}


def test_the_innermost_variable_is_asked(tables: Tables) -> None:
    assert tables.row("select span from nested") == {"span": 2}


def test_a_dead_context_is_not_live_or_right(tables: Tables) -> None:
    found = carried(tables.row("select * from dead"))
    assert found in (FULL, dict.fromkeys(FULL, "not_live"))


def test_a_function_without_a_context_has_no_column(tables: Tables) -> None:
    row = tables.row("select * from without")
    assert "n" in row
    assert not row.keys() & FULL.keys()


def test_all_engines_find_the_same(target: tuple[int, Path]) -> None:
    compare({engine: run_engine(engine, *target, SPEC) for engine in ENGINES}, goroutines=20)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("value(*main.spam) as x", "SEY0221", "`*main.spam`"),
        ("value(*main.span).ix as x", "SEY0203", "`ix`"),
        ("key(main.ctxKey).id as x", "SEY0311", "interface"),
        ("value(error) as x", "SEY0303", "an interface type"),
        ('key(main.ctxKey, "a") as x', "SEY0305", "main.ctxKey"),
        ("key(main.emptyKey, 1) as x", "SEY0323", "main.emptyKey"),
        ("key(main.ctxKey, n) as x", "SEY0223", "`n`"),
        ('key(global "main.packagKey") as x', "SEY0204", "main.packagKey"),
        ('key(global "main.parked") as x', "SEY0303", "sync.WaitGroup"),
        ("values(main.span) as x", "SEY0125", "`values`"),
        ("value(main.span, 1) as x", "SEY0125", "`value`"),
        ("value(*main.span).id as n", "SEY0206", "column `n`"),
    ],
)
def test_what_can_not_be_sought(text: str, code: str, words: str) -> None:
    source = Source("x.sey", f'context {{ {text} }}\nfunc "main.wait" {{ n }}\nfunc "main.second" {{ first as one }}')
    with pytest.raises(SeyError) as error:
        compile_spec(source, [str(build("contexts"))], Options(cache_dir=INDEXES))
    (problem,) = error.value.problems
    assert problem.code == code
    assert words in problem.message()


def test_a_spec_without_any_context_is_warned_of() -> None:
    source = Source("x.sey", 'context { value(*main.span) as x }\nfunc "main.without" { n }')
    (warning,) = compile_spec(source, [str(build("contexts"))], Options(cache_dir=INDEXES)).warnings
    assert warning.code == "SEY0227"


def test_what_a_binary_lacks_is_a_column_without_values_where_allowed() -> None:
    spec = 'context { value(*main.gone) as x }\nfunc "main.wait" { n }\nfunc "main.nowhere" { n }'
    blocks = compiled(build("contexts"), spec).binaries[0].plan.blocks
    assert [[column.name for column in block.columns] for block in blocks] == [["n", "x"], ["n", "x"]]
    assert blocks[0].columns[1].types == ()
