"""What closures hold and the named constants of types, in real binaries."""

from __future__ import annotations

import pytest

from sey.frontend.debuginfo.model import GoType, Kind
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.lower.typegraph import RuntimeGraph
from sey.frontend.lower.types import TypeTable
from sey.frontend.lower.typetables import type_tables
from tests.debuginfo.conftest import Opener

BUILDS = [
    *(("1.23", "plain"), ("1.24", "plain"), ("1.26", "plain"), ("1.27", "plain")),
    *(("1.26", "noopt"), ("1.26", "pie"), ("1.26", "cgo-static-pie")),
]


@pytest.fixture(params=BUILDS, ids=["-".join(b) for b in BUILDS])
def info(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    return opened(*request.param, target="closures")


def by_function(info: BinaryDebugInfo) -> dict[str, GoType]:
    return {info.pclntab.frames_at(pc, exact=True)[-1].function: struct for pc, struct in info.closures().items()}


def fields(info: BinaryDebugInfo, struct: GoType) -> list[tuple[str, str, int]]:
    return [(f.name, info.type(f.type).name, f.offset) for f in struct.fields]


def test_what_is_held_by_value_and_by_reference(info: BinaryDebugInfo) -> None:
    struct = by_function(info)["main.counter.func1"]
    assert fields(info, struct) == [("_", "uintptr", 0), ("total", "*int", 8), ("name", "string", 16)]
    assert (struct.kind, struct.size, info.type(struct.id)) == (Kind.STRUCT, 32, struct)


def test_method_values_hold_their_receiver(info: BinaryDebugInfo) -> None:
    found = by_function(info)
    assert fields(info, found["main.(*Worker).Do-fm"])[1:] == [("R", "*main.Worker", 8)]
    assert fields(info, found["main.Worker.Copy-fm"])[1:] == [("R", "main.Worker", 8)]
    assert fields(info, found["main.Doer.Do-fm"])[1:] == [("R", "main.Doer", 8)]


def test_what_generic_code_holds_is_not_guessed(info: BinaryDebugInfo) -> None:
    found = [struct for name, struct in by_function(info).items() if name.startswith("main.holder[")]
    assert len(found) == 2
    for struct in found:
        held = {f.name: info.type(f.type) for f in struct.fields}
        assert held["times"].kind is Kind.INT
        assert held["value"].kind is Kind.UNKNOWN


def test_releases_that_do_not_tell_have_receivers_alone(opened: Opener) -> None:
    info = opened("1.21", "plain", target="closures")
    found = by_function(info)
    assert "main.(*Worker).Do-fm" in found
    assert all(name.endswith("-fm") for name in found)


def test_constants_have_one_name_for_a_value(info: BinaryDebugInfo) -> None:
    constants = info.named_constants()
    assert constants["main.State"] == ((0, "Idle"), (1, "Busy"))
    assert constants["main.Level"] == ((-2, "Low"), (1 << 20, "High"))
    assert constants["time.Month"][:2] == ((1, "January"), (2, "February"))
    assert (25, "Struct") in constants["reflect.Kind"]
    assert "int" not in constants


def test_they_are_in_the_plan_and_the_program(info: BinaryDebugInfo) -> None:
    types = TypeTable(info, RuntimeGraph(info.runtime_types))
    types.add_closures()
    plan = {kind.id: kind for kind in types.plan_types()}
    named = {kind.name: kind for kind in plan.values() if kind.constants}
    assert named["main.State"].constants == ((0, "Idle"), (1, "Busy"))
    assert named["main.Level"].constants == ((-2, "Low"), (1 << 20, "High"))
    # Of the unsigned type, what doesn't fit into a signed number is left out.
    assert named["main.Mask"].constants == ((1, "Bit"),)
    closures = next(table for table in type_tables(types) if table.name == "closures")
    structs = info.closures()
    rows = list(zip(*(column.values for column in closures.columns), strict=True))
    assert rows[0] == (0, 0)
    assert [pc for pc, _ in rows[1:]] == sorted(structs)
    for pc, number in rows[1:]:
        assert [(f.name, plan[f.type].name, f.offset) for f in plan[number].fields] == fields(info, structs[pc])
