"""Names for the code addresses that events hold: of their stacks, and of the funcs among their values."""

from __future__ import annotations

import numpy as np

from sey.binary.symbolize import Symbolizer
from sey.ir.plan import FUNC_TYPE, PC_EXACT, STATUS_MASK, Plan, Status
from sey.runtime.events.log import EventLog
from sey.runtime.events.rows import row_places, stack_pcs, stack_places, walked
from sey.runtime.pages import U64Array
from sey.runtime.symbols import SymbolTable, symbolize

_EXACT = np.uint64(PC_EXACT)


def symbols_of(log: EventLog, plan: Plan, symbolizer: Symbolizer, bias: int) -> SymbolTable:
    """The names of all code addresses in a log. Raises SeyError where it is damaged."""
    places = zip(plan.events, row_places(log, plan), strict=True)
    pcs = [stack_pcs(log, stack_places(log, plan, event, rows)) for event, rows in places if event.stack]
    pcs.append(_functions(log, plan, symbolizer, bias))
    found = np.unique(np.concatenate(pcs))
    return symbolize(symbolizer, found[(found & ~_EXACT) != 0], bias)


def _functions(log: EventLog, plan: Plan, symbolizer: Symbolizer, bias: int) -> U64Array:
    """The pcs that funcs hold. What isn't a function's first instruction is no func's."""
    stream = next(s for s in plan.streams if s.name == "object")
    found = [np.zeros(0, dtype=np.uint64)]
    for events, records in walked(log):
        met = records.of(stream)
        log.check(stream, met)
        objects = log.read(stream, met.place)
        there = (objects["status"] & STATUS_MASK) == Status.OK
        there &= (objects["type"] == FUNC_TYPE) & (objects["bytes"] >= 16)
        sizes = np.full(int(there.sum()), 8, dtype=np.int64)
        places = log.places(events[met.event[there]], objects["position"][there], sizes, "a func")
        found.append(np.unique(log.rows(places, 8).view("<u8").reshape(-1)))
    pcs = np.concatenate(found)
    return np.asarray(pcs[np.isin(pcs - np.uint64(bias & (1 << 64) - 1), symbolizer.table.entries)] | _EXACT)
