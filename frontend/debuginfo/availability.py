"""Where a variable can be had, in a form for people: what `sey vars` shows.

The share of the code says little by itself, since a snapshot finds most frames at a call. So the summary also says
what is lost where, and, given the calls of a body, at which of them the value is there.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sey.frontend.debuginfo.model import Body, LocationRange, Place, Range, Role, Variable


class Where(enum.Enum):
    """A variable's availability in one body, as a word."""

    EVERYWHERE = "everywhere"
    """The whole value is there in all of the variable's scope."""
    PARTLY = "in part of the code"
    """The value, or some of its bytes, is there in part of the scope."""
    ENTRY_ONLY = "at entry only"
    """Only up to the first call or so: registers of the function's own frame."""
    AT_RETURN = "when the function returns"
    """Of a result: only at the instructions that return, where the ABI says where it is."""
    NEVER = "never"
    """Optimized out, or described in a way that can't be believed; `Availability.reason` says which."""


@dataclass(frozen=True)
class LineRange:
    """Source lines `first` to `last` of `file`, where a variable can be had: all of it if `whole`, else some bytes."""

    file: str
    first: int
    last: int
    whole: bool


@dataclass(frozen=True)
class Availability:
    """Where one variable of one body can be had.

    `share` is the part of the scope's code bytes with the whole value, `partial_share` that with at least some bytes
    of it; both from 0 to 1. `waiting_share` counts only values in memory: those that a frame still has while it waits
    in a call, when registers belong to others. `at_entry` is true when the whole value is there at the first
    instruction. `lines` are in order of code. `reason` says why, where `where` is NEVER, or what was left out.
    """

    variable: Variable
    where: Where
    share: float
    partial_share: float
    waiting_share: float
    at_entry: bool
    lines: tuple[LineRange, ...]
    reason: str | None

    def text(self) -> str:
        """One phrase for a table."""
        match self.where:
            case Where.EVERYWHERE:
                return "whole function" if self.variable.depth == 0 else "whole scope"
            case Where.ENTRY_ONLY:
                return "at entry only"
            case Where.AT_RETURN:
                return str(self.where.value)
            case Where.NEVER:
                return f"never: {self.reason}"
        amount = f"{self.share:.0%} of the code"
        if self.share == 0:
            amount = f"some bytes in {self.partial_share:.0%} of the code"
        return f"{amount}{', at entry' if self.at_entry else ''}"


LineOf = Callable[[int], tuple[str, int] | None]


def availability(body: Body, variable: Variable, line_of: LineOf) -> Availability:
    """Summarise where `variable` of `body` can be had. `line_of` gives file and line of a code address."""
    scope = _size(variable.scope)
    ranges = [(r, part) for r in variable.locations for part in _clipped(r, variable)]
    whole = _size(part for r, part in ranges if _complete(r))
    waiting = _size(part for r, part in ranges if _complete(r) and _in_memory(r))
    partial = _size(part for _, part in ranges)
    at_entry = any(_complete(r) and part.holds(body.ranges[0].lo) for r, part in ranges)
    return Availability(
        variable,
        _at_return(variable, ranges) or _where(scope, whole, partial, waiting, at_entry),
        whole / scope if scope else 0.0,
        partial / scope if scope else 0.0,
        waiting / scope if scope else 0.0,
        at_entry,
        _lines(ranges, line_of),
        variable.problem or (None if ranges else "optimized out"),
    )


def _where(scope: int, whole: int, partial: int, waiting: int, at_entry: bool) -> Where:
    if not partial:
        return Where.NEVER
    if whole == scope:
        return Where.EVERYWHERE
    return Where.ENTRY_ONLY if at_entry and not waiting else Where.PARTLY


def _at_return(variable: Variable, ranges: Sequence[tuple[LocationRange, Range]]) -> Where | None:
    """A RET is one byte long, and no other location is."""
    only = variable.role is Role.RESULT and bool(ranges) and all(r.hi - r.lo == 1 for r, _ in ranges)
    return Where.AT_RETURN if only else None


def _clipped(location: LocationRange, variable: Variable) -> Iterable[Range]:
    """The parts of a location's range in which the name is in scope and the value is set."""
    for scope in variable.scope:
        lo = max(location.lo, scope.lo, variable.starts or 0)
        hi = min(location.hi, scope.hi)
        if lo < hi:
            yield Range(lo, hi)


def _size(ranges: Iterable[Range]) -> int:
    return sum(r.hi - r.lo for r in ranges)


def _complete(location: LocationRange) -> bool:
    return all(p.place is not Place.NOWHERE for p in location.pieces)


def _in_memory(location: LocationRange) -> bool:
    return all(p.place in (Place.CFA, Place.ADDRESS) for p in location.pieces)


_STEPS = 64


def _lines(ranges: Iterable[tuple[LocationRange, Range]], line_of: LineOf) -> tuple[LineRange, ...]:
    """Runs of source lines, sampled over each range; neighbours of one file and completeness are joined."""
    found = list[LineRange]()
    for location, part in ranges:
        step = max(1, (part.hi - part.lo) // _STEPS)
        places = [p for pc in range(part.lo, part.hi, step) if (p := line_of(pc))]
        for file in dict.fromkeys(file for file, _ in places):
            numbers = [line for other, line in places if other == file]
            found.append(LineRange(file, min(numbers), max(numbers), _complete(location)))
    joined = list[LineRange]()
    for r in found:
        last = joined[-1] if joined else None
        if (
            last
            and (last.file, last.whole) == (r.file, r.whole)
            and r.first <= last.last + 1
            and last.first <= r.last + 1
        ):
            joined[-1] = LineRange(r.file, min(last.first, r.first), max(last.last, r.last), r.whole)
        else:
            joined.append(r)
    return tuple(joined)
