"""Captured values against what the target says of itself: each is equal, or missing with a status that is justified."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sey.runtime.snapshot import Limits
from tests.kernel.support import Tables, snapshot
from tests.support.gobuild import RELEASES as ALL
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

# Those that differ most; `make test-all` has all.
FAST = ("1.26", "1.24", "1.21")
RELEASES = [pytest.param(release, marks=() if release in FAST else pytest.mark.matrix) for release in ALL]

WIDE = "{ max_string 20KiB, max_items 2000, depth 7 }"

# What compilers keep nowhere, or only in registers that a call doesn't keep: checked in code and location lists.
MISSING = {
    "main.generic[...]": {"value": "not_live"},
    "main.inPieces": {"at": "not_live", "mixed": "not_live", "small": "not_live"},
    "main.manyParameters": {"p": "optimized_out"},
    "main.onTheStackBelow": {"local": "optimized_out"},
    "main.second": {"b": "optimized_out"},
    "main.slices": {"part": "optimized_out"},
    "main.third": {"c": "optimized_out", "size": "optimized_out"},
}
# Where a release differs: 1.21 has lists of locations that don't fit (golang/go#61700), 1.27 keeps more.
MISSING_IN: dict[str, dict[str, dict[str, str]]] = {
    "1.21": {
        "main.floats": {"c64": "optimized_out", "c128": "optimized_out"},
        "main.slices": {"part": "optimized_out", "refs": "optimized_out", "rows": "optimized_out"},
        "main.third": {"c": "optimized_out"},
    },
    "1.27": {"main.manyParameters": {}, "main.onTheStackBelow": {}},
}

Key = tuple[str, str]


@dataclass(frozen=True)
class Values:
    """The captured values of a target, with all that it says of itself."""

    release: str
    expected: list[dict[str, Any]]
    globals: dict[str, Any]
    addresses: dict[str, int]
    tables: Tables
    sources: dict[str, str]
    """Tables of the capture by function."""

    def captured(self) -> dict[Key, list[dict[str, Any]]]:
        """Rows of `captures` by (table, name)."""
        found = defaultdict(list)
        for row in self.tables.rows("select * from captures"):
            found[row["source"], row["name"]].append(row)
        return found


@pytest.fixture(scope="module", params=RELEASES)
def values(request: pytest.FixtureRequest) -> Iterator[Values]:
    require_bpf()
    executable = build("values", go=request.param)
    with Target(executable) as target:
        expected = target.ask_json("expected")
        wanted = target.ask_json("globals")
        spec, sources = spec_of(expected, wanted)
        tables = snapshot(target.pid, executable, spec)
        yield Values(request.param, expected, wanted, target.ask_json("addresses"), tables, sources)


def spec_of(expected: list[dict[str, Any]], wanted: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """A spec that captures every variable that the target tells of, each under its name in lower case."""
    variables = defaultdict[str, set[str]](set)
    for frame in expected:
        variables[frame["function"]] |= frame["variables"].keys()
    sources = {function: f"table{number}" for number, function in enumerate(sorted(variables))}
    lines = []
    for function, table in sources.items():
        captures = [f"  {name} as v_{name.lower()} {WIDE}" for name in sorted(variables[function])]
        lines += [f'func "{function}" as {table} {{', *captures, "}"]
    lines += [f'global "{name}" as v_{name.split(".")[1].lower()} {WIDE}' for name in sorted(wanted)]
    return "\n".join(lines), sources


def told(value: Any, of: str) -> Any:
    """What the target says of a value, in the form that captures have."""
    match value:
        case {"$pointer": target}:
            return told(target, of.removeprefix("*"))
        case {"$bytes": text}:
            return text
        case {"$time": text}:
            return text
        case {"$cycle": _}:
            return {"$status": "depth"}
        case {"$status": _}:
            return value
        case {"type": kind, "value": held} if set(value) == {"type", "value"}:
            return {"type": kind, "value": told(held, kind)}
        case {"$address": _}:
            return "address"
        case dict():
            return {key: told(item, "") for key, item in value.items() if key != "_"}
        case list() if re.fullmatch(r"(\[\d+\])*\[\d+\]uint8", of):
            element = re.sub(r"^\[\d+\]", "", of)
            return bytes(value).hex() if element == "uint8" else [told(item, element) for item in value]
        case [real, imaginary] if of.startswith("complex"):
            return {"real": told(real, ""), "imag": told(imaginary, "")}
        case list():
            return [told(item, of.removeprefix("[]")) for item in value]
        case "+Inf" | "-Inf":
            return value.replace("+", "").replace("Inf", "Infinity")
    return value


def shown(value: Any) -> Any:
    """A captured value without the addresses that only the process knows."""
    match value:
        case {"len": length, "cap": capacity, "closed": False, "elements": []}:
            return {"len": length, "cap": capacity}
        case {"func": name, "captured": _}:
            return {"func": name}
        case str() if re.fullmatch("0x[0-9a-f]+", value):
            return "address"
        case {"$status": word}:
            return {"$status": word}
        case {"type": str(), "message": _, "value": held}:  # An error, which says so by its method.
            return {"type": value["type"], "value": shown(held)}
        case dict():
            return {key: shown(item) for key, item in value.items()}
        case list():
            return [shown(item) for item in value]
    return value


def value_of(row: dict[str, Any]) -> Any:
    """The value of a row of `captures`: texts and bytes stand there as they are, everything else is JSON."""
    if row["value"] is None:
        return {"$status": row["status"]}
    of = row["type"].lstrip("*").removeprefix("go.shape.")
    if of in ("string", "[]uint8"):
        return row["value"]
    # JSON has but one kind of number: a float's negative zero is written as -0.
    return shown(json.loads(row["value"], parse_int=lambda digits: -0.0 if digits == "-0" else int(digits)))


def same(one: Any, other: Any) -> bool:
    """Equal to the bit: 0 is not -0, 1 is not true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def test_every_value_is_the_targets_or_missing_for_a_known_reason(values: Values) -> None:
    check_values(values)


