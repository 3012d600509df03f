"""Range lists: where inlined instances and lexical blocks are (DWARF 4 `.debug_ranges`, 5 `.debug_rnglists`)."""

from __future__ import annotations

import enum

from sey.frontend.debuginfo.data import Data
from sey.frontend.debuginfo.dwarf import ADDRESS_INDEXES, At, Form
from sey.frontend.debuginfo.model import Range
from sey.frontend.debuginfo.units import Die, Unit, Units

_BASE_SELECTION = (1 << 64) - 1
_MAX_ENTRIES = 1 << 16


class Rle(enum.IntEnum):
    """DW_RLE_*: kinds of entries of a DWARF 5 range list."""

    END_OF_LIST = 0
    BASE_ADDRESSX = 1
    STARTX_ENDX = 2
    STARTX_LENGTH = 3
    OFFSET_PAIR = 4
    BASE_ADDRESS = 5
    START_END = 6
    START_LENGTH = 7


def ranges_of(units: Units, die: Die) -> tuple[Range, ...]:
    """The ranges of an entry, ascending, touching ones joined; empty where it has none. Raises DamageError."""
    form, value = die.attributes.get(At.RANGES, (0, None))
    if isinstance(value, int):
        if form == Form.RNGLISTX:
            value = _by_number(units, die.unit, value)
        found = _rnglist(units, die.unit, value) if die.unit.version >= 5 else _debug_ranges(units, die.unit, value)
        return _joined(found)
    low = die.number(At.LOW_PC)
    form, high = die.attributes.get(At.HIGH_PC, (0, None))
    if low is None or not isinstance(high, int):
        return ()
    absolute = form == Form.ADDR or form in ADDRESS_INDEXES
    return _joined([Range(low, high if absolute else low + high)])


def _joined(found: list[Range]) -> tuple[Range, ...]:
    joined = list[Range]()
    for lo, hi in sorted(r for r in found if r.lo < r.hi):
        if joined and lo <= joined[-1].hi:
            joined[-1] = Range(joined[-1].lo, max(joined[-1].hi, hi))
        else:
            joined.append(Range(lo, hi))
    return tuple(joined)


def _by_number(units: Units, unit: Unit, number: int) -> int:
    data = units.sections.rnglists
    base = units.top(unit).number(At.RNGLISTS_BASE)
    if base is None:
        raise data.damaged(0, "a range list by number in a unit without DW_AT_rnglists_base")
    return base + data.uint(base + 4 * number, 4)


def _debug_ranges(units: Units, unit: Unit, at: int) -> list[Range]:
    data, base, found = units.sections.ranges, units.low_pc(unit), list[Range]()
    for _ in range(_MAX_ENTRIES):
        begin, end = data.uint(at, 8), data.uint(at + 8, 8)
        at += 16
        if begin == end == 0:
            return found
        if begin == _BASE_SELECTION:
            base = end
        else:
            found.append(Range(base + begin, base + end))
    raise data.damaged(at, "a range list without an end")


def _rnglist(units: Units, unit: Unit, at: int) -> list[Range]:
    data, base, found = units.sections.rnglists, units.low_pc(unit), list[Range]()
    for _ in range(_MAX_ENTRIES):
        kind = data.uint(at, 1)
        first, second, at = _operands(data, kind, at + 1)
        match kind:
            case Rle.END_OF_LIST:
                return found
            case Rle.BASE_ADDRESSX:
                base = units.address(unit, first)
            case Rle.BASE_ADDRESS:
                base = first
            case Rle.OFFSET_PAIR:
                found.append(Range(base + first, base + second))
            case Rle.STARTX_ENDX:
                found.append(Range(units.address(unit, first), units.address(unit, second)))
            case Rle.STARTX_LENGTH:
                start = units.address(unit, first)
                found.append(Range(start, start + second))
            case Rle.START_END:
                found.append(Range(first, second))
            case Rle.START_LENGTH:
                found.append(Range(first, first + second))
    raise data.damaged(at, "a range list without an end")


def _operands(data: Data, kind: int, at: int) -> tuple[int, int, int]:
    """The up to two operands of an entry, 0 for those it lacks, and the offset behind them."""
    match kind:
        case Rle.END_OF_LIST:
            return 0, 0, at
        case Rle.BASE_ADDRESSX:
            first, at = data.uleb(at)
            return first, 0, at
        case Rle.BASE_ADDRESS:
            return data.uint(at, 8), 0, at + 8
        case Rle.START_END:
            return data.uint(at, 8), data.uint(at + 8, 8), at + 16
        case Rle.START_LENGTH:
            second, end = data.uleb(at + 8)
            return data.uint(at, 8), second, end
        case Rle.OFFSET_PAIR | Rle.STARTX_ENDX | Rle.STARTX_LENGTH:
            first, at = data.uleb(at)
            second, at = data.uleb(at)
            return first, second, at
    raise data.damaged(at - 1, f"range list entry of kind {kind}")
