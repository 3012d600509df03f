"""Variables of real functions: names, roles, scopes, types, and what must hold of every location."""

from __future__ import annotations

from collections import Counter

import pytest

from sey.frontend.debuginfo.model import Body, Kind, Place, Range, Role, Variable
from sey.frontend.debuginfo.open import BinaryDebugInfo
from tests.debuginfo.conftest import Opener


def variables(info: BinaryDebugInfo, function: str) -> tuple[Body, dict[str, Variable]]:
    """The first body of a function and its variables by name (the last of a name)."""
    body = info.bodies(function)[0]
    return body, {v.name: v for v in info.variables(body)}


def type_name(info: BinaryDebugInfo, variable: Variable) -> str:
    return info.type(variable.type).name


def test_parameters_results_and_shadowed_names(info: BinaryDebugInfo) -> None:
    body = info.bodies("main.outer")[0]
    found = info.variables(body)
    assert [(v.name, v.role, type_name(info, v)) for v in found] == [
        ("x", Role.PARAMETER, "int"),
        ("s", Role.PARAMETER, "string"),
        ("b", Role.PARAMETER, "[]uint8"),
        ("total", Role.RESULT, "int"),
        ("err", Role.RESULT, "error"),
        ("x", Role.LOCAL, "string"),
    ]
    outer, inner = found[0], found[5]
    assert outer.scope == body.ranges
    assert (outer.depth, inner.depth) == (0, 1)
    assert inner.by_reference
    assert inner.scope != body.ranges
    assert all(body.ranges[0].lo < r.lo < r.hi < body.ranges[0].hi for r in inner.scope)


def test_parameters_at_entry_are_where_the_abi_has_them(info: BinaryDebugInfo) -> None:
    body, found = variables(info, "main.outer")
    entry = body.physical.lo
    places = {
        name: [(p.place, p.value) for r in found[name].locations if r.lo <= entry < r.hi for p in r.pieces]
        for name in ("s", "b")
    }
    rax_on = [0, 3, 2, 5, 4, 8]
    assert places["s"] == [(Place.REGISTER, n) for n in rax_on[1:3]]
    kept = [place for place in places["b"] if place[0] is Place.REGISTER]
    assert kept == [(Place.REGISTER, n) for n in rax_on[3:6]][: len(kept)]
    assert len(kept) >= 2


def test_captured_variables_of_a_closure(info: BinaryDebugInfo) -> None:
    _, found = variables(info, "main.closures.func1")
    captured = {v.name: v.by_reference for v in found.values() if v.role is Role.CAPTURED}
    assert captured == {"count": True, "n": True, "prefix": False}
    assert {type_name(info, found[n]) for n in ("count", "n")} == {"int"}
    assert found["prefix"].locations


def test_escaped_variables_appear_under_their_own_name(info: BinaryDebugInfo) -> None:
    _, found = variables(info, "main.escape")
    moved = found["moved"]
    assert (moved.role, moved.by_reference, type_name(info, moved)) == (Role.LOCAL, True, "int")
    assert all(p.size == 8 for r in moved.locations for p in r.pieces)
    assert moved.locations


def test_a_parameter_on_the_heap_wins_over_the_copy_it_came_in(opened: Opener) -> None:
    info = opened("1.26", "noopt")
    body = info.bodies("main.closures")[0]
    came, moved = (v for v in info.variables(body) if v.name == "n")
    assert (came.by_reference, moved.by_reference) == (False, True)
    assert moved.depth > came.depth
    assert moved.scope[0].lo > body.physical.lo


@pytest.mark.parametrize("go", ["1.24", "1.26"])
def test_variables_of_one_name_and_different_types(opened: Opener, go: str) -> None:
    info = opened(go, "noopt")
    found = [v for v in info.variables(info.bodies("main.switches")[0]) if v.name == "x"]
    assert [type_name(info, v) for v in found] == ["int", "string", "*main.Item"]
    assert len({v.scope for v in found}) == 3


def test_a_string_of_which_only_the_length_is_kept_is_not_read_as_a_whole(opened: Opener) -> None:
    # Its list has one entry without pieces, for the length alone (DWARF would mean the whole string).
    info = opened("1.26")
    (text,) = [
        v for v in info.variables(info.bodies("main.switches")[0]) if v.name == "x" and type_name(info, v) == "string"
    ]
    assert text.locations == ()
    assert text.problem is not None
    assert "which of its words" in text.problem


