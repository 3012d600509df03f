"""What every capture is made of, whatever was read: a running process or the core of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.binary.identity import identity
from sey.binary.symbolize import open_symbolizer
from sey.ir.plan import THREAD_MAX, Plan
from sey.runtime.bundle import BinaryProbe
from sey.runtime.capture import ProcessCapture, ProcessFacts
from sey.runtime.capture_errors import other_build
from sey.runtime.engine import Results
from sey.runtime.holding import find_holdings
from sey.runtime.symbols import distinct_pcs, function_pcs, symbolize
from sey.runtime.typenames import type_names

_MOST = (1 << 63) - 1


def require_build(probe: BinaryProbe, binary: GoBinary, target: str) -> None:
    """Raise SeyError (OtherBuild) unless the probe was made for that very executable; `target` is what runs it."""
    found = identity(binary.elf)
    if found != probe.identity:
        raise SeyError(other_build([probe], target, found))


def counts(plan: Plan, results: Results) -> tuple[dict[str, int], dict[str, int]]:
    """A run's counters by name, and for each table the frames left out since an operand of `when` was missing."""
    # Files and tables hold them with a sign, and a length that damaged memory claims can be any number.
    counters = {name: min(count, _MOST) for name, count in results.counters.items()}
    return counters, dict(zip((block.table for block in plan.blocks), results.when, strict=True))


def bare_notes(plan: Plan) -> tuple[str, ...]:
    """What to know of a capture whose program had no debug information."""
    if plan.layout is None:
        return ()
    return (f"no debug information (-ldflags=-w): no variables, runtime read by the table for {plan.layout}",)


def left_out_notes(threads: int) -> tuple[str, ...]:
    """What to know of a capture where a probe had no room for the registers of so many threads."""
    if not threads:
        return ()
    return (f"{threads} thread(s) beyond the {THREAD_MAX} that a probe holds: captured without registers",)


def assemble(facts: ProcessFacts, binary: GoBinary, plan: Plan, results: Results) -> ProcessCapture:
    """The capture of a process: pages, and the names of code and dynamic types by its executable. Raises SeyError."""
    symbolizer = open_symbolizer(binary)
    functions = function_pcs(plan, results.pages, symbolizer, facts.bias)
    pcs = np.union1d(distinct_pcs(plan, results.pages), functions)
    symbols = symbolize(symbolizer, pcs, facts.bias)
    names = type_names(binary, plan, results.pages, facts.bias)
    holdings = find_holdings(binary, plan, results.pages, facts.bias)
    return ProcessCapture(replace(facts, type_names=names, holdings=holdings), results.pages, symbols)
