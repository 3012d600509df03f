"""Stack slots that lists of locations give to the wrong variable.

The compiler notes a spilled value under all names that the value ever gets. In `high = middle`, `high` may still be
another value, in a register, when `middle` is spilled: its list then goes on, after the next call, with the slot that
holds `middle` (cmd/compile, ssa/debug.go; seen with Go 1.26, `tests/targets/corpus/slices`, `search`). Lists prefer
registers to slots, and variables with one value are in the same ones. So where a variable moves from a register to a
slot in which another one has been already, or comes to from another register, they have two values and one slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sey.frontend.debuginfo.model import LocationRange, Piece, Place, Variable

_NONE = Place.NOWHERE
_SHARED = "its location list names a place that another variable has"


def without_others_slots(variables: Sequence[Variable]) -> list[Variable]:
    """The variables of a body, each without the slots that belong to another one."""
    return [_own(v, [w for w in variables if w is not v]) for v in variables]


def _own(variable: Variable, others: Sequence[Variable]) -> Variable:
    ranges, taken = list[LocationRange](), dict[Piece, Piece]()
    before: LocationRange | None = None
    for at in variable.locations:
        adjacent = before if before is not None and before.hi == at.lo else None
        # What is wrong stays so until the list names another place.
        taken = {p: gone for p, gone in taken.items() if adjacent is not None and p in at.pieces}
        if adjacent is not None:
            taken |= {p: _nowhere(p) for p in at.pieces if _belongs_to_another(p, adjacent, at.lo, others)}
        ranges.append(at._replace(pieces=tuple(taken.get(p, p) for p in at.pieces)) if taken else at)
        before = at
    if tuple(ranges) == variable.locations:
        return variable
    kept = tuple(r for r in ranges if any(p.place is not _NONE for p in r.pieces))
    return replace(variable, locations=kept, problem=variable.problem or _SHARED)


def _nowhere(piece: Piece) -> Piece:
    return piece._replace(place=_NONE, value=0)


def _belongs_to_another(slot: Piece, before: LocationRange, pc: int, others: Iterable[Variable]) -> bool:
    """Whether a piece that comes to a slot at `pc` from a register finds another variable's there, from elsewhere."""
    came = next((p for p in before.pieces if (p.offset, p.size) == (slot.offset, slot.size)), None)
    if slot.place is not Place.CFA or came is None or came.place is not Place.REGISTER:
        return False
    for other in others:
        for piece in _pieces_at(other, pc):
            if piece.place is Place.CFA and piece.value == slot.value and piece.size == slot.size:
                earlier = [p for p in _pieces_at(other, pc - 1) if p.offset == piece.offset and p.place is not _NONE]
                if any((p.place, p.value) != (came.place, came.value) for p in earlier):
                    return True
    return False


def _pieces_at(variable: Variable, pc: int) -> tuple[Piece, ...]:
    return next((r.pieces for r in variable.locations if r.lo <= pc < r.hi), ())
