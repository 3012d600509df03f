"""Compilation units and single entries (DIEs) of `.debug_info`, for the details that a spec names.

Everything is read on demand and checked; a walk over all entries is `scan.py`'s job.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo.abbrev import Abbreviation, AbbreviationTable, read_abbreviations
from sey.frontend.debuginfo.dwarf import (
    ADDRESS_INDEXES,
    FIXED_SIZE,
    LANGUAGE_GO,
    LEB128,
    REFERENCES_IN_UNIT,
    At,
    Form,
    Tag,
)
from sey.frontend.debuginfo.sections import DwarfSections

_DWARF64 = 0xFFFFFFF0
_UNIT_COMPILE = 1
_MAX_DEPTH = 512
_UNIT_TAGS = (Tag.COMPILE_UNIT, Tag.PARTIAL_UNIT, Tag.TYPE_UNIT, Tag.SKELETON_UNIT)
_STRINGS_AT = {Form.STRP: "strings", Form.LINE_STRP: "line_strings"}
_BLOCK_LENGTH = {Form.BLOCK1: 1, Form.BLOCK2: 2, Form.BLOCK4: 4}

Value = int | bytes


@dataclass(frozen=True, eq=False)
class Unit:
    """A unit's header. Offsets are into `.debug_info`; entries lie from `entries` up to `end`."""

    offset: int
    end: int
    entries: int
    version: int
    abbrev_offset: int


@dataclass(frozen=True, slots=True)
class Die:
    """One entry. `attributes` maps DW_AT numbers to (form, value): strings and blocks as bytes, the rest as ints.

    References are offsets into `.debug_info`, addresses are resolved through `.debug_addr`; `end` is behind the entry.
    """

    offset: int
    end: int
    tag: int
    has_children: bool
    unit: Unit
    attributes: dict[int, tuple[int, Value]]

    def number(self, name: int) -> int | None:
        """A numeric attribute, or None where the entry lacks it or has a block or string instead."""
        value = self.attributes.get(name, (0, b""))[1]
        return value if isinstance(value, int) else None

    def text(self, name: int) -> str | None:
        """A string attribute, or None."""
        value = self.attributes.get(name, (0, 0))[1]
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else None

    @property
    def name(self) -> str | None:
        """DW_AT_name."""
        return self.text(At.NAME)


@dataclass(frozen=True, slots=True)
class Tree:
    """An entry with all below it."""

    die: Die
    children: list[Tree] = field(default_factory=list)


class UnitTable:
    """Units by offset, out of rows of numbers (see `Harvest.unit_rows`); a unit is one object however often found."""

    def __init__(self, rows: npt.NDArray[np.integer]) -> None:
        self._rows = rows
        self._known: dict[int, Unit] = {}

    def before(self, offset: int) -> Unit | None:
        """The last unit that begins at an offset or before it."""
        number = int(np.searchsorted(self._rows[:, 0], offset, side="right")) - 1
        if number < 0:
            return None
        if number not in self._known:
            start, end, entries, version, abbrev, _ = self._rows[number].tolist()
            self._known[number] = Unit(start, end, entries, version, abbrev)
        return self._known[number]


