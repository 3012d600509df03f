"""Names for the code addresses of a trace: of the stacks that came with events, and of the funcs that they captured.

symbols = event_symbols(log, plan, open_symbolizer(binary), bias)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sey.binary.symbolize import Symbolizer
from sey.ir.plan import FUNC_TYPE, STATUS_MASK, Plan, Status
from sey.runtime.events.log import EventLog
from sey.runtime.events.rows import row_places, stack_pcs, stack_places, walked
from sey.runtime.pages import U64Array
from sey.runtime.symbols import SymbolTable, entry_pcs, symbolize

_FUNC_BYTES = 16


class CodeAddresses(NamedTuple):
    """Distinct addresses, ascending: pcs of stacks, as stacks have them, and what funcs have as their code."""

    pcs: U64Array
    functions: U64Array


def code_addresses(log: EventLog, plan: Plan) -> CodeAddresses:
    """Every code address of a trace that wants a name. Raises SeyError where the log is damaged."""
    places = zip(plan.events, row_places(log, plan), strict=True)
    pcs = [stack_pcs(log, stack_places(log, plan, event, rows)) for event, rows in places]
    return CodeAddresses(_distinct(pcs), _distinct(list(_functions(log, plan))))


def event_symbols(log: EventLog, plan: Plan, symbolizer: Symbolizer, bias: int) -> SymbolTable:
    """The names of a trace's code, by the function table of its executable. Raises SeyError."""
    found = code_addresses(log, plan)
    return symbolize(symbolizer, np.union1d(found.pcs, entry_pcs(found.functions, symbolizer, bias)), bias)


def _functions(log: EventLog, plan: Plan) -> list[U64Array]:
    stream = next((stream for stream in plan.streams if stream.name == "object"), None)
    found: list[U64Array] = []
    for events, records in walked(log) if stream is not None else ():
        assert stream is not None
        met = records.of(stream)
        log.check(stream, met)
        objects = log.read(stream, met.place)
        funcs = (objects["type"] == FUNC_TYPE) & (objects["bytes"] >= _FUNC_BYTES)
        funcs &= (objects["status"] & STATUS_MASK) == Status.OK
        sizes = np.full(int(np.count_nonzero(funcs)), _FUNC_BYTES, dtype=np.int64)
        at = log.places(events[met.event[funcs]], objects["position"][funcs], sizes, "a func")
        found.append(np.unique(log.rows(at, 8).view("<u8")))
    return found


def _distinct(parts: list[U64Array]) -> U64Array:
    nothing: U64Array = np.zeros(0, dtype=np.uint64)
    return np.unique(np.concatenate([nothing, *parts]))
