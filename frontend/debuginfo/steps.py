"""An abbreviation table as a program of steps for `skim.ll`, and the rows that it writes, as columns.

`starts` has for each abbreviation code where its steps begin in `steps`, 0 for none. A step is a word: what to read
(bits 0 to 3), the column of the row to put it in (4 to 6), a size (8 and up). A row is eight words: the number of
the shape and the entry's offset, up to five wanted values, and one that nobody wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo.abbrev import Abbreviation, AbbreviationTable
from sey.frontend.debuginfo.dwarf import ADDRESS_INDEXES, FIXED_SIZE, LEB128, REFERENCES_IN_UNIT, At, Form, Op, Tag
from sey.frontend.debuginfo.harvest import NOWHERE, Harvest, U64Array, wanted
from sey.frontend.debuginfo.units import Unit, Units

COLUMNS = 8
_FIRST, _UNWANTED = 2, 7
_END, _SKIP, _FIXED, _LEB, _STRING, _BLOCK, _SIZED, _PASS, _TROUBLE, _SIGNED = range(10)
_SIZED_BLOCKS = {Form.BLOCK1: 1, Form.BLOCK2: 2, Form.BLOCK4: 4}
_STRINGS = (Form.STRING, Form.STRP, Form.LINE_STRP)
_NUMBERS = (FIXED_SIZE.keys() | LEB128) - {
    *(Form.FLAG_PRESENT, Form.IMPLICIT_CONST, Form.DATA16, Form.STRP, Form.LINE_STRP, Form.SDATA),
    *(Form.STRP_SUP, Form.GNU_STRP_ALT, Form.REF_SUP4, Form.REF_SUP8, Form.GNU_REF_ALT, Form.REF_SIG8),
    *(Form.STRX, Form.STRX1, Form.STRX2, Form.STRX3, Form.STRX4),
}
_MAX_CODE = 1 << 16
_MAX_SKIP = 1 << 23


@dataclass(frozen=True)
class Shape:
    """A tag, and the wanted attributes with their forms, in the order of the row's columns."""

    tag: int
    parts: tuple[tuple[int, int], ...]

    def form(self, name: int) -> int:
        """The form of an attribute; 0 where the shape lacks it."""
        return next((form for attribute, form in self.parts if attribute == name), 0)

    def values(self, rows: U64Array, name: int) -> U64Array:
        """The column of an attribute that the shape has."""
        return rows[:, _FIRST + [attribute for attribute, _ in self.parts].index(name)]


@dataclass(frozen=True)
class Steps:
    """The program for a table."""

    starts: npt.NDArray[np.uint32]
    steps: npt.NDArray[np.uint32]
    shapes: tuple[Shape, ...]
    """A row's shape is one more than its number here."""


def compile_steps(table: AbbreviationTable) -> Steps:
    """The program for a table. An entry whose abbreviation it can't follow stops it."""
    codes = [code for code in table if 0 < code < _MAX_CODE]
    starts = np.zeros(max(codes, default=0) + 1, dtype=np.uint32)
    steps = [_TROUBLE]
    shapes: dict[Shape, int] = {}
    for code in codes:
        starts[code] = len(steps)
        steps += _entry(table[code], shapes)
    return Steps(starts, np.array(steps, dtype=np.uint32), tuple(shapes))


def _entry(abbreviation: Abbreviation, shapes: dict[Shape, int]) -> list[int]:
    keep = wanted(abbreviation.tag, frozenset(a.name for a in abbreviation.attributes))
    steps, pending, parts = list[int](), 0, list[tuple[int, int]]()
    for attribute in abbreviation.attributes:
        kept = attribute.name in keep
        if not kept and attribute.form in FIXED_SIZE:
            pending += FIXED_SIZE[attribute.form]
            continue
        column = _FIRST + len(parts) if kept else _UNWANTED
        step = _PASS if not kept and attribute.form in LEB128 else _step(attribute.form)
        if kept and attribute.form == Form.SDATA:
            step = _SIGNED
        if step is None or (kept and not _can_be_kept(attribute.name, attribute.form)) or column > _UNWANTED:
            return [_TROUBLE]
        steps += [_SKIP | pending << 8] * bool(pending) + [step | column << 4]
        pending = 0
        if kept:
            parts.append((attribute.name, attribute.form))
    if pending > _MAX_SKIP or len({name for name, _ in parts}) < len(parts):
        return [_TROUBLE]
    # Without a part there is nothing to file, and a row is 64 bytes where such an entry may be one.
    shape = shapes.setdefault(Shape(abbreviation.tag, tuple(parts)), len(shapes)) + 1 if parts else 0
    return [*steps, *[_SKIP | pending << 8] * bool(pending), _END | shape << 8]


