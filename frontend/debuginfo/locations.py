"""Location lists: where a variable is, by code address (DWARF 4 `.debug_loc`, 5 `.debug_loclists`)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from sey.frontend.debuginfo.data import DamageError, Data
from sey.frontend.debuginfo.dwarf import At, Form
from sey.frontend.debuginfo.expressions import BadLocationError, Spot, parse
from sey.frontend.debuginfo.model import LocationRange, Place, Range
from sey.frontend.debuginfo.placement import Matching, Shape, is_whole, whole
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


SpotEntry = tuple[int, int, list[Spot]]
"""Code from lo up to hi, and the spots of its expression."""


class Locations(NamedTuple):
    """What became of a variable's DW_AT_location.

    `ranges` are believable, ascending and apart. `problems` say what was left out, each once. `fixed` is true for one
    location that stands for the whole function: then nothing says from where on the value is set.
    """

    ranges: tuple[LocationRange, ...] = ()
    problems: tuple[str, ...] = ()
    fixed: bool = False


_BLOCKS = (Form.BLOCK1, Form.BLOCK2, Form.BLOCK4, Form.BLOCK, Form.EXPRLOC)


def read_entries(units: Units, die: Die, physical: Range) -> tuple[list[Entry], bool]:
    """The entries of a variable's DW_AT_location, and whether they are one expression for the whole function.

    Go writes expressions as DW_FORM_block1 even in DWARF 4 and 5, and lists as DW_FORM_sec_offset. Raises
    BadLocationError.
    """
    form, value = die.attributes.get(At.LOCATION, (0, None))
    if value is None:
        return [], False
    if isinstance(value, bytes) and form in _BLOCKS:
        return ([Entry(*physical, value)] if value else []), True
    if isinstance(value, int) and form in (Form.SEC_OFFSET, Form.LOCLISTX):
        try:
            return _list(units, die.unit, value, by_number=form == Form.LOCLISTX), False
        except DamageError as damage:
            raise BadLocationError(f"its location list is damaged ({damage})") from damage
    raise BadLocationError(f"its location has form {form:#x}, which isn't known")


WholeAt = Callable[[int], bool]
"""Whether something shows that the variable's whole value is at CFA + n."""


def locations_of(units: Units, die: Die, shape: Shape, physical: Range, whole_at: WholeAt) -> Locations:
    """The validated locations of a variable in the function at `physical`."""
    if shape.size == 0:
        return Locations((LocationRange(*physical, ()),))
    try:
        entries, fixed = read_entries(units, die, physical)
    except BadLocationError as bad:
        return Locations((), (str(bad),))
    problems, spots = dict[str, None](), list[SpotEntry]()
    for lo, hi, expression in entries:
        try:
            if not physical.lo <= lo <= hi or lo > physical.hi:
                raise BadLocationError("its location list reaches outside of the function")
            # The compiler's last entry may end behind the code that is left after jumps were shortened.
            found = parse(units, die.unit, expression)
            if found and lo < min(hi, physical.hi):
                spots.append((lo, min(hi, physical.hi), found))
        except BadLocationError as bad:
            problems[str(bad)] = None
    ranges = _placed(spots, shape, fixed, whole_at, problems)
    kept = _without_contradictions(ranges)
    if len(kept) < len(ranges):
        problems["its location list names two places at once"] = None
    return Locations(_merged(kept), tuple(problems), fixed)


def _placed(
    entries: list[SpotEntry], shape: Shape, fixed: bool, whole_at: WholeAt, problems: dict[str, None]
) -> list[LocationRange]:
    try:
        return [r for r in _ranges(entries, shape, fixed, whole_at, problems) if _somewhere(r)]
    except BadLocationError as bad:
        problems[str(bad)] = None
        return []


def _ranges(
    entries: list[SpotEntry], shape: Shape, fixed: bool, whole_at: WholeAt, problems: dict[str, None]
) -> list[LocationRange]:
    if shape.leaves is None or fixed:
        return [_whole(e, shape) for e in entries]
    wholes = [e for e in entries if is_whole(e[2])]
    pieced = [e for e in entries if not is_whole(e[2])]
    # Parameters that end up in memory, as all do in unoptimized code, come in registers leaf by leaf before.
    spilled = shape.kept_whole or bool(pieced)
    if spilled or (len(shape.leaves) > 1 and all(_is_shown(e, whole_at) for e in wholes)):
        return [_whole(e, shape) for e in wholes] + _matched(pieced, shape, problems)
    return _matched(entries, shape, problems)


def _somewhere(location: LocationRange) -> bool:
    return any(p.place is not Place.NOWHERE for p in location.pieces)


def _is_shown(entry: SpotEntry, whole_at: WholeAt) -> bool:
    _, _, spots = entry
    return spots[0].place is Place.CFA and whole_at(spots[0].value)


def _whole(entry: SpotEntry, shape: Shape) -> LocationRange:
    lo, hi, spots = entry
    if not is_whole(spots):
        raise BadLocationError("its location has pieces, though its type is kept as a whole")
    return LocationRange(lo, hi, whole(spots[0], shape.size))


def _matched(entries: list[SpotEntry], shape: Shape, problems: dict[str, None]) -> list[LocationRange]:
    if not entries:
        return []
    matching = Matching(shape, entries)
    if not matching.certain:
        problems["its debug information doesn't say which of its words are kept"] = None
    return [LocationRange(lo, hi, matching.pieces(spots)) for lo, hi, spots in entries]


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
