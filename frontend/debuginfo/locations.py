"""Location lists: where a variable is, by code address (DWARF 4 `.debug_loc`, 5 `.debug_loclists`)."""

from __future__ import annotations

import enum
from typing import NamedTuple

from sey.frontend.debuginfo.data import DamageError, Data
from sey.frontend.debuginfo.dwarf import At, Form
from sey.frontend.debuginfo.expressions import BadLocationError, pieces_of
from sey.frontend.debuginfo.model import LocationRange, Piece, Place, Range
from sey.frontend.debuginfo.units import Die, Unit, Units

_BASE_SELECTION = (1 << 64) - 1
_MAX_ENTRIES = 1 << 14


class Lle(enum.IntEnum):
    """DW_LLE_*: kinds of entries of a DWARF 5 location list."""

    END_OF_LIST = 0
    BASE_ADDRESSX = 1
    STARTX_ENDX = 2
    STARTX_LENGTH = 3
    OFFSET_PAIR = 4
    DEFAULT_LOCATION = 5
    BASE_ADDRESS = 6
    START_END = 7
    START_LENGTH = 8


class Entry(NamedTuple):
    """One entry of a list: an expression that holds while lo <= pc < hi."""

    lo: int
    hi: int
    expression: bytes


class Locations(NamedTuple):
    """What became of a variable's DW_AT_location.

    `ranges` are believable, ascending and apart. `problems` say what was left out, each once. `fixed` is true for one
    location that stands for the whole function: then nothing says from where on the value is set.
    """

    ranges: tuple[LocationRange, ...] = ()
    problems: tuple[str, ...] = ()
    fixed: bool = False


_BLOCKS = (Form.BLOCK1, Form.BLOCK2, Form.BLOCK4, Form.BLOCK, Form.EXPRLOC)


def locations_of(units: Units, die: Die, size: int, physical: Range) -> Locations:
    """The validated locations of a variable of `size` bytes in the function at `physical`.

    Go writes expressions as DW_FORM_block1 even in DWARF 4 and 5, and lists as DW_FORM_sec_offset.
    """
    if size == 0:
        return Locations((LocationRange(*physical, ()),))
    form, value = die.attributes.get(At.LOCATION, (0, None))
    if isinstance(value, bytes) and form in _BLOCKS:
        entries, fixed = ([Entry(*physical, value)] if value else []), True
    elif isinstance(value, int) and form in (Form.SEC_OFFSET, Form.LOCLISTX):
        try:
            entries, fixed = _list(units, die.unit, value, by_number=form == Form.LOCLISTX), False
        except DamageError as damage:
            return Locations((), (f"its location list is damaged ({damage})",))
    elif value is None:
        return Locations()
    else:
        return Locations((), (f"its location has form {form:#x}, which sey doesn't know",))
    return _validated(units, die.unit, entries, size, physical)._replace(fixed=fixed)


def _validated(units: Units, unit: Unit, entries: list[Entry], size: int, physical: Range) -> Locations:
    ranges, problems = list[LocationRange](), dict[str, None]()
    for lo, hi, expression in entries:
        try:
            if not physical.lo <= lo <= hi <= physical.hi:
                raise BadLocationError("its location list reaches outside of the function")
            pieces = pieces_of(units, unit, expression, size)
        except BadLocationError as bad:
            problems[str(bad)] = None
            continue
        if pieces is not None and lo < hi:
            ranges.append(LocationRange(lo, hi, pieces))
    kept = _without_contradictions(ranges)
    if len(kept) < len(ranges):
        problems["its location list names two places at once"] = None
    return Locations(_merged(kept), tuple(problems))


def _without_contradictions(ranges: list[LocationRange]) -> list[LocationRange]:
    """The ranges, ascending, without those that overlap another that says something else."""
    ordered = sorted(ranges, key=lambda r: (r.lo, r.hi))
    wrong, open_range = set[int](), 0
    for i in range(1, len(ordered)):
        if ordered[i].lo < ordered[open_range].hi and ordered[i].pieces != ordered[open_range].pieces:
            wrong |= {i, open_range}
        if ordered[i].hi > ordered[open_range].hi:
            open_range = i
    return [r for i, r in enumerate(ordered) if i not in wrong]


