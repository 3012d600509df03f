"""Which bytes of a value the pieces of a location list are.

Pieces don't say so: they come one for each leaf that the function uses (`leaves.py`), and a value with one such leaf
has a location without pieces, which for other values means the whole. So pieces are matched with leaves by their
sizes, and where that leaves a choice, by where the ABI puts the leaves of a parameter. What stays open is left out:
a capacity taken for a length would be a wrong value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from sey.frontend.debuginfo.abi import Assignment
from sey.frontend.debuginfo.expressions import BadLocationError, Spot
from sey.frontend.debuginfo.leaves import Leaf
from sey.frontend.debuginfo.model import Piece, Place

_MOST_LEAVES = 12
_WORD = 8

Entry = tuple[int, int, list[Spot]]
"""Code from lo up to hi, and the spots there."""


@dataclass(frozen=True)
class Shape:
    """What is known of a variable: its size, its leaves, whether the compiler keeps it whole (`leaves.kept_whole`), and
    for a parameter of an out-of-line function how it comes in at `entry_pc`.
    """

    size: int
    leaves: tuple[Leaf, ...] | None
    kept_whole: bool = False
    assignment: Assignment | None = None
    entry_pc: int = 0


POINTER = Shape(_WORD, (Leaf(0, _WORD, floating=False, pointer=True, room=_WORD),))


def whole(spot: Spot, size: int) -> tuple[Piece, ...]:
    """A value that lies in one place. Raises BadLocationError where that can't be."""
    if spot.place is Place.REGISTER and size > _WORD:
        raise BadLocationError(f"its location names one register for {size} bytes")
    return (Piece(spot.place, spot.value, 0, size),)


def is_whole(spots: list[Spot]) -> bool:
    """Whether the location has no pieces."""
    return len(spots) == 1 and spots[0].size is None


class Matching:
    """Which leaf each piece of one variable's list is; `leaf_of[i]` is None where that can't be told."""

    def __init__(self, shape: Shape, entries: Sequence[Entry]) -> None:
        self._shape = shape
        candidates = _candidates(shape.leaves or (), _sizes(entries))
        if len(candidates) > 1:
            candidates = [c for c in candidates if _fits(c, shape, entries)]
        if not candidates:
            raise BadLocationError("its location's pieces don't fit its type")
        columns = (set(column) for column in zip(*candidates, strict=True))
        self.leaf_of = [column.pop() if len(column) == 1 else None for column in columns]
        self.certain = all(leaf is not None for leaf in self.leaf_of)

    def pieces(self, spots: list[Spot]) -> tuple[Piece, ...]:
        """The pieces of one entry, in order and covering the value."""
        leaves = self._shape.leaves or ()
        pairs = zip(self.leaf_of, spots, strict=True)
        return spread(sorted((leaves[i], s.place, s.value) for i, s in pairs if i is not None), self._shape.size)


def spread(placed: Iterable[tuple[Leaf, Place, int]], size: int) -> tuple[Piece, ...]:
    """Pieces that cover a value of `size` bytes, of which these leaves, in order, are in these places."""
    found, at = list[Piece](), 0
    for leaf, place, value in placed:
        if leaf.offset > at:
            found.append(Piece(Place.NOWHERE, 0, at, leaf.offset - at))
        # Padding has no content; giving it the place of the leaf before it keeps a struct in one piece.
        found.append(Piece(place, value, leaf.offset, leaf.room))
        at = leaf.offset + leaf.room
        if leaf.padding:
            found.append(Piece(place, value, at, leaf.padding))
            at += leaf.padding
    if at < size:
        found.append(Piece(Place.NOWHERE, 0, at, size - at))
    return tuple(found)


def _sizes(entries: Iterable[Entry]) -> list[int | None]:
    """The sizes of the pieces; all entries of a list agree on them."""
    sizes = [[spot.size for spot in spots] for _, _, spots in entries if spots]
    if any(s != sizes[0] for s in sizes):
        raise BadLocationError("its location list changes the sizes of its pieces")
    return sizes[0]


def _candidates(leaves: Sequence[Leaf], sizes: Sequence[int | None]) -> list[tuple[int, ...]]:
    """Every way in which the pieces can be leaves in order."""
    if len(sizes) > len(leaves) or (len(leaves) > _MOST_LEAVES and len(sizes) != len(leaves)):
        return []
    choices = combinations(range(len(leaves)), len(sizes))
    return [c for c in choices if all(size in (None, leaves[i].size) for i, size in zip(c, sizes, strict=True))]


def _fits(candidate: Sequence[int], shape: Shape, entries: Sequence[Entry]) -> bool:
    """Whether no entry contradicts that piece i is leaf `candidate[i]`: by kind of register, and by the ABI."""
    leaves, comes_in = shape.leaves or (), shape.assignment
    for lo, hi, spots in entries:
        for spot, i in zip(spots, candidate, strict=False):
            if spot.place is Place.REGISTER and (spot.value >= 17) != leaves[i].floating:
                return False
            if comes_in is None:
                continue
            at_entry = lo <= shape.entry_pc < hi and spot.place is Place.REGISTER
            if at_entry and comes_in.registers is not None and comes_in.registers[i] != spot.value:
                return False
            if spot.place is Place.CFA and spot.value >= 0 and spot.value != comes_in.home + leaves[i].offset:
                return False
    return True
