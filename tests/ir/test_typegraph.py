"""Types of plans as columns: what is written is read, and nothing damaged is believed or crashes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sey.ir.plan import PlanEntry, PlanField, PlanType
from sey.ir.typecheck import problem_of
from sey.ir.typegraph import DamagedTypesError, PlanTypes, columns_of, decoded, joined, types_by_id

ROOM = (1 << 40) - 1
TEXT = st.text(max_size=6)
NUMBER = st.integers(1, (1 << 32) - 1)
TYPES = st.lists(
    st.builds(
        PlanType,
        id=NUMBER,
        name=TEXT,
        kind=st.sampled_from(["int", "struct", "map", "slice", "array"]),
        size=st.integers(0, ROOM),
        fields=st.lists(
            st.builds(PlanField, TEXT, st.integers(0, ROOM), NUMBER, st.booleans(), st.booleans()), max_size=3
        ).map(tuple),
        elem=st.none() | NUMBER,
        length=st.none() | st.integers(0, ROOM),
        empty_interface=st.booleans(),
        special=st.sampled_from([None, "time"]),
        pointers=st.booleans(),
        key=st.none() | NUMBER,
        entry=st.none() | st.builds(PlanEntry, NUMBER, NUMBER, st.booleans(), st.booleans()),
        constants=st.lists(st.tuples(st.integers(-ROOM, ROOM), TEXT), max_size=3).map(tuple),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(TYPES, TYPES)
def test_what_is_written_is_read(types: list[PlanType], more: list[PlanType]) -> None:
    columns = columns_of(types)
    found = PlanTypes(decoded(columns.encoded()))
    assert found == types
    assert columns_of(found) is found.columns
    assert found.columns.encoded() == columns.encoded()
    assert PlanTypes(joined([columns, columns_of(more)])) == [*types, *more]
    if len({kind.id for kind in types}) == len(types):
        assert dict(found.by_id) == types_by_id(types)


@settings(deadline=None)
@given(TYPES, st.data())
def test_damaged_bytes_are_refused_or_whole(types: list[PlanType], data: st.DataObject) -> None:
    raw = bytearray(columns_of(types).encoded())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) - 8, len(raw) // 2]))])
    try:
        columns = decoded(cut)
    except DamagedTypesError:
        return
    assert len(list(PlanTypes(columns))) == len(PlanTypes(columns))
    assert problem_of(columns) is None or isinstance(problem_of(columns), str)


INT = PlanType(1, "int", "int", 8)
STRUCT = PlanType(2, "S", "struct", 16, (PlanField("a", 0, 1), PlanField("b", 8, 1)))
MAP = PlanType(3, "M", "map", 8, elem=1, key=1, entry=PlanEntry(16, 8))
ARRAY = PlanType(4, "A", "array", 16, elem=1, length=2)
GOOD = (INT, STRUCT, MAP, ARRAY)


def test_types_that_fit_have_no_problem() -> None:
    assert problem_of(columns_of(GOOD)) is None
    assert problem_of(columns_of(())) is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(STRUCT, id=1), "two types are the same"),
        (replace(STRUCT, kind="thing"), "type 2 (S) is of no known kind"),
        (replace(STRUCT, special="odd"), "type 2 (S) is special in no known way"),
        (replace(STRUCT, special="time"), "type 2 (S) has an impossible size"),
        (replace(STRUCT, kind="int"), "type 2 (S) has an impossible size"),
        (replace(STRUCT, size=(1 << 50) + 1), "type 2 (S) has an impossible size"),
        (replace(STRUCT, elem=9), "type 2 (S) has an unknown element"),
        (replace(STRUCT, key=9), "type 2 (S) has an unknown key"),
        (replace(STRUCT, fields=(PlanField("a", 0, 9),)), "type 2 (S) has a field of an unknown type"),
        (replace(STRUCT, fields=(PlanField("a", 9, 1),)), "field a lies outside of type 2 (S)"),
        (replace(STRUCT, fields=(PlanField("a", 0, 2),)), "type 2 (S) contains itself"),
        (replace(ARRAY, id=2, length=None), "type 2 (A) has no length"),
        (replace(ARRAY, id=2, length=3), "type 2 (A) is larger than its size"),
        (replace(MAP, id=2, key=None), "type 2 (M) has entries of no types"),
        (replace(MAP, id=2, entry=PlanEntry(1 << 51, 8)), "the entries of type 2 (M) have an impossible size"),
        (replace(MAP, id=2, entry=PlanEntry(16, 9)), "a part of an entry lies outside of it in type 2 (M)"),
        (replace(INT, id=2, constants=((1, "a"), (1, "b"))), "the constants of type 2 (int) don't ascend"),
    ],
)
def test_the_first_problem_is_told(wrong: PlanType, reason: str) -> None:
    assert problem_of(columns_of((INT, wrong))) == reason
