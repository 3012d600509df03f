"""Interfaces and what they hold, reflect.Value and reflect.Type, written into pages and decoded again."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from sey.ir.plan import CHAIN_LIMIT, PlanType
from tests.decode.test_values import Bench, jsons, words
from tests.support.pages import Func, Held, Map, Object, Ref


def test_interfaces_show_what_they_hold() -> None:
    bench = Bench()
    go = bench.go
    point = go.struct("main.Point", ("x", go.int64), ("name", go.string))
    decoded = bench.round_trip(
        go.any,
        Held(go.int64, 7),
        None,
        Held(point, (1, b"p")),
        Held(go.pointer(point), Ref((2, b"q"))),
        Held(go.string, b"text"),
        Held(go.slice(go.int8), [1, 2]),
        Held(go.int64, 8),
        Held(go.struct("struct {}"), ()),
        Held(go.pointer(point), None),
    )
    assert jsons(decoded) == [
        {"type": "int64", "value": 7},
        None,
        {"type": "main.Point", "value": {"x": 1, "name": "p"}},
        {"type": "*main.Point", "value": {"x": 2, "name": "q"}},
        {"type": "string", "value": "text"},
        {"type": "[]int8", "value": [1, 2]},
        {"type": "int64", "value": 8},
        {"type": "struct {}", "value": {}},
        {"type": "*main.Point", "value": {"$status": "nil"}},
    ]
    assert words(decoded) == ["ok", "nil", *["ok"] * 7]
    assert decoded.form.kind == "json"
    assert decoded.values().to_pylist() == decoded.json().to_pylist()


def test_interfaces_nest() -> None:
    bench = Bench()
    go = bench.go
    tree = go.map_of(go.string, go.any)
    value = Map([(b"a", Held(go.slice(go.any), [Held(go.float64, 1.5), None])), (b"b", Held(tree, Map([])))])
    decoded = bench.round_trip(go.any, Held(tree, value))
    assert jsons(decoded) == [
        {
            "type": "map[string]interface {}",
            "value": {
                "a": {"type": "[]interface {}", "value": [{"type": "float64", "value": 1.5}, {"$status": "nil"}]},
                "b": {"type": "map[string]interface {}", "value": {}},
            },
        }
    ]


def test_types_that_nothing_describes() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.any, (0x500, 0xC000), None, (0x600, 0), names={0x500: "*main.T"})
    assert jsons(decoded) == [
        {"type": "*main.T", "$status": "type_unknown", "$address": "0xc000"},
        None,
        {"type": None, "$status": "type_unknown", "$address": "0x0"},
    ]
    assert words(decoded) == ["type_unknown", "nil", "type_unknown"]
    assert decoded.details().to_pylist() == ["0x500", None, "0x600"]
    assert decoded.addresses().to_pylist() == [0xC000, 0, 0]
    inside = bench.round_trip(bench.go.struct("main.S", ("v", bench.go.any)), ((0x600, 0xD000),))
    assert jsons(inside) == [{"v": {"type": None, "$status": "type_unknown", "$address": "0xd000"}}]


def test_what_an_interface_holds_can_be_missing() -> None:
    bench = Bench()
    bench.memory.words = {0x500: (bench.go.int64.id, False), 0x600: (bench.go.string.id, True), 0x700: (99999, False)}
    raws = [struct.pack("<QQ", word, 0x1000) for word in (0x500, 0x600, 0x700)]
    decoded = bench.decode(bench.go.any, raws)
    assert words(decoded) == ["budget", "unreadable", "type_unknown"]
    assert jsons(decoded)[0] == {"type": "int64", "value": {"$status": "budget", "$address": "0x1000"}}
    assert jsons(decoded)[1] == {"type": "string", "value": {"$status": "unreadable", "$address": "0x1000"}}
    assert decoded.details().to_pylist() == ["0x1000", "0x1000", "0x700"]


def test_depth_of_what_interfaces_hold() -> None:
    """A pointer held directly is no step of its own, and a number or string is as near as in a struct; all else is one
    deeper."""
    bench = Bench()
    go = bench.go
    pointer = go.pointer(go.int64)
    around = go.struct("main.Around", ("p", pointer))
    plain = go.struct("main.Plain", ("n", go.int64))
    held = (Held(pointer, Ref(5)), Held(plain, (5,)), Held(around, (Ref(5),)), Held(go.map_of(go.int8, pointer), None))
    assert jsons(bench.round_trip(go.any, Held(go.int64, 5), depth=0))[0]["value"] == 5
    for value in held:
        assert jsons(bench.round_trip(go.any, value, depth=0))[0]["value"] != 5
    shallow = bench.round_trip(go.any, *held, depth=0)
    assert words(shallow)[:2] == ["depth", "depth"]
    assert jsons(shallow)[2]["value"]["p"]["$status"] == "depth"
    assert jsons(shallow)[3]["value"]["$status"] == "depth"
    shown = [each["value"] for each in jsons(bench.round_trip(go.any, *held, depth=1))]
    assert shown == [5, {"n": 5}, {"p": 5}, {"$status": "nil"}]
    entries = bench.round_trip(go.any, Held(go.map_of(go.int8, pointer), Map([(1, Ref(5))])), depth=1)
    assert jsons(entries)[0]["value"]["1"]["$status"] == "depth"


def chain_of(bench: Bench) -> PlanType:
    """A struct that wraps the next one in an interface, as errors do."""
    wrapped = bench.go.struct("main.wrapped", ("text", bench.go.string), ("next", bench.go.error))
    fields = (wrapped.fields[0], replace(wrapped.fields[1], chain=True))
    bench.go.all[wrapped.id] = replace(wrapped, fields=fields)
    return bench.go.all[wrapped.id]


def wrapped_in(bench: Bench, kind: PlanType, count: int) -> Any:
    pointer = bench.go.pointer(kind)
    value = None
    for number in range(count, 0, -1):
        value = Held(pointer, Ref((b"%d" % number, value)))
    return value


def test_chains_cost_no_depth() -> None:
    bench = Bench()
    shown = jsons(bench.round_trip(bench.go.error, wrapped_in(bench, chain_of(bench), 30), depth=1))[0]
    for number in range(1, 31):
        assert (shown["type"], shown["value"]["text"]) == ("*main.wrapped", str(number))
        shown = shown["value"]["next"]
    assert shown == {"$status": "nil"}


def test_chains_end_somewhere() -> None:
    bench = Bench()
    shown = jsons(bench.round_trip(bench.go.error, wrapped_in(bench, chain_of(bench), 50), depth=1))[0]
    count = 0
    while "$status" not in shown["value"]:
        shown, count = shown["value"]["next"], count + 1
    assert count == CHAIN_LIMIT + 1
    assert shown["value"]["$status"] == "depth"


def test_a_cycle_through_interfaces_is_cut() -> None:
    bench = Bench()
    go = bench.go
    node = go.struct("main.node", ("next", go.any))
    pointer = go.pointer(node)
    bench.memory.words = {0x500: (pointer.id, True)}
    bench.memory.objects.append(Object(0x1000, node.id, struct.pack("<QQ", 0x500, 0x1000), 1))
    decoded = bench.decode(go.any, [struct.pack("<QQ", 0x500, 0x1000)], depth=9)
    again = {"type": "*main.node", "value": {"$status": "depth", "$address": "0x1000"}}
    assert jsons(decoded) == [{"type": "*main.node", "value": {"next": again}}]


def test_many_types_at_many_levels_end() -> None:
    """40 types whose values hold values of all 40 again, 12 levels deep: more than anyone could print."""
    bench = Bench()
    go = bench.go
    kinds = [go.struct(f"main.T{n}", ("all", go.slice(go.any))) for n in range(40)]
    bench.memory.words = {0x1000 + n: (kind.id, False) for n, kind in enumerate(kinds)}
    for level in range(12):
        for n, kind in enumerate(kinds):
            below = 0x10_0000 * (level + 1)
            items = b"".join(struct.pack("<QQ", 0x1000 + m, below + m * 64) for m in range(40))
            address = 0x10_0000 * level + n * 64
            bench.memory.objects.append(Object(address, kind.id, struct.pack("<QQQ", address + 8, 40, 40), 1))
            bench.memory.objects.append(Object(address + 8, go.all[kind.fields[0].type].id, items, 40))
    decoded = bench.decode(go.any, [struct.pack("<QQ", 0x1000, 0x40)], depth=20)
    text = decoded.json().to_pylist()[0]
    assert text is None or '"$status":"budget"' in text


def test_reflected_values() -> None:
    bench = Bench()
    go = bench.go
    value = go.struct("reflect.Value", ("typ_", go.uint64), ("ptr", go.uint64), ("flag", go.uint64))
    pointer = go.pointer(go.int64)
    address = bench.memory.note(go.int64.id, struct.pack("<q", -5), 1)
    bench.memory.words = {0x500: (go.int64.id, False), 0x600: (pointer.id, True)}
    cases = [(0x500, address, 2 | 1 << 7), (0x600, address, 22), (0, 0, 0), (0x700, 0x1234, 1)]
    decoded = bench.decode(value, [struct.pack("<QQQ", *case) for case in cases], names={0x700: "main.T"})
    assert jsons(decoded) == [
        {"type": "int64", "value": -5},
        {"type": "*int64", "value": -5},
        None,
        {"type": "main.T", "$status": "type_unknown", "$address": "0x1234"},
    ]
    assert words(decoded) == ["ok", "ok", "nil", "type_unknown"]
    assert decoded.form.kind == "json"


def test_types_of_reflect_are_their_names() -> None:
    bench = Bench()
    go = bench.go
    rtype = go.struct("reflect.rtype", ("size", go.uint64))
    pointer = go.pointer(rtype)
    bench.memory.words = {0x500: (go.string.id, False), 0x600: (pointer.id, True)}
    decoded = bench.decode(pointer, [struct.pack("<Q", word) for word in (0x500, 0, 0x900, 0x700)], names={0x700: "T"})
    assert decoded.values().to_pylist() == ["string", None, None, "T"]
    assert words(decoded) == ["ok", "nil", "type_unknown", "ok"]
    held = bench.decode(go.any, [struct.pack("<QQ", 0x600, 0x500)])
    assert jsons(held) == [{"type": "*reflect.rtype", "value": "string"}]


def test_funcs_in_interfaces() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.any, Held(bench.go.func, Func(0x1400)))
    assert jsons(decoded) == [{"type": "func()", "value": {"func": "main.main.func1", "captured": None}}]
