"""The graph of all types that a binary describes: the same rows as the table makes of the types one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sey.frontend.bound import Redaction
from sey.frontend.compile import Options, compile_spec
from sey.frontend.debuginfo.maps import TRIE
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from sey.frontend.lower.typegraph import FIRST, RuntimeGraph
from sey.frontend.lower.types import Pointer, TypeTable
from sey.frontend.lower.typetables import type_tables
from sey.frontend.redaction import Redactor
from sey.frontend.source import Source
from sey.ir.plan import FUNC_TYPE, HIDDEN_KIND, STRING_TYPE
from sey.ir.typecheck import problem_of
from sey.runtime.bundle import Bundle
from tests.support.gobuild import build


@pytest.fixture(scope="module", params=["1.21", "1.23", "1.24", "1.26", "1.27"])
def info(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BinaryDebugInfo:
    return open_debug_info(str(build("values", go=request.param)), cache_dir=tmp_path_factory.mktemp("index"))


REDACTIONS = [Redaction(), Redaction(("*name*", "addr*"), ("main.*", "*time.Location"))]


@pytest.mark.parametrize("redaction", REDACTIONS, ids=["nothing redacted", "redacted"])
def test_rows_are_those_of_the_types_one_by_one(info: BinaryDebugInfo, redaction: Redaction) -> None:
    redactor = Redactor(info, redaction)
    graph = RuntimeGraph(info.runtime_types, redactor)
    types, held = TypeTable(info, graph, None, redactor), graph.held
    columns = (c.tolist() for c in (held.offset, held.kind, held.target, held.step))
    pointers = [Pointer(*row) for row in zip(*columns, strict=True)]
    classes = set[int]()
    holes = set[int]()
    for number, row in enumerate(graph.type_rows(types.hole_rows).tolist(), start=FIRST):
        kind, size, first, count, value_size, own_first, own_count, map_row, scalar, hole_row = row
        unit = types.unit(number)
        assert (kind, size) == unit[:2]
        assert tuple(pointers[first : first + count]) == unit[2]
        assert tuple(pointers[own_first : own_first + own_count]) == types.pointers(number)
        assert value_size == types.size(number)
        assert scalar == types.is_scalar(number)
        assert bool(map_row) == (types.layout(number) is not None)
        assert hole_row == types.hole_rows.row(types.holes(number))
        classes.add(kind)
        holes.add(hole_row)
    # Since Go 1.24 there are the tries of sync.Map too.
    own = 7 + any(name.startswith(TRIE) for name in info.runtime_types.names)
    assert len(classes) == own + bool(redactor)
    assert (len(holes) > 20) == bool(redactor)
    plan = {kind.id: kind for kind in types.plan_types()}
    for number in range(FIRST, FIRST + len(graph)):
        assert (plan[number].kind == HIDDEN_KIND) == redactor.type(graph.type_at(number))
    assert len(graph.map_rows()) >= 20


def test_a_type_has_one_number_wherever_it_is_known_from(info: BinaryDebugInfo) -> None:
    graph = RuntimeGraph(info.runtime_types)
    types = TypeTable(info, graph)
    offsets = info._index.arrays["runtime_offset"].tolist()
    for offset, die in info.types_by_runtime_offset(offsets).items():
        by_debug_info = info.type(die)
        number = types.add(by_debug_info, 3)
        if by_debug_info.name == "string":
            assert number == STRING_TYPE
        elif by_debug_info.name != "uintptr":
            assert graph.type_at(number).runtime_type == offset
    assert types.number(info.type(info.find_type("uintptr") or 0)) < FIRST + len(graph)
    assert len(types) == FUNC_TYPE + len(graph)


def test_dynamic_types_are_found_by_where_they_are_described(info: BinaryDebugInfo) -> None:
    graph = RuntimeGraph(info.runtime_types)
    tables = {table.name: table for table in type_tables(TypeTable(info, graph))}
    dynamic = tables["dynamic"]
    assert dynamic.columns[0].sorted
    assert (dynamic.rows, tables["types"].rows) == (len(graph) + 1, len(graph) + FUNC_TYPE + 1)
    for offset, number, direct in list(zip(*(c.values for c in dynamic.columns), strict=True))[1:]:
        row = info.runtime_types.row(offset)
        assert row is not None
        assert number in (row + FIRST, STRING_TYPE)
        assert direct == int(info.runtime_types.arrays["direct"][row])


def test_the_plan_has_the_same_types_as_one_by_one(info: BinaryDebugInfo) -> None:
    graph = RuntimeGraph(info.runtime_types)
    types = TypeTable(info, graph)
    types.add(info.type(info.find_type("runtime.g") or 0), 2)
    plan = types.plan_types()
    assert len(plan) == len(types)
    assert [kind.id for kind in plan] == list(range(1, len(types) + 1))
    assert list(plan) == [types._plan_type(types._entry(number)) for number in range(1, len(types) + 1)]
    assert problem_of(plan.columns) is None


def test_a_bundle_with_all_types_is_read_back(tmp_path: Path) -> None:
    spec = Source("t.sey", 'func "main.leak" { value }')
    made = compile_spec(spec, [str(build("values"))], Options(allow_missing=True, cache_dir=tmp_path)).bundle
    assert len(made.binaries[0].plan.types) > 1000
    again = Bundle.from_bytes("t.seyp", made.to_bytes())
    assert again.binaries[0].plan == made.binaries[0].plan