def _merged(ranges: list[LocationRange]) -> tuple[LocationRange, ...]:
    merged = list[LocationRange]()
    for r in ranges:
        if merged and r.lo <= merged[-1].hi and r.pieces == merged[-1].pieces:
            merged[-1] = LocationRange(merged[-1].lo, max(merged[-1].hi, r.hi), r.pieces)
        elif not merged or r.lo >= merged[-1].hi:
            merged.append(r)
    return tuple(merged)


def memory(pieces: tuple[Piece, ...]) -> list[tuple[int, int, Piece]]:
    """The stack bytes that pieces take: (start, end) as offsets from the CFA, and the piece."""
    return [(p.value, p.value + p.size, p) for p in pieces if p.place is Place.CFA]


# --- reading the lists ---


def _list(units: Units, unit: Unit, at: int, *, by_number: bool) -> list[Entry]:
    if unit.version < 5:
        return _debug_loc(units, unit, at)
    if by_number:
        data, base = units.sections.loclists, units.top(unit).number(At.LOCLISTS_BASE)
        if base is None:
            raise data.damaged(0, "a location list by number in a unit without DW_AT_loclists_base")
        at = base + data.uint(base + 4 * at, 4)
    return _loclist(units, unit, at)


def _debug_loc(units: Units, unit: Unit, at: int) -> list[Entry]:
    data, base, found = units.sections.loc, units.low_pc(unit), list[Entry]()
    for _ in range(_MAX_ENTRIES):
        begin, end = data.uint(at, 8), data.uint(at + 8, 8)
        at += 16
        if begin == end == 0:
            return found
        if begin == _BASE_SELECTION:
            base = end
            continue
        size = data.uint(at, 2)
        found.append(Entry(base + begin, base + end, data.take(at + 2, size)))
        at += 2 + size
    raise data.damaged(at, "a location list without an end")


def _loclist(units: Units, unit: Unit, at: int) -> list[Entry]:
    data, base, found = units.sections.loclists, units.low_pc(unit), list[Entry]()
    for _ in range(_MAX_ENTRIES):
        kind = data.uint(at, 1)
        first, second, at = _operands(data, kind, at + 1)
        match kind:
            case Lle.END_OF_LIST:
                return found
            case Lle.BASE_ADDRESSX:
                base = units.address(unit, first)
                continue
            case Lle.BASE_ADDRESS:
                base = first
                continue
            case Lle.OFFSET_PAIR:
                lo, hi = base + first, base + second
            case Lle.STARTX_ENDX:
                lo, hi = units.address(unit, first), units.address(unit, second)
            case Lle.STARTX_LENGTH:
                lo = units.address(unit, first)
                hi = lo + second
            case Lle.START_LENGTH:
                lo, hi = first, first + second
            case _:
                lo, hi = first, second
        size, at = data.uleb(at)
        found.append(Entry(lo, hi, data.take(at, size)))
        at += size
    raise data.damaged(at, "a location list without an end")


def _operands(data: Data, kind: int, at: int) -> tuple[int, int, int]:
    """The up to two operands before an entry's expression, 0 for those it lacks, and the offset behind them."""
    match kind:
        case Lle.END_OF_LIST:
            return 0, 0, at
        case Lle.BASE_ADDRESSX:
            first, at = data.uleb(at)
            return first, 0, at
        case Lle.BASE_ADDRESS:
            return data.uint(at, 8), 0, at + 8
        case Lle.START_END:
            return data.uint(at, 8), data.uint(at + 8, 8), at + 16
        case Lle.START_LENGTH:
            second, end = data.uleb(at + 8)
            return data.uint(at, 8), second, end
        case Lle.OFFSET_PAIR | Lle.STARTX_ENDX | Lle.STARTX_LENGTH:
            first, at = data.uleb(at)
            second, at = data.uleb(at)
            return first, second, at
    raise data.damaged(at - 1, f"location list entry of kind {kind}")
