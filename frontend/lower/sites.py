"""Sites: each way in which a frame of a block's function can present its variables, and the pcs where it does.

A site is a body's inline level, the typing (`Form`) of every capture there, and where each variable is. Sites that
differ only in numbers (offsets from the CFA, registers, addresses) share one *variant* of code, which takes the numbers
from the table `locations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sey.frontend import bound
from sey.frontend.debuginfo.model import Body, DebugInfo, Piece, Place, Range, Variable
from sey.frontend.lower.intervals import disjoint
from sey.frontend.lower.liveness import Liveness
from sey.frontend.lower.locate import Answer, Found, Missing, Mode, Stretch, stretches
from sey.frontend.lower.places import register_word
from sey.ir.nodes import Column, Table, Type
from sey.ir.plan import PlanSite, Status

MAX_CLAIMS = 64
"""Sites at one pc that the program looks at: functions inlined into each other and blocks on the same function."""


@dataclass(frozen=True)
class Shape:
    """Where a variable is, but for the numbers: (place, offset, size) of each piece, or None and the `status`."""

    type: int | None
    by_reference: bool
    pieces: tuple[tuple[Place, int, int], ...] | None
    status: Status


@dataclass(frozen=True)
class Variant:
    """One piece of code: a block, and for each of its variables the shape."""

    block: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Site:
    """A variant with its numbers, the function as traces print it, and its inline level."""

    variant: int
    numbers: tuple[int, ...]
    function: str
    level: int


@dataclass
class SiteBook:
    """All sites of a program, gathered block by block."""

    info: DebugInfo
    liveness: Liveness
    variants: list[Variant] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    claims: dict[Mode, list[tuple[Range, int]]] = field(default_factory=lambda: {mode: [] for mode in Mode})
    _variant_numbers: dict[Variant, int] = field(default_factory=dict)
    _site_numbers: dict[Site, int] = field(default_factory=dict)

    def add_block(self, number: int, block: bound.Func, names: Sequence[str]) -> None:
        """Claim the pcs of every body of a block's function."""
        for body in block.bodies:
            variables = self.info.variables(body)
            for mode in Mode:
                for stretch in stretches(body, variables, names, mode, self.liveness):
                    self.claims[mode].append((stretch.range, self._site(number, body, stretch)))

    def _site(self, block: int, body: Body, stretch: Stretch) -> int:
        shapes = tuple(_shape(a) for a in stretch.answers)
        variant = Variant(block, shapes)
        number = self._variant_numbers.setdefault(variant, len(self.variants))
        if number == len(self.variants):
            self.variants.append(variant)
        numbers = tuple(n for a in stretch.answers for n in _numbers(a))
        site = Site(number, numbers, body.function, body.inline_level)
        index = self._site_numbers.setdefault(site, len(self.sites))
        if index == len(self.sites):
            self.sites.append(site)
        return index

    def tables(self) -> tuple[Table, ...]:
        """The IR tables that the prelude and the variants read: ranges by mode, matches, sites, locations."""
        matches: list[int] = []
        ranges = [_range_table(f"{mode.value}_ranges", self.claims[mode], matches) for mode in Mode]
        firsts: list[int] = []
        locations: list[int] = []
        for site in self.sites:
            firsts.append(len(locations))
            locations += [n & (1 << 64) - 1 for n in site.numbers]
        rank = self._ranks()
        return (
            *ranges,
            Table("matches", (Column("site", Type.I32, tuple(matches) or (0,)),)),
            Table(
                "sites",
                (
                    Column("variant", Type.I32, tuple(site.variant for site in self.sites) or (0,)),
                    Column("first", Type.I32, tuple(firsts) or (0,)),
                    Column("number", Type.I32, tuple(rank) or (0,)),
                ),
            ),
            Table("locations", (Column("value", Type.I64, tuple(locations) or (0,)),)),
        )

    def _ranks(self) -> list[int]:
        """The number of each site within its block, which is what rows carry."""
        counts: dict[int, int] = {}
        ranks = []
        for site in self.sites:
            block = self.variants[site.variant].block
            ranks.append(counts.get(block, 0))
            counts[block] = ranks[-1] + 1
        return ranks

    def plan_sites(self, block: int, forms: Mapping[int, tuple[int, ...]]) -> tuple[PlanSite, ...]:
        """The sites of a block, by their numbers in it; `forms` gives the typing of each column by variant."""
        return tuple(
            PlanSite(site.function, site.level, forms[site.variant])
            for site in self.sites
            if self.variants[site.variant].block == block
        )


def _range_table(name: str, claims: list[tuple[Range, int]], matches: list[int]) -> Table:
    lows, highs, firsts, counts = [], [], [], []
    for cell in disjoint(claims):
        kept = cell.claims[:MAX_CLAIMS]
        lows.append(cell.range.lo)
        highs.append(cell.range.hi)
        firsts.append(len(matches))
        counts.append(len(kept))
        matches += kept
    if not lows:
        lows, highs, firsts, counts = [0], [0], [0], [0]
    return Table(
        name,
        (
            Column("lo", Type.I64, tuple(lows), sorted=True),
            Column("hi", Type.I64, tuple(highs)),
            Column("first", Type.I32, tuple(firsts)),
            Column("sites", Type.I32, tuple(counts)),
        ),
    )


def _shape(answer: Answer) -> Shape:
    match answer:
        case Found(variable, pieces):
            places = tuple((p.place, p.offset, p.size) for p in pieces)
            return Shape(variable.type, variable.by_reference, places, _partial_status(variable, pieces))
        case Missing(variable, status):
            return Shape(variable.type if variable else None, False, None, status)


def _partial_status(variable: Variable, pieces: Sequence[Piece]) -> Status:
    """Why parts of a variable that is there otherwise are missing: had elsewhere (not live here), or never kept."""
    missing = [p for p in pieces if p.place is Place.NOWHERE]
    kept = (p for r in variable.locations for p in r.pieces if p.place is not Place.NOWHERE)
    had = any(p.offset < m.offset + m.size and m.offset < p.offset + p.size for p in kept for m in missing)
    return Status.NOT_LIVE if had else Status.OPTIMIZED_OUT


def _numbers(answer: Answer) -> tuple[int, ...]:
    if isinstance(answer, Missing):
        return ()
    return tuple(register_word(p.value) if p.place is Place.REGISTER else p.value for p in answer.pieces)
