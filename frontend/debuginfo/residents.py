"""Variables that share a stack slot with others.

The compiler gives large variables whose lives are apart one slot (cmd/compile/internal/liveness/mergelocals.go), but
their location lists run on to the end of the function: while the later one lives, the list of the earlier lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sey.frontend.debuginfo.model import LocationRange, Place, Range

SMALLEST = 25
"""Bytes of the smallest variable that shares its slot (IsMergeCandidate in cmd/compile/internal/ssa/stackalloc.go)."""


class Resident(NamedTuple):
    """A large variable in stack bytes from CFA + `start` up to `end`, while its list and its scope say so.

    `depth` counts the blocks and inlined bodies around it.
    """

    die: int
    start: int
    end: int
    ranges: tuple[Range, ...]
    depth: int


def resident(die: int, locations: Iterable[LocationRange], scope: tuple[Range, ...], depth: int) -> list[Resident]:
    """A variable's slots, from its validated locations."""
    found = list[Resident]()
    for lo, hi, pieces in locations:
        if len(pieces) == 1 and pieces[0].place is Place.CFA and pieces[0].size >= SMALLEST:
            ranges = tuple(Range(max(lo, s.lo), min(hi, s.hi)) for s in scope if max(lo, s.lo) < min(hi, s.hi))
            found.append(Resident(die, pieces[0].value, pieces[0].value + pieces[0].size, ranges, depth))
    return found


def without_lies(
    die: int, locations: tuple[LocationRange, ...], residents: Iterable[Resident]
) -> tuple[LocationRange, ...]:
    """A variable's locations without the code of its scope where one nested at least as deep has its slot."""
    everyone = list(residents)
    taken = [
        Range(max(lo, low), min(hi, high))
        for own in everyone
        if own.die == die
        for rival in everyone
        if rival.die != die and rival.depth >= own.depth and rival.start < own.end and own.start < rival.end
        for lo, hi in own.ranges
        for low, high in rival.ranges
        if max(lo, low) < min(hi, high)
    ]
    if not taken:
        return locations
    left = ((part, location) for location in locations for part in _minus(Range(location.lo, location.hi), taken))
    return tuple(LocationRange(lo, hi, location.pieces) for (lo, hi), location in left)


def _minus(whole: Range, parts: Iterable[Range]) -> list[Range]:
    left, at = list[Range](), whole.lo
    for lo, hi in sorted(parts):
        if lo > at and at < whole.hi:
            left.append(Range(at, min(lo, whole.hi)))
        at = max(at, hi)
    return [*left, Range(at, whole.hi)] if at < whole.hi else left
