"""Variables of generic code: which word of the dictionary tells their type, and where a frame has the dictionary.

Code is shared by instantiations whose type arguments have the same shape, and given a dictionary of what they don't
share (cmd/compile/internal/noder/reader.go, readerDict). Variables whose type depends on a type parameter have the
number of its word there: as a typedef of their type in the function's own entries; variables of inlinable functions
refer to an abstract entry instead, which has none, but the typedefs are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.dwarf import At, Tag
from sey.frontend.debuginfo.functions import Functions
from sey.frontend.debuginfo.locator import Locator
from sey.frontend.debuginfo.model import (
    Body,
    DictionaryWord,
    LocationRange,
    Piece,
    Place,
    Range,
    Role,
    TypeId,
    Variable,
)
from sey.frontend.debuginfo.prologue import FROM_CLOSURE, Store, first_stores, frame_of
from sey.frontend.debuginfo.types import Types
from sey.frontend.debuginfo.units import Die, Tree, Units

_DICTIONARY = ".dict"
_SHAPE = "go.shape."


@dataclass(frozen=True)
class Generics:
    """Finds dictionary words of one binary. The function table is opened when first needed."""

    units: Units
    types: Types
    functions: Functions
    locator: Locator
    open_table: Callable[[], PclnTab]
    _dictionaries: dict[int, tuple[LocationRange, ...]] = field(default_factory=dict)

    def word(self, variable: Variable, die: Die, body: Body) -> DictionaryWord | None:
        """What tells the type of a variable of a body, None where nothing does. Raises DamageError."""
        if body.inline_level or _SHAPE not in body.linkage:
            return None
        tree = self.functions.tree(body.die)
        index = self._index(variable, die, body, tree)
        if index is None:
            return None
        if body.die not in self._dictionaries:
            self._dictionaries[body.die] = self._dictionary(body, tree)
        found = self._dictionaries[body.die]
        return DictionaryWord(index, found) if found else None

    # --- which word ---

    def _index(self, variable: Variable, die: Die, body: Body, tree: Tree) -> int | None:
        declared = self.locator.declared(die)
        reference = declared.number(At.TYPE)
        own = None if reference is None else self.units.die(reference).number(At.GO_DICT_INDEX)
        if own is not None:
            return None if variable.by_reference else own
        noted = {
            index
            for child in tree.children
            if child.die.tag == Tag.TYPEDEF
            and (index := child.die.number(At.GO_DICT_INDEX)) is not None
            and self.types.reference(child.die) == variable.type
        }
        # What escaped or was captured has no number of its own, so that another's may be the only one of its shape.
        unsure = variable.by_reference or variable.role is Role.CAPTURED or declared is die
        if len(noted) != 1 or (unsure and not self._is_only_argument(variable.type, body.linkage)):
            return None
        return noted.pop()

    def _is_only_argument(self, type_id: TypeId, linkage: str) -> bool:
        """Whether a type is the shape of just one type argument of a function, and none other contains it."""
        name = self.types.type(type_id).name
        return name.startswith(_SHAPE) and linkage.count(name) == 1 and _arguments(linkage).count(name) == 1

    # --- where the dictionary is ---

    def _dictionary(self, body: Body, tree: Tree) -> tuple[LocationRange, ...]:
        try:
            table = self.open_table()
            frame = frame_of(table, body.physical.lo)
            stores = first_stores(table, frame) if frame else []
        except SeyError:
            return ()
        if frame is None:
            return ()
        found = self._anywhere(body, tree, stores)
        return tuple(_within(found, frame.ranges))

    def _anywhere(self, body: Body, tree: Tree, stores: Sequence[Store]) -> tuple[LocationRange, ...]:
        entry = next((c.die for c in tree.children if self.locator.declared(c.die).name == _DICTIONARY), None)
        if entry is not None and entry.tag in (Tag.FORMAL_PARAMETER, Tag.VARIABLE):
            kind = self.types.reference(self.locator.declared(entry))
            found = self.locator.locate(entry, kind, False, body, body.die)
            if entry.tag == Tag.VARIABLE and found.fixed:
                # What a closure captured is in its slot once it is there.
                return tuple(_filled(found.ranges, stores))
            if not found.fixed:
                return found.ranges
            # Go 1.27 gives a dictionary of optimized code one location, its home, whether it is ever put there or not.
        return self._kept(body, entry if entry is not None and entry.tag == Tag.FORMAL_PARAMETER else None, stores)

    def _kept(self, body: Body, entry: Die | None, stores: Sequence[Store]) -> tuple[LocationRange, ...]:
        """A dictionary that the function's first instructions store."""
        comes_in = self.locator.dictionary(body, entry)
        if comes_in is None or comes_in.registers is None:
            return ()
        done = [s.done for s in stores if (s.register, s.offset) == (comes_in.registers[0], comes_in.home)]
        if not done:
            return ()
        pieces = (Piece(Place.CFA, comes_in.home, 0, 8),)
        return (LocationRange(done[0], body.physical.hi, pieces),)


def _filled(locations: Iterable[LocationRange], stores: Sequence[Store]) -> Iterator[LocationRange]:
    """The locations, single slots, from where on the function's first instructions have stored there what a closure
    has."""
    for at in locations:
        slots = [p.value for p in at.pieces if p.place is Place.CFA]
        done = [s.done for s in stores if s.register == FROM_CLOSURE and [s.offset] == slots]
        if done:
            yield at._replace(lo=max(at.lo, done[0]))


def _within(locations: Iterable[LocationRange], ranges: Sequence[Range]) -> Iterator[LocationRange]:
    """The locations as far as the frame is there; those in registers as they are."""
    for at in locations:
        if any(p.place is not Place.CFA for p in at.pieces):
            yield at
            continue
        clipped = ((max(at.lo, r.lo), min(at.hi, r.hi)) for r in ranges)
        yield from (LocationRange(lo, hi, at.pieces) for lo, hi in clipped if lo < hi)


def _arguments(linkage: str) -> list[str]:
    """The type arguments in a function's name: `go.shape.int` and `main.T` of `main.f[go.shape.int,main.T]`."""
    found, depth, start = list[str](), 0, 0
    for at, letter in enumerate(linkage):
        if letter == "[" and not depth:
            start = at + 1
        elif letter in ",;" and depth == 1:
            found.append(linkage[start:at])
            start = at + 1
        elif letter == "]" and depth == 1:
            found.append(linkage[start:at])
        depth += {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}.get(letter, 0) if depth or letter == "[" else 0
    return found
