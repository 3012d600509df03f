"""Maps, channels, funcs and bare addresses, written into pages and decoded again."""

from __future__ import annotations

import json
import struct
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from sey.ir.plan import CHAN_WORDS, FUNC_TYPE, OBJECT_CHANGING, OBJECT_PARTIAL, Status
from tests.decode.test_values import Bench, jsons, words
from tests.support.pages import Chan, Func, Map, Object, Ref


def in_duckdb(values: pa.Array, field: pa.Field) -> tuple[str, list[object]]:
    """The type that DuckDB gives a column, and its values there."""
    rows = pa.table([values], schema=pa.schema([field]))
    relation = duckdb.connect().from_arrow(rows)
    return str(relation.types[0]), [row[0] for row in relation.fetchall()]


def test_maps_are_maps_by_key() -> None:
    bench = Bench()
    kind = bench.go.map_of(bench.go.string, bench.go.int32)
    some = Map([(b"b", 2), (b"", 0), (b"a\xff", 1), (b"a", 3)])
    decoded = bench.round_trip(kind, some, None, Map([]))
    expected = {"": 0, "a": 3, "a\\xff": 1, "b": 2}
    kind_there, values = in_duckdb(decoded.values(), decoded.form.field("x"))
    assert (kind_there, values) == ("MAP(VARCHAR, INTEGER)", [expected, None, {}])
    assert words(decoded) == ["ok", "nil", "ok"]
    assert decoded.json().to_pylist() == ['{"":0,"a":3,"a\\\\xff":1,"b":2}', None, "{}"]
    assert [a != 0 for a in decoded.addresses().to_pylist()] == [True, False, True]
    assert decoded.type_names().to_pylist()[0] == "map[string]int32"


@pytest.mark.parametrize(
    ("key", "keys", "shown"),
    [
        ("int8", (3, -2, 1), ["-2", "1", "3"]),
        ("uint64", (1 << 63, 5), ["5", str(1 << 63)]),
        ("bool", (True, False), ["false", "true"]),
    ],
)
def test_keys_that_are_numbers_are_names_in_json(key: str, keys: tuple[int, ...], shown: list[str]) -> None:
    bench = Bench()
    kind = bench.go.map_of(getattr(bench.go, key), bench.go.string)
    decoded = bench.round_trip(kind, Map([(k, str(int(k)).encode()) for k in keys]))
    assert list(jsons(decoded)[0]) == shown
    assert decoded.values().to_pylist() == [[(k, str(int(k))) for k in sorted(keys)]]


def test_other_keys_make_lists_of_entries() -> None:
    bench = Bench()
    go = bench.go
    floats = bench.round_trip(
        go.map_of(go.float64, go.int8), Map([(2.5, 1), (float("nan"), 2), (-1.0, 3), (float("nan"), 4)])
    )
    assert floats.form.kind == "json"
    assert jsons(floats)[0] == [
        {"key": -1.0, "value": 3},
        {"key": 2.5, "value": 1},
        {"key": "NaN", "value": 2},
        {"key": "NaN", "value": 4},
    ]
    point = go.struct("main.Point", ("x", go.int64), ("y", go.int64))
    points = bench.round_trip(go.map_of(point, go.bool), Map([((1, 2), True)]))
    assert jsons(points)[0] == [{"key": {"x": 1, "y": 2}, "value": True}]
    pointers = bench.round_trip(go.map_of(go.pointer(go.int64), go.bool), Map([(Ref(7), True), (Ref(7), False)]))
    assert jsons(pointers)[0] == [{"key": 7, "value": True}, {"key": 7, "value": False}]


def test_maps_nest_and_lie_in_structs() -> None:
    bench = Bench()
    go = bench.go
    inner = go.map_of(go.int64, go.slice(go.string))
    outer = go.struct("main.S", ("m", go.map_of(go.string, inner)), ("n", inner))
    decoded = bench.round_trip(outer, (Map([(b"k", Map([(1, [b"a", b"b"])])), (b"l", None)]), None))
    assert jsons(decoded) == [{"m": {"k": {"1": ["a", "b"]}, "l": {"$status": "nil"}}, "n": {"$status": "nil"}}]
    kind, values = in_duckdb(decoded.values(), decoded.form.field("x"))
    assert kind == "STRUCT(m MAP(VARCHAR, MAP(BIGINT, VARCHAR[])), n MAP(BIGINT, VARCHAR[]))"
    assert values == [{"m": {"k": {1: ["a", "b"]}, "l": None}, "n": None}]


