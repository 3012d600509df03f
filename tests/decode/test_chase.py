"""The program's own walk over memory and the decoder agree: values laid out in a made-up memory come back the same.

The walk is the real one (`ir/prelude/chase.ir` with the tables that lowering makes), run by the evaluator.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.frontend import bound
from sey.frontend.debuginfo.model import Body, Field, FunctionEntry, GlobalVariable, GoType, Kind, TypeId, Variable
from sey.frontend.debuginfo.runtimetypes import NO_RUNTIME_TYPES, RuntimeTypes
from sey.frontend.lower.blocks import Shared
from sey.frontend.lower.captures import how_deep
from sey.frontend.lower.containers import container_constants
from sey.frontend.lower.dynamic import DynamicTypes
from sey.frontend.lower.runtime import SNAPSHOT_SIZES, _contracts
from sey.frontend.lower.types import STEP_DEEPER, TypeTable
from sey.frontend.lower.typetables import type_tables
from sey.frontend.source import Source
from sey.ir.evaluate import Image, Machine
from sey.ir.nodes import Program
from sey.ir.parser import parse_program, scan_signatures
from sey.ir.plan import POINTEE, REFERENCE_KINDS, PlanType
from sey.ir.prelude import prelude_streams
from sey.runtime.decode.columns import DecodedColumn, decode_column
from sey.runtime.decode.objects import ObjectIndex
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.values import ValueDecoder
from sey.runtime.pages import Pages, record_dtype
from tests.decode.test_values import expected, expected_json, jsons, typed_values, words
from tests.support.captures import symbol_table
from tests.support.pages import GoTypes, Memory, Ref, built_in_streams, column, plan_stream


class MadeUp:
    """Debug information that knows the types of a `GoTypes` and nothing else."""

    def __init__(self, go: GoTypes) -> None:
        self.go = go

    def type(self, type_id: TypeId) -> GoType:
        kind = self.go.all[type_id]
        fields = tuple(Field(f.name, f.type, f.offset, False) for f in kind.fields)
        return GoType(type_id, kind.name, Kind(kind.kind), kind.size, fields, kind.elem, length=kind.length)

    def find_type(self, name: str) -> TypeId | None:
        return next((kind.id for kind in self.go.all.values() if kind.name == name), None)

    def function_names(self) -> Sequence[str]:
        return ()

    def function(self, name: str) -> FunctionEntry | None:
        return None

    def bodies(self, name: str) -> tuple[Body, ...]:
        return ()

    def variables(self, body: Body) -> tuple[Variable, ...]:
        return ()

    def type_names(self) -> Sequence[str]:
        return ()

    def global_names(self) -> Sequence[str]:
        return ()

    @property
    def path(self) -> str:
        return "made up"

    def global_variable(self, name: str) -> GlobalVariable | None:
        return None

    def types_by_runtime_offset(self, offsets: Iterable[int]) -> dict[int, TypeId]:
        return {}

    def closures(self) -> Mapping[int, GoType]:
        return {}

    def named_constants(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        return {}

    def is_standard(self, package: str) -> bool:
        return False

    @property
    def runtime_types(self) -> RuntimeTypes:
        return NO_RUNTIME_TYPES

    def line_of(self, pc: int) -> tuple[str, int] | None:
        return None

    def source_files(self) -> Sequence[str]:
        return ()

    def statements(self, file: str) -> Mapping[int, Sequence[int]]:
        return {}

    def body_at(self, address: int) -> Body | None:
        return None


def captured(go: GoTypes, kind: PlanType, rows: list[Any], **limits: int) -> DecodedColumn:
    """Lay pointers to `rows`, values of `kind`, out in memory, follow them as a probe does, and decode the result."""
    bounds = bound.Limits(**limits)
    memory = Memory(go)
    pointer = go.pointer(kind)
    raws = [memory.encode(pointer, row) for row in rows]
    info = MadeUp(go)
    shared = Shared(info, TypeTable(info), [], Source("", ""), DynamicTypes(info, 0, 0))
    shared.types.add(MadeUp(go).type(pointer.id), bounds.depth)
    how = shared.limit(bounds)
    program = chaser(shared, info)
    machine = Machine(program, Image({o.address: o.data for o in memory.objects if o.data}))
    machine.buffers["in_deadline"][:8] = b"\xff" * 8
    if bounds.depth:
        number = shared.types.number(MadeUp(go).type(kind.id))
        target = number | POINTEE if kind.kind in REFERENCE_KINDS else number
        for raw in raws:
            arguments = (target, struct.unpack("<Q", raw)[0], 1, how_deep(how, STEP_DEEPER))
            machine.call(program.function("follow"), arguments)
            machine.call(program.function("chase_rest"), ())
    return decoded(shared, machine, raws, shared.types.number(MadeUp(go).type(pointer.id)), bounds)


def chaser(shared: Shared, info: MadeUp) -> Program:
    """The prelude's walk over values, by itself."""
    tables = (*type_tables(shared.types), shared.limit_table())
    parts = ("inputs", "memory", "maps", "pack", "redact", "chase", "shares")
    text = "".join(files("sey.ir.prelude").joinpath(f"{part}.ir").read_text() for part in parts)
    none = ("types", "g_goid", "any_redacted", "empty_is_name")
    sizes = {**SNAPSHOT_SIZES, "itab_type": 8, **dict.fromkeys(none, 0)}
    constants = {**_contracts(), **container_constants(info), **sizes}
    program = parse_program(
        text, constants=constants, streams=prelude_streams(), tables=tables, signatures=scan_signatures(text)
    )
    return replace(program, streams=prelude_streams(), tables=tables)