def _step(form: int) -> int | None:
    if form == Form.DATA16:
        return _SKIP | 16 << 8
    if form in FIXED_SIZE:
        return _FIXED | FIXED_SIZE[form] << 8
    if form in LEB128:
        return _LEB
    if form in _SIZED_BLOCKS:
        return _SIZED | _SIZED_BLOCKS[Form(form)] << 8
    return {Form.STRING: _STRING, Form.EXPRLOC: _BLOCK, Form.BLOCK: _BLOCK}.get(Form(form)) if form in _KNOWN else None


_KNOWN = frozenset(int(form) for form in Form)


def _can_be_kept(name: int, form: int) -> bool:
    """Whether the row's word tells the value. Others are odd enough to be read one by one."""
    match name:
        case At.NAME:
            return form in _STRINGS
        case At.LOCATION:
            return form not in _STRINGS
        case At.CONST_VALUE if form == Form.SDATA:
            return True
    return form in _NUMBERS


class Rows:
    """Turns rows into columns, with what the numbers in them refer to."""

    def __init__(self, units: Units, go_units: Sequence[Unit]) -> None:
        self._units = units
        self._all = go_units
        self._starts = np.array([unit.offset for unit in go_units], dtype=np.uint64)

    def harvest(self, shapes: Sequence[Shape], rows: U64Array) -> list[Harvest]:
        """A harvest for each shape. Raises DamageError where an address or a name leads nowhere."""
        found = []
        for number, shape in enumerate(shapes):
            own = rows[rows[:, 0] == number + 1]
            if len(own):
                found.append(Harvest(**{**_NOTHING, **self._of(shape, own)}))  # type: ignore[arg-type]
        return found

    def _of(self, shape: Shape, rows: U64Array) -> dict[str, U64Array | list[bytes]]:
        match shape.tag:
            case Tag.SUBPROGRAM:
                return self._functions(shape, rows)
            case Tag.INLINED_SUBROUTINE if shape.form(At.ABSTRACT_ORIGIN):
                origins = self._references(shape, rows, At.ABSTRACT_ORIGIN)
                return {"inlined_die": rows[:, 1].copy(), "inlined_origin": origins}
            case Tag.INLINED_SUBROUTINE:
                return {}
            case Tag.VARIABLE if shape.form(At.GO_CLOSURE_OFFSET):
                return self._held(shape, rows, At.GO_CLOSURE_OFFSET, "captured", "at")
            case Tag.VARIABLE:
                return self._variables(shape, rows)
            case Tag.CONSTANT:
                return self._held(shape, rows, At.CONST_VALUE, "constant", "value")
        return self._types(shape, rows)

    def _functions(self, shape: Shape, rows: U64Array) -> dict[str, U64Array | list[bytes]]:
        found: dict[str, U64Array | list[bytes]] = {}
        dies = rows[:, 1].copy()
        if shape.form(At.NAME):
            names = self._names(shape, rows)
            named = np.array([bool(name) for name in names], dtype=bool)
            found |= {"named_die": dies[named], "named": [name for name in names if name]}
        if shape.form(At.LOW_PC) and shape.form(At.HIGH_PC):
            low, high = self._addresses(shape, rows, At.LOW_PC), shape.values(rows, At.HIGH_PC)
            if shape.form(At.HIGH_PC) != Form.ADDR:
                high = np.where(high > np.uint64(NOWHERE) - low, np.uint64(NOWHERE), low + high)
            has_origin = bool(shape.form(At.ABSTRACT_ORIGIN))
            origins = self._references(shape, rows, At.ABSTRACT_ORIGIN) if has_origin else dies
            columns = {"physical_die": dies, "physical_origin": origins, "physical_lo": low, "physical_hi": high}
            found |= {name: values.copy() for name, values in columns.items()}
        return found

    def _types(self, shape: Shape, rows: U64Array) -> dict[str, U64Array | list[bytes]]:
        names = self._names(shape, rows)
        named = np.array([bool(name) for name in names], dtype=bool)
        has_runtime = bool(shape.form(At.GO_RUNTIME_TYPE))
        runtime = shape.values(rows, At.GO_RUNTIME_TYPE) if has_runtime else np.zeros(len(rows), np.uint64)
        return {
            "type_die": rows[named, 1],
            "type_runtime": runtime[named],
            "type_names": [name for name in names if name],
        }

    def _variables(self, shape: Shape, rows: U64Array) -> dict[str, U64Array | list[bytes]]:
        blocks = (Form.EXPRLOC, Form.BLOCK, *_SIZED_BLOCKS)
        if not (shape.form(At.NAME) and shape.form(At.TYPE) and shape.form(At.LOCATION) in blocks):
            return {}
        raw, names = self._units.sections.info.raw, self._names(shape, rows)
        kinds = self._references(shape, rows, At.TYPE)
        kept, addresses = list[int](), list[int]()
        for number, word in enumerate(shape.values(rows, At.LOCATION).tolist()):
            at, size = word & 0xFFFFFFFF, word >> 32
            if size == 9 and raw[at] == Op.ADDR and names[number]:
                kept.append(number)
                addresses.append(int.from_bytes(raw[at + 1 : at + 9], "little"))
        return {
            "variable_die": rows[kept, 1],
            "variable_type": kinds[kept],
            "variable_address": np.array(addresses, dtype=np.uint64),
            "variable_names": [names[number] for number in kept],
        }

    def _held(
        self, shape: Shape, rows: U64Array, number: int, kind: str, column: str
    ) -> dict[str, U64Array | list[bytes]]:
        if not (shape.form(At.NAME) and shape.form(At.TYPE) and shape.form(number)):
            return {}
        names, kinds = self._names(shape, rows), self._references(shape, rows, At.TYPE)
        named = np.array([bool(name) for name in names], dtype=bool)
        return {
            f"{kind}_die": rows[named, 1],
            f"{kind}_type": kinds[named],
            f"{kind}_{column}": shape.values(rows, number)[named],
            f"{kind}_names": [name for name in names if name],
        }

    def _names(self, shape: Shape, rows: U64Array) -> list[bytes]:
        words = shape.values(rows, At.NAME)
        sections = self._units.sections
        if shape.form(At.NAME) != Form.STRING:
            strings = sections.strings if shape.form(At.NAME) == Form.STRP else sections.line_strings
            return [strings.cstring(at)[0] for at in words.tolist()]
        raw, starts = sections.info.raw, words & np.uint64(0xFFFFFFFF)
        ends = starts + (words >> np.uint64(32))
        return [raw[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def _references(self, shape: Shape, rows: U64Array, name: int) -> U64Array:
        values = shape.values(rows, name)
        if shape.form(name) not in REFERENCES_IN_UNIT:
            return values.copy()
        starts = self._starts[self._unit_of(rows)]
        return np.where(values > np.uint64(NOWHERE) - starts, np.uint64(NOWHERE), values + starts)

    def _addresses(self, shape: Shape, rows: U64Array, name: int) -> U64Array:
        values = shape.values(rows, name)
        if shape.form(name) not in ADDRESS_INDEXES:
            return values.copy()
        unit, addr = self._unit_of(rows), self._units.sections.addr
        bases = np.zeros(len(self._all), dtype=np.uint64)
        for number in np.unique(unit).tolist():
            bases[number] = self._units.address_base(self._all[number])
        most = np.uint64(addr.size)
        inside = (values < most) & (bases[unit] < most)
        at = np.where(inside, bases[unit] + np.minimum(values, most) * np.uint64(8), most)
        outside = np.flatnonzero(at + np.uint64(8) > most)
        if len(outside):
            first = int(outside[0])
            self._units.address(self._all[int(unit[first])], int(values[first]))  # says what is wrong
        octets = np.frombuffer(addr.raw, dtype=np.uint8)[at[:, None] + np.arange(8, dtype=np.uint64)]
        return octets.view("<u8")[:, 0].copy()

    def _unit_of(self, rows: U64Array) -> npt.NDArray[np.int64]:
        return np.searchsorted(self._starts, rows[:, 1], side="right").astype(np.int64) - 1


_NO_NUMBERS: U64Array = np.empty(0, dtype=np.uint64)
_NOTHING: dict[str, U64Array | list[bytes]] = {
    name: [] if name == "named" or name.endswith("_names") else _NO_NUMBERS for name in Harvest.__dataclass_fields__
}
_NOTHING["unit_rows"] = np.empty((0, 6), dtype=np.uint64)
