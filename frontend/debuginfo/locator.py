"""Where the variables of a function are: location lists, matched with the type, the ABI and the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.abi import Assignment
from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.dwarf import At, Tag
from sey.frontend.debuginfo.expressions import BadLocationError, Spot, parse
from sey.frontend.debuginfo.frame import StackObjects
from sey.frontend.debuginfo.functions import Functions
from sey.frontend.debuginfo.incoming import Parameter, Passing, passing
from sey.frontend.debuginfo.leaves import kept_whole, leaves_of
from sey.frontend.debuginfo.locations import Locations, locations_of, read_entries
from sey.frontend.debuginfo.model import Body, Range, TypeId
from sey.frontend.debuginfo.placement import POINTER, Shape
from sey.frontend.debuginfo.ranges import ranges_of
from sey.frontend.debuginfo.residents import SMALLEST, Resident, resident, without_lies
from sey.frontend.debuginfo.types import Types
from sey.frontend.debuginfo.units import Die, Tree, Units


@dataclass(frozen=True)
class Spread:
    """An out-of-line function: its code, and the tree of its entries."""

    physical: Range
    tree: Tree


@dataclass(frozen=True)
class Locator:
    """Finds the locations of variables of one binary."""

    units: Units
    types: Types
    functions: Functions
    objects: StackObjects
    open_table: Callable[[], PclnTab]
    """Gives the function table."""
    _passings: dict[int, tuple[Passing, tuple[str, ...]]] = field(default_factory=dict)
    _residents: dict[int, tuple[Resident, ...]] = field(default_factory=dict)

    def declared(self, die: Die) -> Die:
        """The entry with name and type: the abstract one for variables of inlined and inlinable functions."""
        origin = die.number(At.ABSTRACT_ORIGIN)
        return die if origin is None else self.units.die(origin)

    def locate(self, die: Die, kind: TypeId, by_reference: bool, body: Body, physical_die: int) -> Locations:
        """The believable locations of a variable of type `kind` in `body`. Raises DamageError."""
        spread = Spread(body.physical, self.functions.tree(physical_die))
        shape = POINTER if by_reference else self._shape(die, kind, body)
        found = self._locations(die, shape, body.physical)
        if shape.size < SMALLEST or by_reference or found.fixed:
            return found
        kept = without_lies(die.offset, found.ranges, self._all_residents(spread))
        if kept == found.ranges:
            return found
        return found._replace(ranges=kept, problems=(*found.problems, "it shares its stack slot with another variable"))

    def _locations(self, die: Die, shape: Shape, physical: Range) -> Locations:
        objects = self.objects.at(physical.lo)
        return locations_of(self.units, die, shape, physical, lambda offset: objects.get(offset) == shape.size)

    def _shape(self, die: Die, kind: TypeId, body: Body) -> Shape:
        assignment = None
        if body.inline_level == 0 and die.tag == Tag.FORMAL_PARAMETER:
            assignment = self._incoming(body).get(die.offset)
        return self._plain_shape(kind, assignment, body.physical.lo)

    def _plain_shape(self, kind: TypeId, assignment: Assignment | None = None, entry_pc: int = 0) -> Shape:
        size, leaves = self.types.type(kind).size, leaves_of(self.types, kind)
        return Shape(size, leaves, kept_whole(self.types, kind), assignment, entry_pc)

    # --- how parameters come in, and results leave ---

    def results(self, body: Body) -> dict[str, Assignment]:
        """Where the results of an out-of-line function are when it returns, by name; none where that isn't sure."""
        passing, names = self._passing(body)
        return {name: place for name, place in zip(names, passing.results, strict=False) if place is not None}

    def dictionary(self, body: Body, die: Die | None) -> Assignment | None:
        """How the dictionary of generic code comes in, with the entry `die` or without; None where that isn't sure."""
        passing, _ = self._passing(body)
        return passing.dictionary if die is None else passing.parameters.get(die.offset)

    def _incoming(self, body: Body) -> Mapping[int, Assignment]:
        """How the parameters of an out-of-line function come in, by entry."""
        return self._passing(body)[0].parameters

    def _passing(self, body: Body) -> tuple[Passing, tuple[str, ...]]:
        if body.die not in self._passings:
            self._passings[body.die] = self._read_passing(body)
        return self._passings[body.die]

    def _read_passing(self, body: Body) -> tuple[Passing, tuple[str, ...]]:
        parameters, results = list[Parameter](), dict[str, TypeId]()
        for child in self.functions.tree(body.die).children:
            if child.die.tag != Tag.FORMAL_PARAMETER:
                continue
            declared = self.declared(child.die)
            kind = self.types.reference(declared)
            if declared.number(At.VARIABLE_PARAMETER):
                # Compilers list some results twice.
                results.setdefault(declared.name or str(child.die.offset), kind)
            else:
                parameters.append(Parameter(child.die.offset, kind, self._at_entry(child.die, body.physical)))
        size, generic = self._argument_bytes(body.physical.lo), "go.shape." in body.linkage
        return passing(self.types, parameters, list(results.values()), generic=generic, size=size), tuple(results)

    def _argument_bytes(self, entry: int) -> int | None:
        try:
            function = self.open_table().function_at(entry)
        except SeyError:
            return None
        return function.argument_bytes if function is not None and function.entry == entry else None

    def _at_entry(self, die: Die, physical: Range) -> Sequence[Spot]:
        try:
            entries, _ = read_entries(self.units, die, physical)
            first = next((e for e in entries if e.lo <= physical.lo < e.hi), None)
            return parse(self.units, die.unit, first.expression) if first else []
        except BadLocationError:
            return []

    # --- shared stack slots ---

    def _all_residents(self, spread: Spread) -> tuple[Resident, ...]:
        key = spread.tree.die.offset
        if key not in self._residents:
            self._residents[key] = tuple(self._read_residents(spread))
        return self._residents[key]

    def _read_residents(self, spread: Spread) -> Iterator[Resident]:
        scope: tuple[Range, ...] = (spread.physical,)
        pending = [(child, scope, 0) for child in spread.tree.children]
        while pending:
            node, scope, depth = pending.pop()
            if node.die.tag in (Tag.LEXICAL_BLOCK, Tag.INLINED_SUBROUTINE):
                try:
                    inner = ranges_of(self.units, node.die)
                except DamageError:
                    continue
                pending += ((child, inner, depth + 1) for child in node.children)
            elif node.die.tag in (Tag.VARIABLE, Tag.FORMAL_PARAMETER):
                yield from self._resident(node.die, spread.physical, scope, depth)

    def _resident(self, die: Die, physical: Range, scope: tuple[Range, ...], depth: int) -> list[Resident]:
        try:
            shape = self._plain_shape(self.types.reference(self.declared(die)))
        except (DamageError, KeyError):
            return []
        if shape.size < SMALLEST:
            return []
        found = self._locations(die, shape, physical)
        return [] if found.fixed else resident(die.offset, found.ranges, scope, depth)