def test_maps_with_more_entries_than_are_shown() -> None:
    bench = Bench()
    kind = bench.go.map_of(bench.go.int64, bench.go.int64)
    whole = Map([(n, n) for n in range(9, 0, -1)])
    partial = Map([(1, 1)], status=Status.OK | OBJECT_PARTIAL)
    decoded = bench.round_trip(kind, whole, Map([(1, 1)], count=5_000_000), partial, max_items=8)
    assert words(decoded) == ["truncated"] * 3
    assert decoded.details().to_pylist() == ["9", "5000000", "1"]
    assert [len(each) for each in decoded.values().to_pylist()] == [8, 1, 1]
    inside = bench.go.struct("main.S", ("m", kind))
    shown = jsons(bench.round_trip(inside, (Map([(1, 1)], count=3),)))
    assert shown == [{"m": {"$status": "truncated", "$length": 3, "$value": {"1": 1}}}]


def test_a_map_that_was_being_written_says_so() -> None:
    bench = Bench()
    kind = bench.go.map_of(bench.go.string, bench.go.int64)
    changing = Status.OK | OBJECT_CHANGING
    torn = (Map([(b"a", 1)], status=changing), Map([(b"a", 1)], count=2, status=changing), Map([(b"a", 1)]))
    decoded = bench.round_trip(kind, *torn)
    assert words(decoded) == ["ok", "truncated", "ok"]
    assert decoded.details().to_pylist() == ["being written", "2, being written", None]
    assert decoded.values().to_pylist() == [[("a", 1)]] * 3
    inside = bench.round_trip(bench.go.pointer(bench.go.struct("main.S", ("m", kind))), Ref((torn[0],)))
    assert jsons(inside) == [{"m": {"$note": "being written", "$value": {"a": 1}}}]
    pointed = bench.round_trip(bench.go.pointer(kind), Ref(torn[0]), Ref(torn[2]))
    assert pointed.details().to_pylist() == ["being written", None]


def test_keys_that_are_missing_or_look_alike() -> None:
    """A MAP can't have them, JSON shows all."""
    bench = Bench()
    kind = bench.go.map_of(bench.go.string, bench.go.int64)
    alike = Map([(b"abc1", 1), (b"abc2", 2), (b"b", 3)])
    raws = [bench.memory.encode(kind, alike)]
    missing = struct.pack("<QQQ", 0x9000, 3, 7)
    address = bench.memory.note(kind.id, missing, 1)
    raws.append(struct.pack("<Q", address))
    decoded = bench.decode(kind, raws, max_string=3)
    assert decoded.values().to_pylist() == [[("abc", 1), ("b", 3)], []]
    assert words(decoded) == ["truncated", "truncated"]
    assert decoded.details().to_pylist() == ["3", "1"]
    cut = {"$status": "truncated", "$length": 4, "$value": "abc"}
    assert jsons(decoded) == [
        [{"key": cut, "value": 1}, {"key": cut, "value": 2}, {"key": "b", "value": 3}],
        [{"key": {"$status": "budget", "$address": "0x9000"}, "value": 7}],
    ]


def test_entries_kept_by_address() -> None:
    bench = Bench()
    go = bench.go
    large = go.array(go.int64, 20)
    kind = go.map_of(go.array(go.uint8, 200), large, indirect_key=True, indirect=True)
    decoded = bench.round_trip(kind, Map([(bytes(range(200)), range(20))]), depth=0)
    assert jsons(decoded) == [{bytes(range(200)).hex(): list(range(20))}]


