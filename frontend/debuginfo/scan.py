"""One fast pass over the entries of all Go units: what the index is made from.

Walking hundreds of thousands of entries in Python takes minutes of a budget of one second, so each abbreviation
table is compiled into one regular expression: a run of entries that don't matter, followed by one that does, whose
wanted attributes are groups. The engine then skips in C, and Python handles only what is kept: a fifth of all entries.
The expression is unambiguous (an entry's first byte picks its alternative), so a mismatch costs linear time; then, and
for tables with forms that no expression can skip, the unit is read entry by entry with `units.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from sey.frontend.debuginfo.abbrev import Abbreviation, AbbreviationTable
from sey.frontend.debuginfo.data import Data
from sey.frontend.debuginfo.dwarf import ADDRESS_INDEXES, FIXED_SIZE, LEB128, REFERENCES_IN_UNIT, At, Form, Op, Tag
from sey.frontend.debuginfo.units import Die, Unit, Units, Value

WANTED: dict[int, tuple[int, ...]] = {
    Tag.SUBPROGRAM: (At.NAME, At.ABSTRACT_ORIGIN, At.LOW_PC, At.HIGH_PC),
    Tag.INLINED_SUBROUTINE: (At.ABSTRACT_ORIGIN,),
    Tag.VARIABLE: (At.NAME, At.LOCATION, At.TYPE),
}
"""What is kept of functions and variables; types are kept by their attributes, see `_wanted`."""

_TYPE_ATTRIBUTES = (At.NAME, At.GO_RUNTIME_TYPE)
_LEB = rb"[\x80-\xff]*[\x00-\x7f]"
_BLOCK_SIZES = sorted(range(64), key=lambda n: (n not in (0, 1, 2, 3, 9), n))
"""Lengths of blocks that the expression knows, the commonest first. Go's have up to 9 bytes."""