class Units:
    """All units of one file."""

    def __init__(self, sections: DwarfSections) -> None:
        self.sections = sections
        self._table: UnitTable | None = None
        self._abbreviations: dict[int, AbbreviationTable] = {}
        self._abbreviated = 0
        self._tops: dict[int, Die] = {}
        self._address_bases: dict[int, int] = {}

    def use_table(self, table: UnitTable) -> None:
        """Find units in a table made earlier, instead of reading all headers for it."""
        self._table = table

    @cached_property
    def all(self) -> list[Unit]:
        """The compilation units of a readable version, by offset. Raises DamageError where headers don't chain."""
        return list(self._headers())

    @cached_property
    def _offsets(self) -> list[int]:
        return [unit.offset for unit in self.all]

    def _headers(self) -> Iterator[Unit]:
        info, at = self.sections.info, 0
        while at < info.size:
            length, header = info.uint(at, 4), at + 4
            readable = length < _DWARF64
            if not readable:
                length, header = info.uint(at + 4, 8), at + 12
            end = header + length
            if end > info.size or length < 7:
                raise info.damaged(at, f"a unit of {length} bytes in a section of {info.size}")
            if readable and (unit := self._header(at, header, end)):
                yield unit
            at = end

    def _header(self, offset: int, at: int, end: int) -> Unit | None:
        info = self.sections.info
        version = info.uint(at, 2)
        if version == 4:
            abbrev, size, entries = info.uint(at + 2, 4), info.uint(at + 6, 1), at + 7
        elif version == 5 and info.uint(at + 2, 1) == _UNIT_COMPILE:
            abbrev, size, entries = info.uint(at + 4, 4), info.uint(at + 3, 1), at + 8
        else:
            return None
        return Unit(offset, end, entries, version, abbrev) if size == 8 and entries < end else None

    def go_units(self) -> Iterator[Unit]:
        """The units that hold Go code, by offset. A unit whose first entry can't be read raises DamageError."""
        return (unit for unit in self.all if self.top(unit).number(At.LANGUAGE) == LANGUAGE_GO)

    def at(self, offset: int) -> Unit:
        """The unit that holds an offset. Raises DamageError where none does."""
        if self._table is not None:
            unit = self._table.before(offset)
        else:
            found = bisect_right(self._offsets, offset) - 1
            unit = self.all[found] if found >= 0 else None
        if unit is None or not unit.entries <= offset < unit.end:
            raise self.sections.info.damaged(offset, "no unit holds this entry")
        return unit

    def top(self, unit: Unit) -> Die:
        """The unit's own entry."""
        found = self._tops.get(unit.offset)
        if found is None:
            found = self._tops[unit.offset] = self._top(unit)
        return found

    def _top(self, unit: Unit) -> Die:
        die = self._read(unit, unit.entries, resolve=False)
        if die is None or die.tag not in _UNIT_TAGS:
            raise self.sections.info.damaged(unit.entries, "a unit that doesn't begin with a compilation unit's entry")
        return die

    def abbreviations(self, offset: int) -> AbbreviationTable:
        """The abbreviation table at an offset. Raises DamageError where there is none."""
        found = self._abbreviations.get(offset)
        if found is None:
            abbrev = self.sections.abbrev
            found = self._abbreviations[offset] = read_abbreviations(abbrev, offset)
            # Tables lie behind each other. Units that each name a place in one would read it once each.
            self._abbreviated += sum(1 + len(abbreviation.attributes) for abbreviation in found.values())
            if self._abbreviated > abbrev.size:
                raise abbrev.damaged(offset, "tables of abbreviations that lie over each other")
        return found

    def die(self, offset: int) -> Die:
        """The entry at an offset. Raises DamageError where there is none."""
        die = self._read(self.at(offset), offset)
        if die is None:
            raise self.sections.info.damaged(offset, "an end of children where an entry was expected")
        return die

    def entries(self, unit: Unit) -> Iterator[Die | None]:
        """All entries of a unit flatly, in order; None is an end of children."""
        at = unit.entries
        while at < unit.end:
            die = self._read(unit, at)
            at = die.end if die else at + 1
            yield die

    def children(self, die: Die) -> list[Die]:
        """The direct children of an entry."""
        return [child.die for child in self.tree(die.offset).children]

    def tree(self, offset: int) -> Tree:
        """The entry at an offset with everything below it."""
        root = Tree(self.die(offset))
        if not root.die.has_children:
            return root
        unit, at, open_trees = root.die.unit, root.die.end, [root]
        while open_trees:
            die = self._read(unit, at)
            if die is None:
                open_trees.pop()
                at += 1
                continue
            tree = Tree(die)
            open_trees[-1].children.append(tree)
            at = die.end
            if die.has_children:
                open_trees.append(tree)
            if len(open_trees) > _MAX_DEPTH:
                raise self.sections.info.damaged(at, f"entries nested more than {_MAX_DEPTH} deep")
        return root

    def _read(self, unit: Unit, at: int, *, resolve: bool = True) -> Die | None:
        info = self.sections.info
        code, position = info.uleb(at)
        if at >= unit.end:
            raise info.damaged(at, "entries run past the end of their unit")
        if code == 0:
            return None
        abbreviation = self.abbreviations(unit.abbrev_offset).get(code)
        if abbreviation is None:
            raise info.damaged(at, f"abbreviation {code} is not in the unit's table")
        return self._attributes(unit, at, position, abbreviation, resolve)

    def _attributes(self, unit: Unit, at: int, position: int, abbreviation: Abbreviation, resolve: bool) -> Die:
        found: dict[int, tuple[int, Value]] = {}
        for attribute in abbreviation.attributes:
            form, value, position = self._value(unit, attribute.form, position, attribute.constant)
            if resolve and form in ADDRESS_INDEXES and isinstance(value, int):
                value = self.address(unit, value)
            found[attribute.name] = (form, value)
        if position > unit.end:
            raise self.sections.info.damaged(at, "an entry runs past the end of its unit")
        return Die(at, position, abbreviation.tag, abbreviation.children, unit, found)

    def _value(self, unit: Unit, form: int, at: int, constant: int) -> tuple[int, Value, int]:
        info = self.sections.info
        if form == Form.STRING:
            text, at = info.cstring(at)
            return form, text, at
        if form == Form.IMPLICIT_CONST:
            return form, constant, at
        if form == Form.FLAG_PRESENT:
            return form, 1, at
        if form in FIXED_SIZE:
            number, at = info.uint(at, FIXED_SIZE[form]), at + FIXED_SIZE[form]
        elif form in LEB128:
            number, at = info.sleb(at) if form == Form.SDATA else info.uleb(at)
        else:
            return self._block(form, at)
        if form in _STRINGS_AT:
            return form, getattr(self.sections, _STRINGS_AT[Form(form)]).cstring(number)[0], at
        return form, number + unit.offset if form in REFERENCES_IN_UNIT else number, at

    def _block(self, form: int, at: int) -> tuple[int, Value, int]:
        info = self.sections.info
        if form in _BLOCK_LENGTH:
            width = _BLOCK_LENGTH[Form(form)]
            size, at = info.uint(at, width), at + width
        elif form in (Form.EXPRLOC, Form.BLOCK):
            size, at = info.uleb(at)
        else:
            raise info.damaged(at, f"attribute form {form:#x} is not known")
        return form, info.take(at, size), at + size

    def address(self, unit: Unit, index: int) -> int:
        """The address with a number in the unit's part of `.debug_addr`."""
        return self.sections.addr.uint(self.address_base(unit) + 8 * index, 8)

    def address_base(self, unit: Unit) -> int:
        """Where the unit's part of `.debug_addr` begins."""
        base = self._address_bases.get(unit.offset)
        if base is None:
            base = self.top(unit).number(At.ADDR_BASE)
            if base is None:
                raise self.sections.info.damaged(unit.offset, "an address by number in a unit without DW_AT_addr_base")
            self._address_bases[unit.offset] = base
        return base

    def low_pc(self, unit: Unit) -> int:
        """The base that the unit's ranges and location lists count from."""
        form, value = self.top(unit).attributes.get(At.LOW_PC, (0, 0))
        if not isinstance(value, int):
            return 0
        return self.address(unit, value) if form in ADDRESS_INDEXES else value