def test_a_map_without_object_fell_to_a_budget() -> None:
    bench = Bench()
    kind = bench.go.map_of(bench.go.string, bench.go.int64)
    bench.memory.objects.append(Object(0x2000, kind.id, bytes(8), 1, Status.UNREADABLE))
    decoded = bench.decode(kind, [struct.pack("<Q", 0x1000), struct.pack("<Q", 0x2000)])
    assert words(decoded) == ["budget", "unreadable"]
    assert decoded.details().to_pylist() == ["0x1000", "0x2000"]


def test_maps_of_nothing() -> None:
    bench = Bench()
    nothing = bench.go.struct("struct {}")
    sets = bench.go.map_of(bench.go.string, nothing)
    assert jsons(bench.round_trip(sets, Map([(b"a", ()), (b"b", ())]))) == [{"a": {}, "b": {}}]
    decoded = bench.round_trip(bench.go.map_of(nothing, nothing), Map([((), ())]))
    assert jsons(decoded) == [[{"key": {}, "value": {}}]]
    pointer = bench.go.pointer(nothing)
    assert jsons(bench.round_trip(pointer, Ref(()), None)) == [{}, None]
    assert words(bench.round_trip(pointer, Ref(()), None)) == ["ok", "nil"]


def test_a_map_that_contains_itself_ends() -> None:
    bench = Bench()
    opened = bench.go.struct("main.M")
    kind = bench.go.map_of(bench.go.int64, opened)
    closed = bench.go.close(opened, ("m", kind))
    kind = bench.go.map_of(bench.go.int64, closed)
    bench.go.all[opened.id] = bench.go.close(opened, ("m", kind))
    bench.memory.objects.append(Object(0x5000, kind.id, struct.pack("<qQ", 1, 0x5000), 1))
    decoded = bench.decode(kind, [struct.pack("<Q", 0x5000)])
    assert jsons(decoded) == [{"1": {"m": {"$status": "depth", "$address": "0x5000"}}}]


def test_channels() -> None:
    bench = Bench()
    go = bench.go
    kind = go.chan_of(go.string)
    decoded = bench.round_trip(
        kind,
        Chan(4, [b"next", b"later"], senders=[7]),
        None,
        Chan(receivers=[9, 8], closed=True),
        Chan(1, [b"tick"], timer=True),
    )
    empty: dict[str, Any] = {"elements": [], "receivers": [], "senders": []}
    assert decoded.values().to_pylist() == [
        {"len": 2, "cap": 4, "closed": False, "elements": ["next", "later"], "receivers": [], "senders": [7]},
        None,
        {**empty, "len": 0, "cap": 0, "closed": True, "receivers": [9, 8]},
        {**empty, "len": 0, "cap": 0, "closed": False},
    ]
    assert words(decoded) == ["ok", "nil", "ok", "ok"]
    assert jsons(decoded) == decoded.values().to_pylist()
    there, _ = in_duckdb(decoded.values(), decoded.form.field("x"))
    assert there == (
        "STRUCT(len BIGINT, cap BIGINT, closed BOOLEAN, elements VARCHAR[], receivers BIGINT[], senders BIGINT[])"
    )


def test_channels_with_more_than_is_shown() -> None:
    bench = Bench()
    kind = bench.go.chan_of(bench.go.int64)
    decoded = bench.round_trip(kind, Chan(99, [1, 2, 3], senders=[4, 5, 6], length=50), max_items=2)
    shown = jsons(decoded)[0]
    assert words(decoded) == ["ok"]
    assert shown["len"] == 50
    assert shown["elements"] == {"$status": "truncated", "$length": 50, "$value": [1, 2]}
    assert shown["senders"] == {"$status": "truncated", "$length": 3, "$value": [4, 5]}