@dataclass
class Harvest:
    """What the scan found, as parallel lists. Addresses are link-time ones, `die` and `origin` offsets of entries."""

    named: dict[int, bytes] = field(default_factory=dict)
    """Names of functions by entry, abstract ones included."""
    physical: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Out-of-line functions: entry, the entry that has the name, lo, hi."""
    inlined: list[int] = field(default_factory=list)
    """Inlined instances, by entry; they are most of what is kept, hence columns of numbers."""
    origins: list[int] = field(default_factory=list)
    """The abstract function that each of `inlined` is an instance of."""
    holders: list[int] = field(default_factory=list)
    """The number of the out-of-line function (in `physical`) that holds each of `inlined`."""
    types: list[tuple[bytes, int, int]] = field(default_factory=list)
    """Types: name, entry, DW_AT_go_runtime_type or 0."""
    variables: list[tuple[bytes, int, int]] = field(default_factory=list)
    """Package-level variables: name, type, address."""


def scan(units: Units) -> Harvest:
    """Read all Go units. Raises DamageError where their entries make no sense."""
    harvest = Harvest()
    scanners: dict[int, _Scanner | None] = {}
    for unit in units.go_units():
        if unit.abbrev_offset not in scanners:
            scanners[unit.abbrev_offset] = _compile(units.abbreviations(unit.abbrev_offset))
        _scan_unit(units, unit, scanners[unit.abbrev_offset], harvest)
    return harvest


Values = dict[int, tuple[int, Value]]


def _scan_unit(units: Units, unit: Unit, scanner: _Scanner | None, harvest: Harvest) -> None:
    sink = _Sink(units, unit, harvest)
    if scanner is None or not scanner.run(units.sections.info, unit, sink):
        sink.undo()
        for die in units.entries(unit):
            if die is not None and _wanted_of(die):
                sink.take(die.tag, die.offset, die.attributes, resolved=True)


def _wanted(tag: int, attributes: frozenset[int]) -> tuple[int, ...]:
    """The attributes to keep of entries with that tag and those attributes; empty for entries to skip.

    Only package-level variables are external, and only types that exist for Go's runtime or compiler (and not the
    typedefs that merely name them again) have a kind or a runtime type.
    """
    if tag == Tag.VARIABLE and At.EXTERNAL not in attributes:
        return ()
    if tag in WANTED:
        return WANTED[tag]
    return _TYPE_ATTRIBUTES if attributes & {At.GO_KIND, At.GO_RUNTIME_TYPE} and At.NAME in attributes else ()


def _wanted_of(die: Die) -> tuple[int, ...]:
    return _wanted(die.tag, frozenset(die.attributes))


def _lengths(harvest: Harvest) -> tuple[int, int, int, int]:
    return len(harvest.physical), len(harvest.types), len(harvest.variables), len(harvest.inlined)


class _Sink:
    """Files the kept entries of one unit in the harvest."""

    def __init__(self, units: Units, unit: Unit, harvest: Harvest) -> None:
        self._units = units
        self._unit = unit
        self._harvest = harvest
        self._before = _lengths(harvest)

    def undo(self) -> None:
        """Forget what this unit gave so far."""
        h = self._harvest
        del h.physical[self._before[0] :], h.types[self._before[1] :], h.variables[self._before[2] :]
        for numbers in (h.inlined, h.origins, h.holders):
            del numbers[self._before[3] :]

    def take(self, tag: int, offset: int, values: Values, *, resolved: bool) -> None:
        """File one entry. `resolved` says that addresses by number were looked up and references made absolute."""
        match tag:
            case Tag.SUBPROGRAM:
                self._function(offset, values, resolved)
            case Tag.INLINED_SUBROUTINE:
                origin = self._reference(values, At.ABSTRACT_ORIGIN, resolved)
                if origin is not None:
                    self.inlined(offset, origin)
            case Tag.VARIABLE:
                self._variable(values, resolved)
            case _:
                _, name = values.get(At.NAME, (0, b""))
                _, runtime = values.get(At.GO_RUNTIME_TYPE, (0, 0))
                if isinstance(name, bytes) and isinstance(runtime, int):
                    self.type(offset, name, runtime)

    def type(self, offset: int, name: bytes, runtime: int) -> None:
        """File a type."""
        if name:
            self._harvest.types.append((name, offset, runtime))

    def inlined(self, offset: int, origin: int) -> None:
        """File an inlined instance: it belongs to the out-of-line function that came last."""
        harvest, holder = self._harvest, len(self._harvest.physical) - 1
        if holder >= self._before[0]:
            harvest.inlined.append(offset)
            harvest.origins.append(origin)
            harvest.holders.append(holder)

    def _function(self, offset: int, values: Values, resolved: bool) -> None:
        _, name = values.get(At.NAME, (0, None))
        if name and isinstance(name, bytes):
            self._harvest.named[offset] = name
        low = self._address(values, At.LOW_PC, resolved)
        form, high = values.get(At.HIGH_PC, (0, None))
        if low is None or not isinstance(high, int):
            return
        origin = self._reference(values, At.ABSTRACT_ORIGIN, resolved)
        end = high if form == Form.ADDR else low + high
        self._harvest.physical.append((offset, offset if origin is None else origin, low, end))

    def _variable(self, values: Values, resolved: bool) -> None:
        _, name = values.get(At.NAME, (0, None))
        _, location = values.get(At.LOCATION, (0, b""))
        kind = self._reference(values, At.TYPE, resolved)
        if not name or not isinstance(name, bytes) or not isinstance(location, bytes) or kind is None:
            return
        if len(location) == 9 and location[0] == Op.ADDR:
            self._harvest.variables.append((name, kind, int.from_bytes(location[1:], "little")))

    def _reference(self, values: Values, name: int, resolved: bool) -> int | None:
        form, value = values.get(name, (0, None))
        if not isinstance(value, int):
            return None
        return value if resolved or form not in REFERENCES_IN_UNIT else value + self._unit.offset

    def _address(self, values: Values, name: int, resolved: bool) -> int | None:
        form, value = values.get(name, (0, None))
        if not isinstance(value, int):
            return None
        return self._units.address(self._unit, value) if form in ADDRESS_INDEXES and not resolved else value


# --- an abbreviation table as one regular expression ---


@dataclass(frozen=True)
class _Kept:
    """An alternative that is kept: its tag, and per wanted attribute its name, form, group and decoder."""

    tag: int
    parts: tuple[tuple[int, int, int, Callable[[bytes], Value]], ...]

    @cached_property
    def inlined(self) -> bool:
        """An inlined instance as Go writes it, with its origin as an absolute reference: the commonest by far."""
        return self.tag == Tag.INLINED_SUBROUTINE and [form for _, form, _, _ in self.parts] == [Form.REF_ADDR]

    @cached_property
    def plain_type(self) -> bool:
        """A type as Go writes it: its name, later its number."""
        written = [(name, form) for name, form, _, _ in self.parts]
        return self.tag not in WANTED and written == [(At.NAME, Form.STRING), (At.GO_RUNTIME_TYPE, Form.ADDR)]


class _Scanner:
    def __init__(self, pattern: re.Pattern[bytes], kept: dict[int, _Kept]) -> None:
        self._pattern = pattern
        self._kept = kept

    def run(self, info: Data, unit: Unit, sink: _Sink) -> bool:
        """Read a whole unit into `sink`; False where the entries don't fit the expression up to the unit's end."""
        match, at, kept = self._pattern.match, unit.entries, self._kept
        while found := match(info.raw, at, unit.end):
            at = found.end()
            number = found.lastindex
            if number is None:
                return at == unit.end
            entry = kept[number]
            if entry.inlined:
                sink.inlined(found.start(number), int.from_bytes(found[number + 1], "little"))
                continue
            if entry.plain_type:
                sink.type(found.start(number), found[number + 1][:-1], int.from_bytes(found[number + 2], "little"))
                continue
            values = {name: (form, decode(found[group])) for name, form, group, decode in entry.parts}
            sink.take(entry.tag, found.start(number), values, resolved=False)
        return False


def _compile(table: AbbreviationTable) -> _Scanner | None:
    """The scanner for a table, or None where it has a form that only code can skip."""
    skipped, kept_patterns, kept = [rb"\x00"], list[bytes](), dict[int, _Kept]()
    group = 1
    # Variables and parameters are most of all entries: their alternatives come first.
    for abbreviation in sorted(table.values(), key=lambda a: a.tag not in (Tag.VARIABLE, Tag.FORMAL_PARAMETER)):
        wanted = _wanted(abbreviation.tag, frozenset(a.name for a in abbreviation.attributes))
        pattern = _entry_pattern(abbreviation, wanted)
        if pattern is None:
            return None
        if not wanted:
            skipped.append(pattern)
            continue
        kept_patterns.append(b"(%s)" % pattern)
        parts = [(a.name, a.form, _decoder(a.form)) for a in abbreviation.attributes if a.name in wanted]
        if any(decode is None for _, _, decode in parts) or len({name for name, _, _ in parts}) < len(parts):
            return None
        numbered = ((name, form, group + 1 + i, decode) for i, (name, form, decode) in enumerate(parts) if decode)
        kept[group] = _Kept(abbreviation.tag, tuple(numbered))
        group += 1 + len(parts)
    run = b"(?:%s)*(?:%s)" % (b"|".join(skipped), b"|".join([*kept_patterns, rb"\Z"]))
    return _Scanner(re.compile(run, re.DOTALL), kept)


def _entry_pattern(abbreviation: Abbreviation, wanted: tuple[int, ...]) -> bytes | None:
    """One entry, its code included, with a group for each wanted attribute."""
    pattern, pending = [re.escape(_uleb(abbreviation.code))], 0
    for attribute in abbreviation.attributes:
        if attribute.name not in wanted and attribute.form in FIXED_SIZE:
            pending += FIXED_SIZE[attribute.form]
            continue
        part = _form_pattern(attribute.form)
        if part is None:
            return None
        pattern += [b".{%d}" % pending, b"(%s)" % part if attribute.name in wanted else part]
        pending = 0
    return b"".join([*pattern, b".{%d}" % pending])


def _form_pattern(form: int) -> bytes | None:
    if form in FIXED_SIZE:
        return b".{%d}" % FIXED_SIZE[form]
    if form in LEB128:
        return _LEB
    match form:
        case Form.STRING:
            return rb"[^\x00]*\x00"
        case Form.BLOCK1 | Form.EXPRLOC | Form.BLOCK:
            return b"(?:%s)" % b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in _BLOCK_SIZES)
    return None


def _decoder(form: int) -> Callable[[bytes], Value] | None:
    if form == Form.STRING:
        return lambda raw: raw[:-1]
    if form in (Form.BLOCK1, Form.EXPRLOC, Form.BLOCK):
        return lambda raw: raw[1:]
    if form in (Form.STRP, Form.LINE_STRP, Form.IMPLICIT_CONST, Form.FLAG_PRESENT, Form.SDATA):
        return None
    if form in FIXED_SIZE:
        return lambda raw: int.from_bytes(raw, "little")
    return _decode_uleb if form in LEB128 else None


def _decode_uleb(raw: bytes) -> int:
    value = 0
    for position, byte in enumerate(raw):
        value |= (byte & 0x7F) << (7 * position)
    return value


def _uleb(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def flat_scan(units: Units) -> Harvest:
    """The same harvest as `scan`, read entry by entry: slow, the check of the fast way."""
    harvest = Harvest()
    for unit in units.go_units():
        _scan_unit(units, unit, None, harvest)
    return harvest
