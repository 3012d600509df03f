"""Disjoint ranges of keys, each with all that claims it: what a program searches by pc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sey.frontend.debuginfo.model import Range


@dataclass(frozen=True)
class Cell:
    """A range of keys and the claims on it, in the order in which they were made."""

    range: Range
    claims: tuple[int, ...]


def disjoint(claims: Iterable[tuple[Range, int]]) -> list[Cell]:
    """Cut overlapping ranges into disjoint cells, ascending; neighbours with the same claims are one."""
    starts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    ends: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for order, (where, claim) in enumerate(claims):
        if where.lo < where.hi:
            starts[where.lo].append((order, claim))
            ends[where.hi].append((order, claim))
    cells: list[Cell] = []
    active: set[tuple[int, int]] = set()
    edges = sorted({*starts, *ends})
    for lo, hi in pairwise(edges):
        active.difference_update(ends[lo])
        active.update(starts[lo])
        if not active:
            continue
        now = tuple(claim for _, claim in sorted(active))
        if cells and cells[-1].range.hi == lo and cells[-1].claims == now:
            cells[-1] = Cell(Range(cells[-1].range.lo, hi), now)
        else:
            cells.append(Cell(Range(lo, hi), now))
    return cells