@pytest.mark.parametrize("name", ["receivers_shown", "senders_shown", "shown", "closed"])
@pytest.mark.parametrize("count", [3, 1 << 40, 1 << 63, (1 << 64) - 1])
def test_channels_whose_counts_cannot_be(name: str, count: int) -> None:
    bench = Bench()
    kind = bench.go.chan_of(bench.go.int64)
    counts = [count if each == name else 0 for each in CHAN_WORDS]
    address = bench.memory.note(kind.id, struct.pack("<8Q", *counts) + bytes(8), 1)
    good = bench.memory.encode(kind, Chan(3, [5]))
    decoded = bench.decode(kind, [struct.pack("<Q", address), good])
    assert words(decoded) == ["unreadable", "ok"]
    assert decoded.details().to_pylist() == [f"{address:#x}", None]


def test_channels_of_nothing() -> None:
    bench = Bench()
    kind = bench.go.chan_of(bench.go.struct("struct {}"))
    assert jsons(bench.round_trip(kind, Chan(4, [(), ()])))[0]["elements"] == [{}, {}]


def test_funcs_have_names_and_what_they_captured() -> None:
    bench = Bench()
    go = bench.go
    closure = go.struct("main.main.func1 captured", ("name", go.string), ("count", go.pointer(go.int64)))
    decoded = bench.round_trip(go.func, Func(0x1400, closure, (b"n", Ref(5))), None, Func(0x1000))
    assert jsons(decoded) == [
        {"func": "main.main.func1", "captured": {"name": "n", "count": 5}},
        None,
        {"func": "runtime.gopark", "captured": None},
    ]
    assert words(decoded) == ["ok", "nil", "ok"]
    assert decoded.form.kind == "json"
    shallow = bench.round_trip(go.func, Func(0x1400, closure, (b"n", Ref(5))), depth=0)
    address = shallow.addresses().to_pylist()[0]
    assert jsons(shallow)[0]["captured"] == {"$status": "depth", "$address": f"{address:#x}"}


def test_a_func_that_is_no_function_is_unreadable() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.func, Func(0x1401), Func(0), Func(0x1400))
    assert words(decoded) == ["unreadable", "unreadable", "ok"]
    short = bench.memory.note(FUNC_TYPE, bytes(8), 1)
    assert words(bench.decode(bench.go.func, [struct.pack("<Q", short)])) == ["budget"]


def test_a_func_that_captured_itself_ends() -> None:
    bench = Bench()
    closure = bench.go.struct("closure", ("again", bench.go.func))
    bench.memory.objects += [
        Object(0x5000, FUNC_TYPE, struct.pack("<QQ", 0x1400, closure.id), 1),
        Object(0x5000, closure.id, struct.pack("<Q", 0x5000), 1),
    ]
    shown = jsons(bench.decode(bench.go.func, [struct.pack("<Q", 0x5000)], depth=9))
    name = "main.main.func1"
    inner = {"func": name, "captured": {"$status": "depth", "$address": "0x5000"}}
    assert shown == [{"func": name, "captured": {"again": inner}}]


def test_bare_addresses_are_numbers_in_columns() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.unsafe, 0xC000123, 0)
    assert in_duckdb(decoded.values(), decoded.form.field("x")) == ("UBIGINT", [0xC000123, None])
    assert (words(decoded), decoded.addresses().to_pylist()) == (["ok", "nil"], [0xC000123, 0])
    assert decoded.texts().to_pylist() == ['"0xc000123"', None]


def test_named_constants_stand_beside_their_values() -> None:
    bench = Bench()
    state = bench.go.enum("main.State", bench.go.uint8, "Idle", "Busy")
    decoded = bench.round_trip(state, 1, 0, 7)
    assert decoded.names().to_pylist() == ["Busy", "Idle", None]
    assert decoded.values().to_pylist() == [1, 0, 7]
    job = bench.go.struct("main.Job", ("state", state), ("n", bench.go.int64))
    decoded = bench.round_trip(job, (1, 5), (9, 6))
    expected = [{"state": 1, "state__name": "Busy", "n": 5}, {"state": 9, "state__name": None, "n": 6}]
    assert decoded.values().to_pylist() == expected
    assert jsons(decoded) == expected
    taken = bench.go.struct("main.T", ("state", state), ("State__Name", bench.go.int64))
    assert json.loads(bench.round_trip(taken, (1, 5)).json()[0].as_py()) == {"state": 1, "State__Name": 5}
