"""Values of every kind, written into pages and decoded again."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.ir.plan import PlanType, Status
from sey.runtime.decode.columns import DecodedColumn, decode_column
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.values import ValueDecoder
from tests.support.captures import symbol_table
from tests.support.pages import GoTypes, Memory, Object, PageWriter, Ref, built_in_streams, column


class Bench:
    """One column of a made-up block, and the memory its values refer to."""

    def __init__(self) -> None:
        self.go = GoTypes()
        self.memory = Memory(self.go)

    def decode(
        self,
        kind: PlanType | tuple[PlanType, ...],
        raws: list[bytes],
        *,
        statuses: list[int] | None = None,
        details: list[int] | None = None,
        forms: list[int] | None = None,
        names: dict[int, str] | None = None,
        **limits: int,
    ) -> DecodedColumn:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        captured = column("x", *kinds, **limits)
        writer = PageWriter(built_in_streams({"rows": [captured.bytes]}))
        for number, raw in enumerate(raws):
            status = Status.OK if statuses is None else statuses[number]
            writer.add("rows", goid=number + 1, s0=int(status), d0=details[number] if details else 0, v0=raw)
        writer.objects(self.memory.objects)
        writer.type_words(self.memory.words)
        pages = writer.pages()
        objects = ObjectIndex(pages, writer.streams["object"])
        type_words = TypeWords(pages, writer.streams["typeword"], self.go.all, names or {})
        kinds_known = tuple(self.go.all.values())
        decoder = ValueDecoder(kinds_known, pages.data, objects, type_words, symbol_table().functions)
        records = pages.records(writer.streams["rows"])
        chosen = np.array(forms if forms is not None else [0] * len(raws), dtype=np.int64)
        return decode_column(decoder, captured, 0, records, chosen)

    def round_trip(self, kind: PlanType, *values: Any, **limits: Any) -> DecodedColumn:
        return self.decode(kind, [self.memory.encode(kind, value) for value in values], **limits)


def words(decoded: DecodedColumn) -> list[str]:
    return list(decoded.status_words().to_pylist())


def jsons(decoded: DecodedColumn) -> list[Any]:
    return [None if text is None else json.loads(text) for text in decoded.json().to_pylist()]


def test_numbers_keep_their_width() -> None:
    bench = Bench()
    for name, values in {
        "int8": (-128, 127),
        "int16": (-32768, 5),
        "int32": (-(1 << 31), 1),
        "int64": (-(1 << 63), (1 << 63) - 1),
        "uint8": (0, 255),
        "uint64": (0, (1 << 64) - 1),
    }.items():
        decoded = bench.round_trip(getattr(bench.go, name), *values)
        assert decoded.values().to_pylist() == list(values)
        assert str(decoded.values().type) == name
        assert jsons(decoded) == list(values)
        assert words(decoded) == ["ok", "ok"]


def test_floats_keep_nan_and_infinities() -> None:
    bench = Bench()
    values = (1.5, float("inf"), float("-inf"), float("nan"), -0.0, 1e300)
    decoded = bench.round_trip(bench.go.float64, *values)
    shown = decoded.values().to_pylist()
    assert math.isnan(shown[3])
    assert shown[:3] == [1.5, float("inf"), float("-inf")]
    assert jsons(decoded) == [1.5, "Infinity", "-Infinity", "NaN", -0.0, 1e300]


def test_complex_is_a_struct_of_two() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.complex128, 1 + 2j, complex(0, float("nan")))
    assert decoded.values()[0].as_py() == {"real": 1.0, "imag": 2.0}
    assert jsons(decoded) == [{"real": 1, "imag": 2}, {"real": 0, "imag": "NaN"}]
    assert bench.round_trip(bench.go.complex64, 0.5j).values()[0].as_py() == {"real": 0.0, "imag": 0.5}


def test_bytes_that_are_not_utf8_are_written_out() -> None:
    bench = Bench()
    texts = [b"", "grün".encode(), b"a\xffb", b"\xed\xa0\x80", b'"\\\n\x00', "日本".encode()]
    decoded = bench.round_trip(bench.go.string, *texts)
    expected = ["", "grün", "a\\xffb", "\\xed\\xa0\\x80", '"\\\n\x00', "日本"]
    assert decoded.values().to_pylist() == expected
    assert decoded.texts().to_pylist() == expected
    assert jsons(decoded) == expected


def test_neighbours_that_make_utf8_only_together_stay_apart() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.string, b"\xc3", b"\xbc")
    assert decoded.values().to_pylist() == ["\\xc3", "\\xbc"]


@pytest.mark.parametrize(("limit", "shown"), [(1, ""), (2, "ü"), (3, "ü"), (4, "üü"), (5, "üü"), (6, "üüü")])
def test_strings_are_cut_between_characters(limit: int, shown: str) -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.string, "üüü".encode(), max_string=limit)
    assert decoded.values().to_pylist() == [shown]
    assert words(decoded) == (["truncated"] if limit < 6 else ["ok"])
    assert decoded.details().to_pylist() == (["6"] if limit < 6 else [None])


def test_a_cut_does_not_hide_a_byte_that_begins_no_character() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.string, b"abc\xffde", max_string=4)
    assert decoded.values().to_pylist() == ["abc\\xff"]


def test_equal_strings_of_different_captured_length() -> None:
    bench = Bench()
    address = bench.memory.note(bench.go.string.id, b"hello world", 11)
    raws = [struct.pack("<QQ", address, n) for n in (5, 11, 0, 20)]
    decoded = bench.decode(bench.go.string, raws)
    assert decoded.values().to_pylist() == ["hello", "hello world", "", "hello world"]
    assert words(decoded) == ["ok", "ok", "ok", "truncated"]
    assert decoded.addresses().to_pylist() == [address] * 4


def test_strings_that_cannot_be() -> None:
    bench = Bench()
    raws = [struct.pack("<Qq", 0, 5), struct.pack("<Qq", 0x1000, -1), struct.pack("<Qq", 0x2000, 3)]
    bench.memory.objects.append(Object(0x3000, bench.go.string.id, bytes(4), 4, Status.UNREADABLE))
    raws.append(struct.pack("<Qq", 0x3000, 4))
    decoded = bench.decode(bench.go.string, raws)
    assert decoded.values().to_pylist() == [None] * 4
    assert words(decoded) == ["unreadable", "unreadable", "budget", "unreadable"]
    assert decoded.details().to_pylist() == [None, "0x1000", "0x2000", "0x3000"]


def test_bytes_are_hexadecimal() -> None:
    bench = Bench()
    raw = bench.go.slice(bench.go.uint8)
    decoded = bench.round_trip(raw, b"\x00\xfe\x7f", None, b"", b"\x01" * 600)
    assert decoded.values().to_pylist() == ["00fe7f", None, "", "01" * 512]
    assert words(decoded) == ["ok", "nil", "ok", "truncated"]
    assert decoded.details().to_pylist() == [None, None, None, "600"]
    uuid = bench.go.array(bench.go.uint8, 16)
    assert bench.round_trip(uuid, bytes(range(16))).values().to_pylist() == ["000102030405060708090a0b0c0d0e0f"]


def test_lists() -> None:
    bench = Bench()
    numbers = bench.go.slice(bench.go.int32)
    decoded = bench.round_trip(numbers, [1, -2, 3], None, [], list(range(100)))
    assert decoded.values().to_pylist() == [[1, -2, 3], None, [], list(range(64))]
    assert words(decoded) == ["ok", "nil", "ok", "truncated"]
    assert decoded.details().to_pylist()[3] == "100"
    array = bench.go.array(bench.go.string, 3)
    decoded = bench.round_trip(array, [b"a", b"", b"c"], max_items=2)
    assert decoded.values().to_pylist() == [["a", ""]]
    assert (words(decoded), decoded.details().to_pylist()) == (["truncated"], ["3"])


def test_a_slice_longer_than_its_capacity_is_garbage() -> None:
    bench = Bench()
    numbers = bench.go.slice(bench.go.int64)
    address = bench.memory.note(numbers.id, bytes(16), 2)
    decoded = bench.decode(numbers, [struct.pack("<QQQ", address, 2, 1)])
    assert (decoded.values().to_pylist(), words(decoded)) == ([None], ["unreadable"])


def test_elements_without_size() -> None:
    bench = Bench()
    nothing = bench.go.struct("struct {}")
    decoded = bench.decode(bench.go.slice(nothing), [struct.pack("<QQQ", 0x1000, 3, 3)])
    assert decoded.values().to_pylist() == [["{}", "{}", "{}"]]
    assert words(decoded) == ["ok"]


def test_structs_nest_and_keep_what_is_missing_inside() -> None:
    bench = Bench()
    go = bench.go
    inner = go.struct("main.Inner", ("Name", go.string), ("tags", go.slice(go.string)))
    outer = go.struct("main.Outer", ("_", go.int64), ("id", go.uint16), ("Inner", inner), ("next", go.pointer(inner)))
    value = (9, 7, (b"n", None), Ref((b"long" * 200, [b"t"])))
    decoded = bench.round_trip(outer, value)
    assert decoded.values().to_pylist() == [
        {"id": 7, "Inner": {"Name": "n", "tags": None}, "next": {"Name": ("long" * 200)[:512], "tags": ["t"]}}
    ]
    assert jsons(decoded) == [
        {
            "id": 7,
            "Inner": {"Name": "n", "tags": {"$status": "nil"}},
            "next": {"Name": {"$status": "truncated", "$length": 800, "$value": ("long" * 200)[:512]}, "tags": ["t"]},
        }
    ]


def test_fields_that_differ_only_in_case_make_json() -> None:
    bench = Bench()
    kind = bench.go.struct("main.T", ("a", bench.go.int64), ("A", bench.go.int64))
    decoded = bench.round_trip(kind, (1, 2))
    assert decoded.form.kind == "json"
    assert json.loads(decoded.values().to_pylist()[0]) == {"a": 1, "A": 2}


def test_pointers_show_what_they_point_to() -> None:
    bench = Bench()
    pointer = bench.go.pointer(bench.go.pointer(bench.go.int64))
    decoded = bench.round_trip(pointer, Ref(Ref(5)), Ref(None), None)
    assert decoded.values().to_pylist() == [5, None, None]
    assert words(decoded) == ["ok", "nil", "nil"]
    assert [a != 0 for a in decoded.addresses().to_pylist()] == [True, True, False]


def test_depth_ends_at_a_pointer() -> None:
    bench = Bench()
    kind = bench.go.pointer(bench.go.pointer(bench.go.int64))
    raw = bench.memory.encode(kind, Ref(Ref(5)))
    decoded = bench.decode(kind, [raw], depth=1)
    inner = bench.memory.objects[0].address
    assert (words(decoded), decoded.details().to_pylist()) == (["depth"], [f"{inner:#x}"])
    assert decoded.values().to_pylist() == [None]


def test_a_pointer_whose_target_the_plan_left_out_was_too_deep() -> None:
    """Types that only lie behind the last pointer are not in the plan."""
    bench = Bench()
    last = bench.go._add("*main.Far", "pointer", 8)
    kind = bench.go.pointer(bench.go.struct("main.Near", ("far", last)))
    raw = bench.memory.encode(kind, Ref((0x1000,)))
    assert jsons(bench.decode(kind, [raw], depth=1)) == [{"far": {"$status": "depth", "$address": "0x1000"}}]
    assert jsons(bench.decode(kind, [raw], depth=2))[0]["far"]["$status"] == "unsupported"


def test_a_pointer_without_object_fell_to_a_budget() -> None:
    bench = Bench()
    kind = bench.go.pointer(bench.go.int64)
    bench.memory.objects.append(Object(0x2000, bench.go.int64.id, bytes(8), 1, Status.UNREADABLE))
    decoded = bench.decode(kind, [struct.pack("<Q", 0x1000), struct.pack("<Q", 0x2000)])
    assert words(decoded) == ["budget", "unreadable"]
    assert decoded.details().to_pylist() == ["0x1000", "0x2000"]


def linked_list(go: GoTypes) -> tuple[PlanType, PlanType]:
    opened = go.struct("main.node")
    pointer = go.pointer(opened)
    return go.close(opened, ("value", go.int64), ("next", pointer)), pointer


def test_a_cycle_is_cut() -> None:
    bench = Bench()
    node, pointer = linked_list(bench.go)
    first, second = 0x1000, 0x2000
    bench.memory.objects += [
        Object(first, node.id, struct.pack("<qQ", 1, second), 1),
        Object(second, node.id, struct.pack("<qQ", 2, first), 1),
    ]
    decoded = bench.decode(pointer, [struct.pack("<Q", first)], depth=9)
    assert jsons(decoded) == [{"value": 1, "next": {"value": 2, "next": {"$status": "depth", "$address": "0x1000"}}}]


def test_a_slice_that_contains_itself_ends() -> None:
    bench = Bench()
    opened = bench.go.struct("main.tree")
    children = bench.go.slice(opened)
    tree = bench.go.close(opened, ("children", children))
    address = 0x4000
    bench.memory.objects.append(Object(address, children.id, struct.pack("<QQQ", address, 1, 1), 1))
    decoded = bench.decode(tree, [struct.pack("<QQQ", address, 1, 1)])
    assert jsons(decoded) == [{"children": [{"children": {"$status": "depth", "$address": "0x4000"}}]}]
    assert json.loads(decoded.values()[0].as_py()["children"][0]["children"] or "null") is None


def test_kinds_that_nothing_describes_name_the_type() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.map, 0x1000, 0)
    assert words(decoded) == ["unsupported", "nil"]
    assert decoded.details().to_pylist() == ["map[string]int", None]
    assert decoded.addresses().to_pylist() == [0x1000, 0]
    decoded = bench.round_trip(bench.go.pointer(bench.go.map), Ref(0x1000))
    assert decoded.details().to_pylist() == ["map[string]int"]
    inside = bench.go.struct("main.S", ("m", bench.go.map), ("f", bench.go.func), ("c", bench.go.chan))
    assert jsons(bench.round_trip(inside, (1, 0, 2)))[0] == {
        "m": {"$status": "unsupported", "$type": "map[string]int", "$address": "0x1"},
        "f": {"$status": "nil"},
        "c": {"$status": "unsupported", "$type": "chan int", "$address": "0x2"},
    }


YEAR_1 = 62135596800


def test_times_have_microseconds_in_columns_and_all_in_json() -> None:
    bench = Bench()
    moment = 1767323045  # 2026-01-02T03:04:05Z
    monotonic = (1 << 63) | ((moment + YEAR_1 - 59453308800) << 30) | 123456789
    decoded = bench.round_trip(bench.go.time, (123456789, moment + YEAR_1), (monotonic, 5), (0, 0))
    expected = datetime(2026, 1, 2, 3, 4, 5, 123456)
    assert decoded.values().to_pylist() == [expected, expected, datetime(1, 1, 1)]
    exact = "2026-01-02T03:04:05.123456789Z"
    assert jsons(decoded) == [exact, exact, "0001-01-01T00:00:00Z"]


def test_times_beyond_timestamps() -> None:
    bench = Bench()
    far = (1 << 62, 1 << 55, -(1 << 63))
    decoded = bench.round_trip(bench.go.time, *((7, ext) for ext in far))
    assert decoded.values().to_pylist() == [None] * 3
    assert words(decoded) == ["out_of_range"] * 3
    assert decoded.details().to_pylist() == jsons(decoded)
    assert jsons(decoded)[2] == "-292277022399-01-27T08:29:52.000000007Z" or jsons(decoded)[2].startswith("-2922770")
    behind_pointer = bench.round_trip(bench.go.pointer(bench.go.time), Ref((0, 1 << 62)))
    assert words(behind_pointer) == ["out_of_range"]


@given(st.integers(-(10**10), 10**11))
def test_civil_dates_agree_with_python(seconds: int) -> None:
    from sey.runtime.decode.times import civil

    if -YEAR_1 <= seconds < 253402300800:
        assert civil(seconds) == datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    else:
        assert civil(seconds).startswith("-") == (seconds < -YEAR_1 - 366 * 86400) or seconds < 0


def test_columns_in_which_nothing_is_there() -> None:
    bench = Bench()
    go = bench.go
    inner = go.struct("main.T", ("s", go.string), ("t", go.time), ("n", go.slice(go.time)))
    for kind in (go.time, go.string, inner, go.any, go.slice(inner), go.pointer(go.pointer(inner)), go.pointer(go.any)):
        for raws, statuses in (([], []), ([bytes(kind.size)] * 2, [Status.NOT_LIVE, Status.UNREADABLE])):
            decoded = bench.decode(kind, raws, statuses=list(map(int, statuses)))
            assert decoded.values().to_pylist() == jsons(decoded) == decoded.texts().to_pylist() == [None] * len(raws)
            assert words(decoded) == [status.word for status in statuses]
        zero = bench.decode(kind, [bytes(kind.size)])
        assert len(zero.values()) == len(zero.json()) == len(zero.details()) == 1


def test_durations_are_nanoseconds() -> None:
    bench = Bench()
    decoded = bench.round_trip(bench.go.duration, 1_500_000_000, -1)
    assert decoded.values().to_pylist() == [1_500_000_000, -1]


def test_statuses_of_the_program_come_through() -> None:
    bench = Bench()
    kinds = [Status.OK, Status.NIL, Status.NOT_LIVE, Status.UNREADABLE, Status.UNREACHED, Status.ABSENT]
    raws = [bench.memory.encode(bench.go.string, b"yes")] * len(kinds)
    decoded = bench.decode(bench.go.string, raws, statuses=list(map(int, kinds)), details=[0, 0, 0, 0xDEAD, 0, 0])
    assert decoded.values().to_pylist() == ["yes", None, None, None, None, None]
    assert words(decoded) == ["ok", "nil", "not_live", "unreadable", "budget", "absent"]
    assert decoded.details().to_pylist() == [None, None, None, "0xdead", None, None]
    assert [a is None for a in decoded.addresses().to_pylist()] == [False] + [True] * 5


def test_types_that_vary_by_row_make_json() -> None:
    bench = Bench()
    raws = [bench.memory.encode(bench.go.int64, 5), bench.memory.encode(bench.go.string, b"five"), b""]
    decoded = bench.decode((bench.go.int64, bench.go.string), raws, forms=[0, 1, -1])
    assert decoded.values().to_pylist() == ["5", '"five"', None]
    assert decoded.texts().to_pylist() == ["5", "five", None]
    assert decoded.type_names().to_pylist() == ["int64", "string", "int64"]
    assert words(decoded) == ["ok", "ok", "optimized_out"]


def test_types_with_one_form_keep_it() -> None:
    bench = Bench()
    named = bench.go._add("main.ID", "int", 8)
    raws = [bench.memory.encode(bench.go.int64, 5), bench.memory.encode(named, 6)]
    decoded = bench.decode((bench.go.int64, named), raws, forms=[0, 1])
    assert decoded.values().to_pylist() == [5, 6]


def test_a_type_too_wide_for_a_column_is_json() -> None:
    bench = Bench()
    kind = bench.go.int64
    for level in range(4):
        kind = bench.go.struct(f"main.T{level}", *((f"f{n}", kind) for n in range(10)))
    decoded = bench.decode(kind, [bytes(kind.size)])
    assert decoded.form.kind == "json"


# Random types and values: what is decoded equals what was written.


def plain_values(go: GoTypes) -> st.SearchStrategy[tuple[PlanType, st.SearchStrategy[Any]]]:
    def integers(kind: PlanType) -> st.SearchStrategy[int]:
        bits = kind.size * 8
        signed = kind.kind == "int"
        return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)

    whole = (go.int8, go.int16, go.int32, go.int64, go.uint16, go.uint32, go.uint64)
    options: list[tuple[PlanType, st.SearchStrategy[Any]]] = [(kind, integers(kind)) for kind in whole]
    options.append((go.bool, st.booleans()))
    options.append((go.float64, st.floats(allow_nan=False)))
    options.append((go.string, st.binary(max_size=40)))
    options.append((go.string, st.text(max_size=20).map(lambda t: t.encode(errors="replace"))))
    return st.sampled_from(options)


@st.composite
def typed_values(draw: st.DrawFn, go: GoTypes, level: int = 0) -> tuple[PlanType, st.SearchStrategy[Any]]:
    shape = draw(st.sampled_from(["plain", "struct", "array", "slice", "pointer"] if level < 3 else ["plain"]))
    if shape == "plain":
        return draw(plain_values(go))
    if shape == "struct":
        members = [draw(typed_values(go, level + 1)) for _ in range(draw(st.integers(1, 3)))]
        kind = go.struct(f"main.S{len(go.all)}", *((f"f{n}", k) for n, (k, _) in enumerate(members)))
        return kind, st.tuples(*(v for _, v in members))
    elem, values = draw(typed_values(go, level + 1))
    if shape == "array":
        length = draw(st.integers(0, 3))
        return go.array(elem, length), st.lists(values, min_size=length, max_size=length)
    if shape == "slice":
        return go.slice(elem), st.none() | st.lists(values, max_size=4)
    return go.pointer(elem), st.none() | values.map(Ref)


def expected(go: GoTypes, kind: PlanType, value: Any) -> Any:
    match kind.kind:
        case "string":
            return value.decode(errors="backslashreplace")
        case "struct":
            return {f.name: expected(go, go.all[f.type], v) for f, v in zip(kind.fields, value, strict=True)}
        case "array" | "slice" if value is not None:
            assert kind.elem is not None
            return [expected(go, go.all[kind.elem], item) for item in value]
        case "pointer" if value is not None:
            assert kind.elem is not None
            return expected(go, go.all[kind.elem], value.value)
        case _:
            return value


def expected_json(go: GoTypes, kind: PlanType, value: Any, *, top: bool = True) -> Any:
    if value is None:
        return None if top else {"$status": "nil"}
    match kind.kind:
        case "struct":
            fields = zip(kind.fields, value, strict=True)
            return {f.name: expected_json(go, go.all[f.type], v, top=False) for f, v in fields}
        case "array" | "slice":
            assert kind.elem is not None
            return [expected_json(go, go.all[kind.elem], item, top=False) for item in value]
        case "pointer":
            assert kind.elem is not None
            return expected_json(go, go.all[kind.elem], value.value, top=top)
        case "float" if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case "string":
            return expected(go, kind, value)
        case _:
            return value


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_was_written_is_decoded(data: st.DataObject) -> None:
    bench = Bench()
    kind, values = data.draw(typed_values(bench.go))
    rows = data.draw(st.lists(values, max_size=5))
    decoded = bench.round_trip(kind, *rows, depth=5)
    assert decoded.form.kind != "json"
    assert decoded.values().to_pylist() == [expected(bench.go, kind, row) for row in rows]
    assert jsons(decoded) == [expected_json(bench.go, kind, row) for row in rows]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_garbage_decodes_to_something(data: st.DataObject) -> None:
    """Random bytes where values should be: any result, but no exception, in every form."""
    bench = Bench()
    kind, values = data.draw(typed_values(bench.go))
    bench.memory.encode(kind, data.draw(values))
    near = st.sampled_from([o.address for o in bench.memory.objects] or [0])
    word = st.one_of(near, st.integers(0, (1 << 64) - 1), st.integers(0, 5))
    raws = []
    for _ in range(data.draw(st.integers(0, 4))):
        parts = [struct.pack("<Q", data.draw(word)) for _ in range(-(-kind.size // 8))]
        raws.append(b"".join(parts)[: kind.size])
    decoded = bench.decode(kind, raws)
    assert len(decoded.values()) == len(decoded.json()) == len(decoded.texts()) == len(decoded.details()) == len(raws)
    assert len(jsons(decoded)) == len(raws)


def test_where_all_point_at_all_paths_are_bounded() -> None:
    """Twelve nodes, each with pointers to all others: 10 million paths without a cycle."""
    bench, count = Bench(), 12
    go, nodes, lists = bench.go, 0x10000, 0x20000
    node = go.struct("main.Node", ("id", go.int64), ("next", go.int64))
    pointer = go.pointer(node)
    slices = go.slice(pointer)
    fields = (node.fields[0], dataclasses.replace(node.fields[1], type=slices.id))
    go.all[node.id] = dataclasses.replace(node, fields=fields, size=32)
    for i in range(count):
        others = b"".join(struct.pack("<Q", nodes + 64 * j) for j in range(count) if j != i)
        raw = struct.pack("<qQQQ", i, lists + 256 * i, count - 1, count - 1)
        bench.memory.objects += [Object(nodes + 64 * i, node.id, raw, 1)]
        bench.memory.objects += [Object(lists + 256 * i, slices.id, others, count - 1)]
    decoded = bench.decode(pointer, [struct.pack("<Q", nodes)], depth=16)
    (text,) = decoded.json().to_pylist()
    assert words(decoded) == ["ok"]
    # Five levels whole, then their ends: each says why.
    first = json.loads(text)["next"][0]["next"][1]["next"][2]["next"][3]["next"][4]
    assert (first["id"], first["next"]["$status"]) == (5, "budget")
    assert 10_000 < text.count('"id"') < 1 << 18