def check_values(values: Values) -> None:
    """Fails unless each value is what the target says, or missing where its release is known not to keep it."""
    captured, wrong = values.captured(), list[str]()
    missing = defaultdict[str, dict[str, str]](dict)
    for frame in values.expected:
        function = frame["function"]
        for name, entry in frame["variables"].items():
            rows = captured[values.sources[function], f"v_{name.lower()}"]
            if function != "main.spin":  # What that function holds was written down by another goroutine.
                rows = [row for row in rows if row["goid"] == frame["goid"]]
            for row in rows:
                wanted = told(entry["value"], entry["type"])
                if row["status"] in ("not_live", "optimized_out"):
                    missing[function][name] = row["status"]
                elif not same(comparable(value_of(row)), comparable(wanted)):
                    wrong.append(f"{function} {name}: {row['status']} {row['value']!r} instead of {wanted!r}")
            if not rows:
                wrong.append(f"{function} {name}: no row")
    assert not wrong, "\n".join(wrong)
    missing.pop("main.spin", None)  # In registers: where it is stopped decides.
    known = {**MISSING, **MISSING_IN.get(values.release, {})}
    assert dict(missing) == {function: names for function, names in known.items() if names}


def comparable(value: Any) -> Any:
    """Go's float64 1.0 and JSON's 1 are one number, but neither is true."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, float) and value.is_integer() and str(value) != "-0.0" and abs(value) < 2**53:
        return int(value)
    return value


def test_globals(values: Values) -> None:
    rows = {row["name"]: row for row in values.tables.rows("select * from globals")}
    assert len(rows) == len(values.globals)
    for name, entry in values.globals.items():
        row = rows["v_" + name.split(".")[1].lower()]
        own = {"$status": row["status"]} if row["value"] is None else shown(json.loads(row["value"]))
        assert same(comparable(own), comparable(told(entry["value"], entry["type"]))), name


def test_columns_have_the_types_of_their_values(values: Values) -> None:
    def types(function: str) -> dict[str, str]:
        rows = values.tables.rows(f"describe {values.sources[function]}")
        return {row["column_name"]: row["column_type"] for row in rows}

    integers = types("main.integers")
    assert [integers[f"v_{name}"] for name in ("i", "i8", "i16", "i32", "i64")] == [
        "BIGINT",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
    ]
    assert [integers[f"v_{name}"] for name in ("u", "u8", "u16", "u32", "u64", "ptr")] == [
        "UBIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UBIGINT",
    ]
    assert integers["pid"] == "INTEGER"
    assert types("main.stringsOfAllSorts")["v_short"] == "VARCHAR"
    assert types("main.booleans")["v_yes"] == "BOOLEAN"
    assert types("main.floats")["v_f32"] == "FLOAT"
    assert types("main.floats")["v_f64"] == "DOUBLE"
    assert types("main.slices")["v_three"] == "BIGINT[]"
    assert types("main.slices")["raw_v_three"] == "UBIGINT"
    assert types("main.times")["v_now"] == "TIMESTAMP"
    assert types("main.times")["v_long"] == "BIGINT"
    assert types("main.structs")["v_small"] == "STRUCT(X INTEGER, Y INTEGER)"
    assert types("main.interfaces")["v_pointed"] == "JSON"


def test_columns_hold_the_values(values: Values) -> None:
    row = values.tables.row(f"select * from {values.sources['main.integers']}")
    assert (row["v_i8"], row["v_u64"], row["v_i64"], row["v_r"]) == (-128, 2**64 - 1, -(2**63), ord("☃"))
    assert row["function"] == "main.integers"
    row = values.tables.row(f"select *, v_small.X as x from {values.sources['main.structs']}")
    assert row["x"] == -3
    row = values.tables.row(f"select v_long, v_none, v_negative from {values.sources['main.times']}")
    assert row == {"v_long": 5_400_030_000_000, "v_none": 0, "v_negative": -1}
    row = values.tables.row(f"select * from {values.sources['main.slices']}")
    assert (row["v_three"], row["v_none"], row["v_null"]) == ([10, 20, 30], [], None)
    assert (row["v_none__status"], row["v_null__status"]) == ("ok", "nil")
    assert row["v_thousand"] == [i * i for i in range(1000)]


def test_escaped_variables_are_read_through_their_addresses(values: Values) -> None:
    row = values.tables.row(f"select * from {values.sources['main.escaped']}")
    assert (row["v_moved"], row["v_record"]) == (1234, {"label": "escaped", "hits": 5})


def test_the_address_of_a_variable(values: Values) -> None:
    executable = build("values", go="1.26")
    spec = """func "main.escaped" as t { &moved as m, &record as r, &record.hits as h }"""
    with Target(executable) as target:
        row = snapshot(target.pid, executable, spec).row("select * from t")
        places = target.ask_json("addresses")
    moved, record = places["escaped.moved"], places["escaped.record"]
    assert (row["m"], row["r"], row["h"]) == (moved, record, record + 16)


def test_the_default_limits_cut_and_say_so() -> None:
    require_bpf()
    executable = build("values", go="1.26")
    spec = """
        func "main.stringsOfAllSorts" as texts { short, long, longUTF8, oddUTF8, invalid }
        func "main.slices" as slices { three, thousand }
        func "main.byteSlices" as bytes { bytes, manyBytes }
        func "main.pointers" as pointers { chain, cycle }
        func "main.stringsOfAllSorts" as none { short { max_string 0 }, long { max_string 1 } }
        func "main.slices" as few { three { max_items 2 }, refs { max_items 0 }, texts { max_items 1 } }
        func "main.pointers" as shallow { chain { depth 0 }, toInt as one { depth 1 }, twice { depth 1 } }
    """
    with Target(executable) as target:
        tables = snapshot(target.pid, executable, spec)
    row = tables.row("select * from texts")
    assert (row["short"], row["short__status"], row["short__detail"]) == ("hello", "ok", None)
    assert (row["long"], row["long__status"], row["long__detail"]) == (("0123456789" * 52)[:512], "truncated", "10240")
    assert (row["longutf8"], row["longutf8__detail"]) == ("é" * 256, "800")
    assert (row["oddutf8"], row["oddutf8__detail"]) == ("x" + "é" * 255, "801")
    assert row["invalid"] == r"a\xff\xfeb\x80"
    row = tables.row("select * from slices")
    assert (row["thousand"], row["thousand__status"], row["thousand__detail"]) == (
        [i * i for i in range(64)],
        "truncated",
        "1000",
    )
    row = tables.row("select * from bytes")
    assert (row["bytes__status"], row["manybytes__status"], row["manybytes__detail"]) == ("ok", "truncated", "5000")
    assert row["manybytes"] == (b"bytes" * 1000)[:512].hex()
    chain = json.loads(tables.row("select value from captures where name = 'chain' and source = 'pointers'")["value"])
    assert (chain["Value"], chain["Next"]["Value"], chain["Next"]["Next"]["Value"]) == (1, 2, 3)
    assert chain["Next"]["Next"]["Next"]["$status"] == "depth"
    row = tables.row("select * from none")
    assert (row["short"], row["short__status"], row["long"]) == ("", "truncated", "0")
    row = tables.row("select * from few")
    assert (row["three"], row["three__detail"], row["refs"], row["texts"]) == ([10, 20], "3", [], ["x"])
    row = tables.row("select * from shallow")
    assert (row["chain__status"], row["one"], row["twice__status"]) == ("depth", 31, "depth")


# What captures of the target `edges` must show of what its source says: a value, or the status in its place.
EXPRESSIONS: dict[str, dict[str, Any]] = {
    "main.operands": {
        "i8 - 1": 127,
        "u8 + 1": 0,
        "i16 + 1": -32768,
        "i32 - 1": 2147483647,
        "u32 + 1": 0,
        "i64 + 1": -(2**63),
        "u64 + 1": 0,
        "n / zero": "absent",
        "n % zero": "absent",
        "n / 2": -3,
        "n % 3": -1,
        "n << 2": -28,
        "n >> 1": -4,
        "u8 << 9": 0,
        "-i8": -128,
        "^u8": 0,
        "n &^ 1": -8,
        "1 << n": "absent",
        "1 << u8": 0,
        "i64 * i64": 1,
        "i32 / -1": -(2**31),
        "u64 > 5 && zero == 0": True,
        "zero != 0 || n < 0": True,
        "u64 == 18446744073709551615": True,
        "zero == 0 || n / zero == 1": True,
        "zero != 0 && n / zero == 1": False,
        "n / zero == 1 || zero == 0": "absent",
        "i8 < -127": True,
        "u8 ^ 0xf0": 15,
        "u8 & 0x0f | 0x10": 31,
    },
    "main.floats": {
        "f64 > 2.4": True,
        "f64 == 2.5": True,
        "nan == nan": False,
        "nan != nan": True,
        "nan < f64": False,
        "nan >= f64": False,
        "negzero == 0": True,
        "f32 == 0.1": True,
        "yes && !no": True,
        "no || yes": True,
        "f64": 2.5,
    },
    "main.texts": {
        'text == "grüße"': True,
        'text != ""': True,
        'empty == ""': True,
        "long == text": False,
        "text == text": True,
        'text == "grüßen"': False,
        "len(long)": 5000,
        "long[25]": ord("z"),
        "text[2]": 0xC3,
        "empty[0]": "absent",
        "len(text)": 7,
        "span > 1s": True,
        "span": 1_500_000_000,
        "bytes": "6279746573",
        "bytes[4]": ord("s"),
    },
    "main.lists": {
        "list": [1, 2, 3],
        "none": "nil",
        "empty": [],
        "list[2]": 3,
        "list[3]": "absent",
        "none[0]": "absent",
        "len(none)": 0,
        "len(list)": 3,
        "cap(list)": 10,
        "nested[0][1]": "b",
        "nested[1][0]": "absent",
        "p.Value": 10,
        "p.Next.Value": 20,
        "p.Next.Next.Value": "nil",
        "p.Deep": "nil",
        "p.list": [7],
        "p.list[0]": 7,
        "whole[3]": 4,
        "len(whole)": 4,
        "whole": [1, 2, 3, 4],
        "len(table)": 2,
        "len(pipe)": 0,
        "cap(pipe)": 3,
        "list == nil": False,
        "none == nil": True,
        "table": {"a": 1, "b": 2},
        "pipe": {"len": 0, "cap": 3, "closed": False, "elements": [], "receivers": [], "senders": []},
        "p.node.Name": "ten",
    },
    "main.unreadable": {
        "pointer": "unreadable",
        "pointer.Value": "unreadable",
        "text": "unreadable",
        "list": "unreadable",
        "list[0]": "unreadable",
        "len(list)": 3,
        "behind.Value": 5,
        "behind.Next.Value": "unreadable",
        "len(text)": 10,
    },
    "main.huge": {"table": "budget", "small": 7, "table[0]": 1, "table[4999]": 0, "len(table)": 5000},
}
# Of a string that goes into an interface later, Go up to 1.24 keeps the length alone.
NOT_LIVE = {(release, "main.unreadable", "text") for release in ("1.21", "1.22", "1.23", "1.24")}
STATUSES = {"absent", "nil", "unreadable", "budget"}


@pytest.mark.parametrize("release", RELEASES)
def test_expressions(release: str) -> None:
    require_bpf()
    executable = build("edges", go=release)
    spec = "\n".join(
        f'func "{function}" as t{number} {{' + "\n".join(f"\n{e} as e{i}" for i, e in enumerate(expressions)) + "\n}"
        for number, (function, expressions) in enumerate(EXPRESSIONS.items())
    )
    with Target(executable) as target:
        tables, page = snapshot(target.pid, executable, spec), target.greeting["page"]
    wrong = []
    for number, (function, expressions) in enumerate(EXPRESSIONS.items()):
        row = tables.row(f"select * from t{number}")
        for at, (expression, wanted) in enumerate(expressions.items()):
            value, status = row[f"e{at}"], row[f"e{at}__status"]
            if (release, function, expression) in NOT_LIVE and status == "not_live":
                continue
            if (status if isinstance(wanted, str) and wanted in STATUSES else value) != wanted:
                wrong.append(f"{function}: {expression} is {value!r} {status}, not {wanted!r}")
            if status == "unreadable" and not page <= int(row[f"e{at}__detail"], 16) < page + 4096:
                wrong.append(f"{function}: {expression} is unreadable at {row[f'e{at}__detail']}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("release", RELEASES)
def test_a_condition_with_a_missing_operand_is_false_and_counted(release: str) -> None:
    """Four goroutines: a chain of two nodes, its second node alone, a node of zeros, and no node."""
    require_bpf()
    executable = build("edges", go=release)
    spec = """
        func "main.some" as all_of_them { which, at.Next as next }
        func "main.some" as big when at.Value > 5 { which }
        func "main.some" as chained when at.Next.Value >= 20 { which, &at.Next.Value as behind, at.Next.Name as name }
        func "main.some" as none when at == nil { which }
        func "main.some" as named when at.Name == "twenty" || at.Next.Name == "twenty" { which }
        func "main.huge" as never when table[0] == 2 { }
    """
    with Target(executable) as target:
        tables = snapshot(target.pid, executable, spec)

    def met(table: str) -> list[int]:
        return [row["which"] for row in tables.rows(f"select which from {table} order by which")]

    assert (met("all_of_them"), met("big"), met("chained"), met("none")) == ([0, 1, 2, 3], [0, 1], [0], [3])
    assert met("named") == [0, 1]
    assert tables.rows("select * from never") == []
    row = tables.row("select * from chained")
    first = tables.row("select * from all_of_them where which = 0")
    assert (row["behind"], row["name"]) == (first["raw_next"], "twenty")
    missing = tables.capture.processes[0].facts.when_missing
    assert missing == {"all_of_them": 0, "big": 1, "chained": 3, "none": 0, "named": 2, "never": 0}


def test_a_full_output_says_budget_and_keeps_what_fits() -> None:
    """Room for a part of the goroutines."""
    require_bpf()
    executable = build("many", go="1.26")
    spec = """func "main.request" as requests { id, name, job }"""
    with Target(executable, ["-n=20000"]) as target:
        limits = Limits(max_pause_ns=5_000_000_000, max_bytes=2 << 20)
        tables = snapshot(target.pid, executable, spec, limits)
    row = tables.row("select * from processes")
    assert row["ended_by"] == "the output was full"
    assert row["goroutines_skipped"] + row["goroutines"] >= 20000
    assert row["goroutines_skipped"] > 0
    assert row["goroutines"] == tables.row("select count(*) as n from goroutines")["n"] > 0
    assert {row["s"] for row in tables.rows("select distinct job__status as s from requests")} <= {"ok", "budget"}
    # What is there is right all the same: the target makes a goroutine's three values of its number.
    wrong = tables.rows("select * from requests where name__status = 'ok' and not contains(name, cast(id as varchar))")
    assert wrong == []