def decoded(shared: Shared, machine: Machine, raws: list[bytes], kind: int, limits: bound.Limits) -> DecodedColumn:
    plan_types = shared.types.plan_types()
    pages = Pages.from_pages(enumerate(machine.output()))
    objects = ObjectIndex(pages, plan_stream(2, prelude_streams()[2]))
    types = {kind.id: kind for kind in plan_types}
    words = TypeWords(pages, plan_stream(3, prelude_streams()[3]), types, {})
    decoder = ValueDecoder(plan_types, pages.data, objects, words, symbol_table().functions)
    rows = next(s for s in built_in_streams({"rows": [8]}) if s.name == "rows")
    records = np.zeros(len(raws), record_dtype(rows))
    records["s0"] = 1
    records["v0"] = np.frombuffer(b"".join(raws), dtype=np.uint8).reshape(len(raws), 8)
    bounds = {"max_string": limits.max_string, "max_items": limits.max_items, "depth": limits.depth}
    chosen = column("x", decoder.types[kind], **bounds)
    return decode_column(decoder, chosen, 0, records, np.zeros(len(raws), dtype=np.int64))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_memory_holds_is_what_is_decoded(data: st.DataObject) -> None:
    go = GoTypes()
    kind, values = data.draw(typed_values(go))
    rows = data.draw(st.lists(st.none() | values.map(Ref), max_size=4))
    result = captured(go, kind, rows, depth=6)
    pointer = go.all[max(go.all)]
    assert result.values().to_pylist() == [expected(go, pointer, row) for row in rows]
    assert jsons(result) == [expected_json(go, pointer, row) for row in rows]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_limits_cut_and_say_so(data: st.DataObject) -> None:
    """Under any limits every difference from the whole value is marked where it is."""
    go = GoTypes()
    kind, values = data.draw(typed_values(go))
    rows = data.draw(st.lists(values.map(Ref), min_size=1, max_size=3))
    limits = {
        "max_string": data.draw(st.integers(0, 8)),
        "max_items": data.draw(st.integers(0, 3)),
        "depth": data.draw(st.integers(0, 3)),
    }
    result = captured(go, kind, rows, **limits)
    pointer = go.all[max(go.all)]
    marked = zip(jsons(result), words(result), rows, strict=True)
    for shown, status, row in marked:
        whole = expected_json(go, pointer, row)
        if status == "ok":
            assert_cut(shown, whole)
        else:
            assert status in ("nil", "depth", "truncated"), status


def assert_cut(shown: Any, whole: Any) -> None:
    """`shown` is `whole`, or says where it isn't."""
    if isinstance(shown, dict) and "$status" in shown:
        status = shown["$status"]
        assert status in ("nil", "depth", "truncated")
        assert status != "nil" or whole == shown
        if status == "truncated":
            assert shown["$length"] > len(shown["$value"].encode() if isinstance(whole, str) else shown["$value"]) or (
                isinstance(whole, str) and "\\x" in whole
            )
            if not isinstance(whole, str):
                for part, of in zip(shown["$value"], whole, strict=False):
                    assert_cut(part, of)
            else:
                assert whole.startswith(shown["$value"].partition("\\x")[0])
    elif isinstance(whole, dict):
        assert shown.keys() == whole.keys()
        for name in whole:
            assert_cut(shown[name], whole[name])
    elif isinstance(whole, list):
        assert len(shown) == len(whole)
        for part, of in zip(shown, whole, strict=True):
            assert_cut(part, of)
    else:
        assert shown == whole
