"""Functions and their bodies: out-of-line code, and every instance inlined elsewhere."""

from __future__ import annotations

from collections import OrderedDict

from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.dwarf import At, Tag
from sey.frontend.debuginfo.files import Files
from sey.frontend.debuginfo.index import Index, Place
from sey.frontend.debuginfo.model import Body, FunctionEntry, Range
from sey.frontend.debuginfo.names import stack_name
from sey.frontend.debuginfo.ranges import ranges_of
from sey.frontend.debuginfo.units import Die, Tree, Units

_TREES_KEPT = 512
_CODE = (Tag.INLINED_SUBROUTINE, Tag.LEXICAL_BLOCK)


class Functions:
    """Reads functions of one binary on demand."""

    def __init__(self, units: Units, index: Index) -> None:
        self._units = units
        self._index = index
        self.files = Files(units)
        self._trees: OrderedDict[int, Tree] = OrderedDict()
        self._levels: dict[int, dict[int, tuple[Tree, int]]] = {}

    def entry(self, name: str) -> FunctionEntry | None:
        """The function of that stack-trace name, or None. Raises DamageError."""
        linkages = self._index.linkages_of(name)
        if not linkages:
            return None
        die = self._units.die(self._index.name_die(linkages.start))
        file = die.number(At.DECL_FILE)
        return FunctionEntry(
            name,
            tuple(self._index.linkages[number] for number in linkages),
            self.files.name(die.unit, file) if file is not None else None,
            die.number(At.DECL_LINE),
            self._index.body_count(linkages),
        )

    def some_address(self, name: str) -> int | None:
        """An address at which code of the function begins. Raises DamageError."""
        places = [p for number in self._index.linkages_of(name) for p in self._index.places(number)]
        # Out-of-line code first: its address needs no look at the function around it.
        places.sort(key=lambda p: p.die != p.physical_die)
        return next((ranges[0].lo for p in places if (ranges := self._body(p).ranges)), None)

    def bodies(self, name: str) -> tuple[Body, ...]:
        """Every body of the function, by address; those without code are left out. Raises DamageError."""
        places = [p for number in self._index.linkages_of(name) for p in self._index.places(number)]
        bodies = (self._body(place) for place in places)
        return tuple(sorted((b for b in bodies if b.ranges), key=lambda b: (b.ranges[0].lo, b.inline_level, b.die)))

    def _body(self, place: Place) -> Body:
        name = stack_name(place.linkage)
        if place.die == place.physical_die:
            ranges = (place.physical,) if place.physical.lo < place.physical.hi else ()
            return Body(name, place.linkage, place.die, ranges, place.physical, place.container, 0)
        tree, level = self.instance(place.physical_die, place.die)
        die = tree.die
        file = die.number(At.CALL_FILE)
        return Body(
            name,
            place.linkage,
            place.die,
            tuple(r for r in ranges_of(self._units, die) if place.physical.lo <= r.lo < r.hi <= place.physical.hi),
            place.physical,
            place.container,
            level,
            self.files.name(die.unit, file) if file is not None else None,
            die.number(At.CALL_LINE),
        )

    def instance(self, physical_die: int, die: int) -> tuple[Tree, int]:
        """The entry of an inlined instance inside an out-of-line function, and its inline level. Raises DamageError."""
        found = self._instances(physical_die).get(die)
        if found is None:
            raise DamageError(f".debug_info at {die:#x}", "an inlined instance outside of its function")
        return found

    def _instances(self, physical_die: int) -> dict[int, tuple[Tree, int]]:
        found = self._levels.get(physical_die)
        if found is None:
            found, pending = {}, [(self.tree(physical_die), 0)]
            while pending:
                tree, level = pending.pop()
                if tree.die.tag == Tag.INLINED_SUBROUTINE:
                    level += 1
                    found[tree.die.offset] = (tree, level)
                pending += ((child, level) for child in tree.children if child.die.tag in _CODE)
            self._levels[physical_die] = found
        return found

    def tree(self, physical_die: int) -> Tree:
        """All entries of an out-of-line function; the most recently used are kept. Raises DamageError."""
        found = self._trees.get(physical_die)
        if found is None:
            found = self._trees[physical_die] = self._units.tree(physical_die)
            if len(self._trees) > _TREES_KEPT:
                old, _ = self._trees.popitem(last=False)
                self._levels.pop(old, None)
        self._trees.move_to_end(physical_die)
        return found

    def ranges(self, die: Die, within: Range) -> tuple[Range, ...]:
        """The ranges of a lexical block, clipped to `within`. Raises DamageError."""
        clipped = (Range(max(r.lo, within.lo), min(r.hi, within.hi)) for r in ranges_of(self._units, die))
        return tuple(r for r in clipped if r.lo < r.hi)
