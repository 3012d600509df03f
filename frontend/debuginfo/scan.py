"""One fast pass over the entries of all Go units: what the index is made from.

There are three ways, and all find the same: machine code, one regular expression for each abbreviation table, and the
plain reader of `units.py`, entry by entry. The fast ones give a unit up as soon as something in it isn't as Go
writes it; it is then read plainly, which also finds the words for what is wrong.
"""

from __future__ import annotations

from sey.frontend.debuginfo.harvest import Harvest, Sink, merge
from sey.frontend.debuginfo.native import kernel, scan_natively
from sey.frontend.debuginfo.patterns import Pattern, compile_pattern
from sey.frontend.debuginfo.units import Units

_WORTH_COMPILING = 1 << 20
"""Bytes of `.debug_info` that the expression reads in the time that LLVM takes to load."""


def scan(units: Units) -> Harvest:
    """Read all Go units. Raises DamageError where their entries make no sense."""
    if units.sections.info.size >= _WORTH_COMPILING and (compiled := kernel()) is not None:
        return scan_natively(units, list(units.go_units()), compiled)
    return scan_by_pattern(units)


def scan_by_pattern(units: Units) -> Harvest:
    """The same without compiled code."""
    sink, go_units = Sink(units), list(units.go_units())
    patterns: dict[int, Pattern | None] = {}
    for unit in go_units:
        if unit.abbrev_offset not in patterns:
            patterns[unit.abbrev_offset] = compile_pattern(units.abbreviations(unit.abbrev_offset))
        pattern, mark = patterns[unit.abbrev_offset], sink.mark()
        if pattern is None or not pattern.run(units.sections.info, unit, sink):
            sink.undo(mark)
            for die in units.entries(unit):
                if die is not None:
                    sink.die(die)
    return merge([sink.part()], units, go_units)


def scan_plainly(units: Units) -> Harvest:
    """The same entry by entry: slow, the check of the fast ways."""
    sink, go_units = Sink(units), list(units.go_units())
    for unit in go_units:
        for die in units.entries(unit):
            if die is not None:
                sink.die(die)
    return merge([sink.part()], units, go_units)
