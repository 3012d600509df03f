"""Type assertions: what an interface holds where its type is the one named, `absent` where it is another."""

from __future__ import annotations

import os
import signal

import pytest

from sey.binary.errors import SeyError
from sey.frontend.compile import compile_spec
from sey.frontend.source import Source
from tests.kernel.support import Tables, snapshot
from tests.kernel.test_engines import compare
from tests.support.engines import ENGINES, run_engine
from tests.support.gobuild import RELEASES as ALL
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

FAST = (("1.26", "plain"), ("1.26", "pie"), ("1.21", "plain"), ("1.26", "noopt"))
RELEASES = [*FAST, *(pytest.param(release, "plain", marks=pytest.mark.matrix) for release in ALL if release != "1.26")]

# By function: expressions with what they have to be, a word of `STATUSES` where they are missing.
EXPRESSIONS: dict[str, dict[str, object]] = {
    "main.values": {
        "v[0].(*main.point).Y": 2,
        "v[0].(*main.point)": {"X": 1, "Y": 2},
        "v[0].(main.point).Y": "absent",
        "v[1].(main.point).Y": 4,
        "v[1].(main.point)": {"X": 3, "Y": 4},
        "v[1].(*main.point)": "absent",
        "v[2].(int)": 5,
        "v[2].(int64)": "absent",
        "v[2].(int) + 1 == 6": True,
        "v[3].(string)": "six",
        "len(v[3].(string))": 3,
        "v[4].([]int)[1]": 8,
        "v[4].([]string)": "absent",
        'v[4].("[]int")': [7, 8],
        "v[5].(main.holder).at.X": 1,
        "v[6].(main.one)[0].Y": 2,
        "len(v[7].(main.table))": 1,
        'v[7].(main.table)["a"]': 9,
        'v[7].(main.table)["b"]': "absent",
        "v[4].([]int)[1:]": [8],
        "v[3].(string)[1:]": "ix",
        "v[8].(main.code)": 10,
        "v[8].(int)": "absent",
        "v[9].(float64)": 11.5,
        "v[10].(bool)": True,
        "v[11].(int)": "nil",
        "v[12].(*main.point)": "nil",
        "v[12].(*main.point).X": "nil",
        "v[13].(time.Duration)": 12,
        'v[15].("example.com/dynamic/shapes.Square").Depth': 14,
        'v[16].("example.com/dynamic/shapes.Square").Side': "absent",
        'v[16].("example.com/dynamic/other/shapes.Square").Side': 15,
        "v[17].(*shapes.Alone).Name": "alone",
        "v[18].(uint8)": 200,
    },
    "main.failures": {
        "e[0].(*main.failure).Code": 42,
        "e[0].(*main.failure).Cause.(main.refusal).Reason": "asked too often",
        "e[1].(*fmt.wrapError).msg": "more: no luck",
        "e[1].(*fmt.wrapError).err.(*main.failure).Reason": "no luck",
        "e[1].(*main.failure).Reason": "absent",
        "e[2].(main.refusal).Reason": "not today",
        "e[3].(*errors.errorString).s": "plain",
        "e[4].(*errors.errorString).s": "nil",
    },
    "main.parameters": {
        "err.(*fmt.wrapError).err.(*main.failure).Cause.(main.refusal).Reason": "asked too often",
        "value.(main.point).Y": 17,
    },
}
STATUSES = {"absent", "nil"}
GLOBALS = """
global "main.kept".(*main.point).Y as kept
global "main.keptError".(main.refusal).Reason as kept_error
"""


def spec_of() -> str:
    blocks = []
    for function, expressions in EXPRESSIONS.items():
        captures = [f"  {e} as e{n}" for n, e in enumerate(expressions)]
        blocks.append("\n".join([f'func "{function}" as {function.removeprefix("main.")} {{', *captures, "}"]))
    return "\n".join([*blocks, GLOBALS])


def wrong(tables: Tables) -> list[str]:
    """What isn't as it has to be."""
    found = []
    for function, expressions in EXPRESSIONS.items():
        row = tables.row(f"select * from {function.removeprefix('main.')}")
        for at, (expression, wanted) in enumerate(expressions.items()):
            value, status = row[f"e{at}"], row[f"e{at}__status"]
            if (status if isinstance(wanted, str) and wanted in STATUSES else value) != wanted:
                found.append(f"{expression} is {value!r} {status}, not {wanted!r}")
    return found


@pytest.mark.parametrize(("release", "mode"), RELEASES)
def test_what_interfaces_hold(release: str, mode: str) -> None:
    require_bpf()
    executable = build("dynamic", go=release, mode=mode)
    with Target(executable) as target:
        tables = snapshot(target.pid, executable, spec_of())
        os.kill(target.pid, signal.SIGSTOP)
        found = {engine: run_engine(engine, target.pid, executable, spec_of()) for engine in ENGINES}
    assert not wrong(tables), "\n".join(wrong(tables))
    values = {row["name"]: row["value"] for row in tables.rows("select name, value from globals")}
    assert values["kept"] == "8"
    assert values["kept_error"] == '"kept"'
    compare(found, goroutines=3)


@pytest.mark.parametrize(
    ("assertion", "code", "words"),
    [
        ("v[0].(*shapes.Square)", "SEY0222", '"*example.com/dynamic/other/shapes.Square" or "*example.com/dynamic/sha'),
        ("v[0].(*main.pont)", "SEY0221", "`*main.pont`"),
        ("v[0].(error)", "SEY0303", "asserting an interface type"),
        ("v[0].(*main.point).X.(int)", "SEY0318", "int is not an interface"),
        ("v.(int)", "SEY0318", ""),
    ],
)
def test_what_can_not_be_asserted(assertion: str, code: str, words: str) -> None:
    source = Source("x.sey", f'func "main.values" {{ {assertion} as x }}')
    with pytest.raises(SeyError) as error:
        compile_spec(source, [str(build("dynamic"))])
    (problem,) = error.value.problems
    assert problem.code == code
    assert words in problem.message()
