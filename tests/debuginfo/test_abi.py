"""Our register assignment and decomposition against what compilers wrote into location lists."""

from __future__ import annotations

from collections import Counter

from sey.frontend.debuginfo.expressions import Spot
from sey.frontend.debuginfo.incoming import NOTHING, Parameter, passing
from sey.frontend.debuginfo.leaves import kept_whole, leaves_of
from sey.frontend.debuginfo.model import BUILTIN, Kind, Place, Role
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.types import UNKNOWN


def test_parameters_come_in_where_location_lists_have_them(info: BinaryDebugInfo) -> None:
    verdicts = Counter[str]()
    for name in info.function_names():
        for body in (b for b in info.bodies(name) if b.inline_level == 0 and "go.shape." not in b.linkage):
            if any(v.role is Role.PARAMETER and v.locations for v in info.variables(body)):
                verdicts["agreed" if info._variables.locator._incoming(body) else "contradicted"] += 1
    # Assembly functions get their parameters on the stack, whatever the register ABI would do.
    assert verdicts["agreed"] > 700
    assert verdicts["contradicted"] < 0.03 * verdicts["agreed"], verdicts


def test_leaves_cover_their_types(info: BinaryDebugInfo) -> None:
    seen = 0
    for name in info._index.types:
        found = info.find_type(name)
        assert found is not None
        kind, leaves = info.type(found), leaves_of(info._types, found)
        if not leaves:
            assert kind.size == 0 or kept_whole(info._types, found) or kind.kind is Kind.ARRAY, name
            continue
        seen += 1
        at = leaves[0].offset
        assert at == 0 or kind.kind is Kind.STRUCT, name
        for leaf in leaves:
            assert leaf.offset >= at, name
            assert leaf.size <= leaf.room <= 8, name
            at = leaf.offset + leaf.room + leaf.padding
        assert at == kind.size, name
    assert seen > 300


def test_registers_and_homes(info: BinaryDebugInfo) -> None:
    body = info.bodies("main.outer")[0]
    assigned = info._variables.locator._incoming(body)
    assert [a.registers for a in assigned.values()] == [(0,), (3, 2), (5, 4, 8)]
    assert [a.home for a in assigned.values()] == [0, 8, 24]


def test_nothing_is_assigned_where_a_type_is_unknown(info: BinaryDebugInfo) -> None:
    known = Parameter(2, BUILTIN["uintptr"].id, ())
    assert passing(info._types, [known], (), generic=False).parameters[2].registers == (0,)
    assert passing(info._types, [Parameter(1, UNKNOWN.id, ()), known], (), generic=False) is NOTHING


def test_a_parameter_that_is_not_told_leaves_but_results_in_registers(info: BinaryDebugInfo) -> None:
    word = BUILTIN["uintptr"].id
    told = Parameter(1, word, [Spot(Place.REGISTER, 0, None)])
    whole = passing(info._types, [told], [word], generic=False, size=8)
    assert (whole.parameters[1].registers, [a and a.registers for a in whole.results]) == ((0,), [(0,)])
    another = passing(info._types, [told], [word], generic=False, size=16)
    assert (another.parameters, [a and a.registers for a in another.results]) == ({}, [(0,)])
    # Nothing tells that it takes registers at all.
    assert passing(info._types, [], [word], generic=False, size=8) is NOTHING


def test_function_tables_know_what_arguments_and_results_take(info: BinaryDebugInfo) -> None:
    seen = Counter[bool]()
    for name in (n for n in info.function_names() if n.startswith(("main.", "fmt.", "strconv."))):
        for body in (b for b in info.bodies(name) if b.inline_level == 0 and "go.shape." not in b.linkage):
            seen[bool(info._variables.locator._incoming(body))] += any(
                v.role is Role.PARAMETER for v in info.variables(body)
            )
    assert seen[True] > 40
    assert seen[False] < 0.05 * seen[True], seen
