"""`type` statements: what is kept of a type's values, wherever one is reached."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

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

TYPES = """
type "main.clientState" {
  clientID, mu.processing
  zone                     # promoted from base
  from.peer.addr, from.id
}
type main.noise { }
type main.conn { id }
type "main.list[int]" { value, next }
"""
# What values of the first and the second client are shown as.
FIRST, SECOND = (
    {
        "base": {"zone": "eu"},
        "clientID": name,
        "mu": {"processing": True},
        "from": {"id": len(name), "peer": {"addr": f"{name}:1"}},
    }
    for name in ("first", "second")
)
HOLDER = {"state": SECOND, "noise": {}, "link": "https://user:secret@example.com/path?q=1"}
EXPRESSIONS: dict[str, dict[str, object]] = {
    "main.static": {
        "cs": FIRST,
        "*cs": FIRST,
        "cs { depth 1 }": FIRST,
        "*cs { depth 0 }": FIRST,
        "cs.next": SECOND,
        "cs.mu": {"processing": True, "queue": ["job"]},
        "cs.mu.queue": ["job"],
        "cs.next.from": {"id": 6},
        "cs.from.peer": {"addr": "first:1", "via": {"id": 9}},
        "cs.other": {"type": "main.noise", "value": {}},
        "h": HOLDER,
        "h.noise.text": "loud",
        "h.noise": {},
        "numbers": {"value": 1, "next": {"value": 2, "next": None}},
    },
    "main.dynamic": {
        "v": [
            {"type": "*main.clientState", "value": FIRST},
            {"type": "main.clientState", "value": SECOND},
            {"type": "*main.holder", "value": {**HOLDER, "noise": {}, "link": {"$status": "nil"}}},
            {"type": "[]*main.clientState", "value": [FIRST]},
            {"type": "*main.list[int]", "value": {"value": 1, "next": {"value": 2, "next": {"$status": "nil"}}}},
            {"type": "map[string]interface {}", "value": {"k": {"type": "main.clientState", "value": FIRST}}},
        ],
        "v[0].(*main.clientState)": FIRST,
        "v[0].(*main.clientState).mu.queue": ["job"],
    },
    "main.many": {
        "all": [FIRST, SECOND],
        "byName": {"a": SECOND},
        'byName["a"].from.peer': {"addr": "second:1", "via": {"id": 9}},
        "array": [{"id": 5}, {"id": 0}],
    },
}
GLOBALS = 'global "main.kept" as kept\n'


def block(function: str) -> str:
    captures = []
    for at, text in enumerate(EXPRESSIONS[function]):
        expression, brace, limits = text.partition(" {")
        captures.append(f"  {expression} as e{at}{brace}{limits}")
    return "\n".join([f'func "{function}" as {function.removeprefix("main.")} {{', *captures, "}\n"])


SPEC = TYPES + GLOBALS + "".join(block(function) for function in EXPRESSIONS)
# Nothing here can lead to a type that only the process knows, so the types are those of the debug information alone.
PLAIN = """
type main.peer { addr }
type main.conn { id, peer.via.id }
func "main.static" as plain { cs.from as f, cs.next.from.peer as p }
"""


@pytest.fixture(scope="module", params=RELEASES, ids="-".join)
def target(request: pytest.FixtureRequest) -> Iterator[tuple[int, Path]]:
    require_bpf()
    release, mode = request.param
    executable = build("keeping", go=release, mode=mode)
    with Target(executable) as running:
        os.kill(running.pid, signal.SIGSTOP)
        yield running.pid, executable


def shown(tables: Tables, function: str, at: int) -> object:
    value = tables.row(f"select to_json(e{at}) as j from {function.removeprefix('main.')}")["j"]
    return json.loads(value) if value is not None else None


@pytest.mark.parametrize("function", EXPRESSIONS)
def test_some_fields_are_shown(target: tuple[int, Path], function: str) -> None:
    tables = snapshot(*target, SPEC)
    for at, (expression, wanted) in enumerate(EXPRESSIONS[function].items()):
        found = shown(tables, function, at)
        assert found == wanted, expression


def test_all_engines_follow_the_same(target: tuple[int, Path]) -> None:
    compare({engine: run_engine(engine, *target, SPEC) for engine in ENGINES}, goroutines=3)


def test_what_is_left_out_is_not_followed(target: tuple[int, Path]) -> None:
    def objects(spec: str) -> int:
        return run_engine("native", *target, spec).counters["objects"]

    whole = 'func "main.static" as s { h }'
    nothing = objects('func "main.static" as s { 1 as one }')
    assert objects("type main.holder { }" + whole) == nothing + 1
    assert objects(whole) > nothing + 10


def test_types_of_debug_information_alone(target: tuple[int, Path]) -> None:
    row = snapshot(*target, PLAIN).row("select to_json(f) as f, to_json(p) as p from plain")
    assert json.loads(row["f"]) == {"id": 5, "peer": {"via": {"id": 9}}}
    assert json.loads(row["p"]) == {"addr": "second:1"}


def test_a_column_has_the_fields_that_are_left(target: tuple[int, Path]) -> None:
    row = snapshot(*target, SPEC).row("select typeof(e0) as t, typeof(e2) as d, typeof(e5) as m from static")
    assert row["t"] == (
        'STRUCT(base STRUCT("zone" VARCHAR), clientID VARCHAR, mu STRUCT(processing BOOLEAN),'
        ' "from" STRUCT(id BIGINT, peer STRUCT(addr VARCHAR)))'
    )
    assert row["d"] == row["t"], "a written path costs no depth"
    assert row["m"] == "STRUCT(processing BOOLEAN, queue VARCHAR[])"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("type main.clientStat { mu }", "SEY0221", "`main.clientStat`"),
        ("type main.clientState { clientId }", "SEY0203", "`clientId`"),
        ("type main.clientState { mu.prcessing }", "SEY0203", "`prcessing`"),
        ("type main.clientState { clientID.x }", "SEY0311", "string"),
        ("type main.clientState { other.text }", "SEY0311", "interface"),
        ("type *main.clientState { mu }", "SEY0311", "main.clientState"),
        ("type main.clientState { mu, mu.queue }", "SEY0226", "`mu.queue`"),
        ("type main.clientState { mu.queue, mu }", "SEY0226", "`mu`"),
        ("type main.clientState { mu, mu }", "SEY0226", "`mu`"),
        ("type main.noise { }\ntype main.noise { text }", "SEY0206", "type `main.noise`"),
        ("type reflect.Value { ptr }", "SEY0303", "choosing fields of reflect.Value"),
        ("type runtime.g { goid }", "SEY0303", "choosing fields of runtime.g"),
        ("type main.noise { text { max_string 4 } }", "SEY0124", "limits"),
    ],
)
def test_what_can_not_be_kept(text: str, code: str, words: str) -> None:
    source = Source("x.sey", text)
    with pytest.raises(SeyError) as error:
        compile_spec(source, [str(build("keeping"))], Options(cache_dir=INDEXES))
    (problem,) = error.value.problems
    assert problem.code == code
    assert words in problem.message()


def test_what_a_binary_lacks_is_a_warning_where_allowed() -> None:
    spec = 'type main.gone { x }\ntype main.noise { nothing }\nfunc "main.static" { h.noise as n }'
    bundle = compiled(build("keeping"), spec)
    assert bundle.binaries[0].plan.blocks
