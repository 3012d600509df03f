"""Random values of every kind, written as programs write them: what is decoded is what was written."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.ir.plan import FUNC_TYPE, OBJECT_CHANGING, OBJECT_PARTIAL, PlanType
from tests.decode.test_values import Bench, jsons
from tests.support.pages import Chan, Func, GoTypes, Held, Map, Ref

CODE = {0x1000: "runtime.gopark", 0x1400: "main.main.func1"}
SHAPES = ["plain", "struct", "array", "slice", "pointer", "map", "chan", "func", "interface"]
KEYS = ("int8", "uint64", "bool", "string", "float64", "point")


@st.composite
def rich_values(draw: st.DrawFn, go: GoTypes, level: int = 0) -> tuple[PlanType, st.SearchStrategy[Any]]:
    """A type, and values of it; what funcs and interfaces hold has types of its own."""
    match draw(st.sampled_from(SHAPES if level < 3 else ["plain"])):
        case "plain":
            return draw(plain_values(go))
        case "struct":
            members = [draw(rich_values(go, level + 1)) for _ in range(draw(st.integers(0, 3)))]
            kind = go.struct(f"main.S{len(go.all)}", *((f"f{n}", k) for n, (k, _) in enumerate(members)))
            return kind, st.tuples(*(v for _, v in members))
        case "func":
            closure, captured = draw(closures(go, level))
            plain = st.builds(Func, st.sampled_from(sorted(CODE)))
            return go.func, st.none() | plain | st.builds(Func, st.just(0x1400), st.just(closure), captured)
        case "interface":
            held = [draw(rich_values(go, level + 1)) for _ in range(draw(st.integers(1, 3)))]
            # An interface holds no interface, and what is in it has a name of its own.
            known = [(k, v) for k, v in held if k.kind != "interface"] or [draw(plain_values(go))]
            return go.any, st.none() | st.one_of(*(st.builds(Held, st.just(k), v) for k, v in known))
        case shape:
            return draw(containers(go, shape, *draw(rich_values(go, level + 1))))


@st.composite
def containers(
    draw: st.DrawFn, go: GoTypes, shape: str, elem: PlanType, values: st.SearchStrategy[Any]
) -> tuple[PlanType, st.SearchStrategy[Any]]:
    match shape:
        case "array":
            length = draw(st.integers(0, 3))
            return go.array(elem, length), st.lists(values, min_size=length, max_size=length)
        case "slice":
            return go.slice(elem), st.none() | st.lists(values, max_size=4)
        case "pointer":
            return go.pointer(elem), st.none() | values.map(Ref)
        case "chan":
            goids = st.lists(st.integers(1, 1 << 40), max_size=2)

            def full(capacity: int) -> st.SearchStrategy[Chan]:
                buffered = st.lists(values, max_size=min(capacity, 3))
                return st.builds(Chan, st.just(capacity), buffered, goids, goids, st.booleans())

            return go.chan_of(elem), st.none() | st.integers(0, 9).flatmap(full)
    key, keys = draw(key_values(go))
    indirect = elem.size > 0 and elem.kind not in ("string", "slice", "map", "chan", "func") and draw(st.booleans())
    kind = go.map_of(key, elem, indirect_key=key.size > 8 and draw(st.booleans()), indirect=indirect)
    if kind.entry is not None and kind.entry.indirect_key and key.kind == "string":
        kind = go.map_of(key, elem, indirect=indirect)
    entries = st.lists(st.tuples(keys, values), max_size=4, unique_by=lambda entry: entry[0])
    return kind, st.none() | entries.map(Map)


@st.composite
def closures(draw: st.DrawFn, go: GoTypes, level: int) -> tuple[PlanType, st.SearchStrategy[Any]]:
    members = [draw(rich_values(go, level + 1)) for _ in range(draw(st.integers(1, 2)))]
    kind = go.struct(f"closure{len(go.all)}", *((f"v{n}", k) for n, (k, _) in enumerate(members)))
    return kind, st.tuples(*(v for _, v in members))


@st.composite
def plain_values(draw: st.DrawFn, go: GoTypes) -> tuple[PlanType, st.SearchStrategy[Any]]:
    match draw(st.sampled_from(["int16", "uint64", "bool", "float64", "string", "unsafe"])):
        case "int16":
            return go.int16, st.integers(-(1 << 15), (1 << 15) - 1)
        case "uint64" | "unsafe" as name:
            return getattr(go, name), st.integers(0, (1 << 64) - 1)
        case "bool":
            return go.bool, st.booleans()
        case "float64":
            return go.float64, st.floats(allow_nan=False)
    return go.string, st.binary(max_size=12)


@st.composite
def key_values(draw: st.DrawFn, go: GoTypes) -> tuple[PlanType, st.SearchStrategy[Any]]:
    match draw(st.sampled_from(KEYS)):
        case "int8":
            return go.int8, st.integers(-128, 127)
        case "uint64":
            return go.uint64, st.integers(0, (1 << 64) - 1)
        case "bool":
            return go.bool, st.booleans()
        case "float64":
            return go.float64, st.floats(allow_nan=False).map(lambda number: number + 0.0)
        case "point":
            return go.struct("main.Point", ("x", go.int64), ("y", go.int64)), st.tuples(*[st.integers(-9, 9)] * 2)
    return go.string, st.text(max_size=8).map(str.encode)


def expected(go: GoTypes, kind: PlanType, value: Any, *, top: bool = True) -> Any:
    """The JSON form."""
    if value is None or (kind.kind == "unsafe.Pointer" and value == 0):
        return None if top else {"$status": "nil"}

    def inner(of: PlanType | int | None, part: Any) -> Any:
        assert of is not None
        return expected(go, go.all[of] if isinstance(of, int) else of, part, top=False)

    match value:
        case Held(kind=of):
            return {"type": of.name, "value": inner(of, value.value)}
        case Func():
            captured = None if value.closure is None else inner(value.closure, value.captured)
            return {"func": CODE[value.pc], "captured": captured}
        case Chan():
            waiting = {"receivers": list(value.receivers), "senders": list(value.senders)}
            elements = [inner(kind.elem, item) for item in value.elements]
            head = {"len": len(elements), "cap": value.capacity, "closed": value.closed}
            return {**head, "elements": elements, **waiting}
        case Map():
            return expected_map(go, kind, value)
        case Ref():
            return expected(go, go.all[kind.elem or 0], value.value, top=top)
    match kind.kind:
        case "struct":
            return {f.name: inner(f.type, v) for f, v in zip(kind.fields, value, strict=True)}
        case "array" | "slice":
            return [inner(kind.elem, item) for item in value]
        case "float" if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case "string":
            return value.decode(errors="backslashreplace")
        case "unsafe.Pointer":
            return f"{value:#x}"
    return value


def expected_map(go: GoTypes, kind: PlanType, value: Map) -> Any:
    key = go.all[kind.key or 0]
    elem = go.all[kind.elem or 0]
    # Point keys have no order of their own: they stay as the program had them.
    entries = value.entries if key.kind == "struct" else sorted(value.entries, key=lambda entry: entry[0])
    pairs = [(expected(go, key, k, top=False), expected(go, elem, v, top=False)) for k, v in entries]
    if key.kind in ("int", "uint", "bool", "string"):
        return {str(k).lower() if isinstance(k, bool) else str(k): v for k, v in pairs}
    return [{"key": k, "value": v} for k, v in pairs]


def ordered(value: Any) -> Any:
    """With the members of objects in their order, which comparing dicts doesn't look at."""
    if isinstance(value, dict):
        return [(key, ordered(item)) for key, item in value.items()]
    return [ordered(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_was_written_is_decoded(data: st.DataObject) -> None:
    bench = Bench()
    kind, values = data.draw(rich_values(bench.go))
    rows = data.draw(st.lists(values, max_size=4))
    decoded = bench.round_trip(kind, *rows, depth=8)
    assert ordered(jsons(decoded)) == ordered([expected(bench.go, kind, row) for row in rows])
    # DuckDB takes it too, and has as many values.
    table = pa.table([decoded.values()], schema=pa.schema([decoded.form.field("x")]))
    found = duckdb.connect().from_arrow(table).fetchall()
    assert [row[0] is None for row in found] == [text is None for text in decoded.json().to_pylist()]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_objects_decode_to_something(data: st.DataObject) -> None:
    """Objects with bytes, lengths and flags of any kind: any result, but no exception, in every form."""
    bench = Bench()
    kind, values = data.draw(rich_values(bench.go))
    rows = [bench.memory.encode(kind, row) for row in data.draw(st.lists(values, min_size=1, max_size=3))]
    objects = bench.memory.objects
    count = st.integers(0, (1 << 64) - 1) | st.integers(0, 9)
    words = st.sampled_from([o.address for o in objects] + list(bench.memory.words) + [0x1400, 0]) | count
    for at, each in enumerate(objects):
        if not data.draw(st.booleans()):
            continue
        raw = bytearray(each.data[: data.draw(st.integers(0, len(each.data)))])
        for place in range(0, len(raw) - 7, 8):
            if data.draw(st.booleans()):
                raw[place : place + 8] = struct.pack("<Q", data.draw(words))
        flags = data.draw(st.sampled_from([0, OBJECT_CHANGING, OBJECT_PARTIAL]))
        status = data.draw(st.sampled_from([1, 6, 0, 255])) | flags
        objects[at] = replace(each, data=bytes(raw), length=data.draw(count), status=status)
    for word in bench.memory.words:
        numbers = st.sampled_from([0, FUNC_TYPE, 1 << 31, *bench.go.all])
        if data.draw(st.booleans()):
            bench.memory.words[word] = (data.draw(numbers), data.draw(st.booleans()))
    decoded = bench.decode(kind, rows, depth=4)
    assert len(decoded.values()) == len(decoded.details()) == len(decoded.texts()) == len(jsons(decoded)) == len(rows)
    assert len(decoded.status_words()) == len(decoded.addresses()) == len(decoded.names()) == len(rows)