def test_shapes_of_generic_functions(info: BinaryDebugInfo) -> None:
    bodies = info.bodies("main.gen[...]")
    kinds = set[Kind]()
    for body in bodies:
        found = {v.name: v for v in info.variables(body)}
        kind = info.type(found["x"].type)
        assert kind.shape
        assert kind.name.startswith("go.shape.")
        kinds.add(kind.kind)
        assert type_name(info, found["n"]) == "int"
    assert kinds == {Kind.INT, Kind.STRING, Kind.POINTER, Kind.STRUCT}
    assert {b.function for b in bodies} == {"main.gen[...]"}
    assert len({b.linkage for b in bodies}) == 4


@pytest.mark.parametrize("go", ["1.24", "1.27"])
def test_inlined_instances_several_deep(opened: Opener, go: str) -> None:
    info = opened(go)
    levels = Counter(b.inline_level for b in info.bodies("main.inner") if b.container == "main.outer")
    assert levels == {3: 4}
    tiny = [b for b in info.bodies("main.tiny") if b.inline_level]
    assert [b.container for b in tiny] == ["main.outer", "main.outer"]
    for body in tiny:
        # One instance has no entry for its parameter: the row is there, the value is not.
        (a,) = info.variables(body)
        assert (a.name, a.role, type_name(info, a)) == ("a", Role.PARAMETER, "int")
        assert a.scope == body.ranges
    assert [bool(info.variables(b)[0].locations) for b in tiny] == [True, False]


def test_an_out_of_line_copy_takes_names_from_the_abstract_function(info: BinaryDebugInfo) -> None:
    (body,) = [b for b in info.bodies("main.middle") if b.inline_level == 0]
    assert [(v.name, v.role) for v in info.variables(body)][:1] == [("b", Role.PARAMETER)]
    assert {"c", "d"} <= {v.name for v in info.variables(body)}


def test_locations_are_believable(info: BinaryDebugInfo) -> None:
    names = [n for n in info.function_names() if n.startswith(("main.", "fmt.", "time.", "sync.", "os."))]
    seen = 0
    for body in (b for name in names for b in info.bodies(name)):
        for variable in info.variables(body):
            seen += bool(variable.locations)
            check(info, body, variable)
    assert seen > 900


def check(info: BinaryDebugInfo, body: Body, variable: Variable) -> None:
    where = (body.linkage, hex(body.die), variable.name)
    size = 8 if variable.by_reference else info.type(variable.type).size
    end = 0
    for lo, hi, pieces in variable.locations:
        assert body.physical.lo <= lo < hi <= body.physical.hi, where
        assert lo >= end, where
        end = hi
        at = 0
        for piece in pieces:
            assert piece.offset == at, where
            assert piece.size > 0, where
            assert piece.place is not Place.REGISTER or piece.size <= 8, where
            at += piece.size
        assert at == size, where
        assert not size or any(p.place is not Place.NOWHERE for p in pieces), where
    for scope in variable.scope:
        assert any(r.lo <= scope.lo <= scope.hi <= r.hi for r in (body.physical, *body.ranges)), where
    assert "." not in variable.name, where
    assert variable.problem is None or variable.problem.strip(), where


def test_most_variables_have_a_location(info: BinaryDebugInfo) -> None:
    bodies = [
        b for n in info.function_names() if n.startswith("runtime.") for b in info.bodies(n) if b.inline_level == 0
    ]
    parameters = [v for b in bodies for v in info.variables(b) if v.role is Role.PARAMETER]
    located = [v for v in parameters if v.locations]
    assert len(located) > 0.98 * len(parameters)
    troubled = [v for v in parameters if v.problem]
    assert len(troubled) < 0.02 * len(parameters)


def test_names_in_scope_at_one_address_are_told_apart_by_depth(info: BinaryDebugInfo) -> None:
    body = info.bodies("main.outer")[0]
    inner = next(v for v in info.variables(body) if v.name == "x" and v.depth)
    pc = inner.scope[0].lo
    in_scope = [v for v in info.variables(body) if v.name == "x" and any(r.holds(pc) for r in v.scope)]
    assert max(in_scope, key=lambda v: v.depth) == inner


def test_a_body_of_another_binary_has_no_variables(info: BinaryDebugInfo) -> None:
    body = info.bodies("main.outer")[0]
    stranger = Body("main.x", "main.x", body.die, body.ranges, Range(1, 2), "main.x", 0)
    assert info.variables(stranger) == ()
