"""Slots that lists of locations give to the wrong variable; the numbers are those of `slices.search` in the corpus."""

from __future__ import annotations

from dataclasses import replace

from sey.frontend.debuginfo.model import BUILTIN, LocationRange, Piece, Place, Range, Role, Variable
from sey.frontend.debuginfo.spills import without_others_slots

RBX, RSI, SLOT = 3, 4, -24
_END = 0x100


def variable(name: str, *ranges: tuple[int, int, Place, int]) -> Variable:
    """A variable of eight bytes with these locations."""
    locations = tuple(LocationRange(lo, hi, (Piece(place, value, 0, 8),)) for lo, hi, place, value in ranges)
    return Variable(name, BUILTIN["int"].id, Role.LOCAL, False, (Range(0, _END),), 0, 1, locations)


HIGH = variable(
    "high", (0x1A, 0x4E, Place.REGISTER, RBX), (0x4E, 0x58, Place.CFA, SLOT), (0x58, 0x9E, Place.REGISTER, RBX)
)
MIDDLE = variable("middle", (0x2C, 0x41, Place.REGISTER, RSI), (0x49, 0x58, Place.CFA, SLOT))


def places(found: list[Variable]) -> dict[str, list[tuple[int, int]]]:
    """Where each variable still is."""
    return {v.name: [(r.lo, r.hi) for r in v.locations] for v in found}


def test_a_slot_that_another_variable_has_been_in_is_not_this_ones() -> None:
    found = without_others_slots([HIGH, MIDDLE])
    assert places(found) == {"high": [(0x1A, 0x4E), (0x58, 0x9E)], "middle": [(0x2C, 0x41), (0x49, 0x58)]}
    assert found[0].problem == "its location list names a place that another variable has"
    assert found[1] == MIDDLE


def test_copies_of_one_value_share_their_slot() -> None:
    copy = replace(HIGH, name="copy")
    assert without_others_slots([HIGH, copy]) == [HIGH, copy]


def test_of_two_that_come_from_different_registers_neither_is_believed() -> None:
    other = variable("other", (0x40, 0x4E, Place.REGISTER, RSI), (0x4E, 0x58, Place.CFA, SLOT))
    found = places(without_others_slots([HIGH, other]))
    assert found == {"high": [(0x1A, 0x4E), (0x58, 0x9E)], "other": [(0x40, 0x4E)]}


def test_what_is_wrong_stays_so_while_the_list_names_the_same_slot() -> None:
    longer = variable(
        "longer", (0, 0x4E, Place.REGISTER, RBX), (0x4E, 0x50, Place.CFA, SLOT), (0x50, 0x60, Place.CFA, SLOT)
    )
    assert places(without_others_slots([longer, MIDDLE]))["longer"] == [(0, 0x4E)]


def test_other_slots_stay() -> None:
    elsewhere = variable("elsewhere", (0, 0x4E, Place.REGISTER, RBX), (0x4E, 0x58, Place.CFA, SLOT - 8))
    assert without_others_slots([elsewhere, MIDDLE]) == [elsewhere, MIDDLE]
