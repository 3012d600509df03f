"""Events one by one, while they are streamed: for lines on a terminal, and of JSON.

for event in decode_batch(log, facts, plan, symbols): print(json.dumps(event))
"""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np

from sey.ir.plan import Plan
from sey.runtime.capture import ProcessFacts
from sey.runtime.decode import times
from sey.runtime.decode.blocktables import functions
from sey.runtime.decode.columns import DecodedColumn
from sey.runtime.decode.events import DecodedEvents, decode_events
from sey.runtime.decode.stacks import NO_STACK, Stacks, frames_table
from sey.runtime.decode.vectors import Times
from sey.runtime.events.log import EventLog
from sey.runtime.pages import I64Array
from sey.runtime.symbols import SymbolTable

Event = dict[str, Any]
"""An event as JSON has it: `event` (the table), `pid`, `goid`, `thread_id`, `time` (RFC 3339), `time_ns` (monotonic),
`function`; of returns `duration` (ns, or None); with stacks `stack`, the frames from the innermost on, each `function`,
`file`, `line` (or None) and `inlined`; and the captures by name. A value is what it is in JSON within other values, so
one that is missing is `{"$status": …}`."""

_NEGATIVE_ZERO = "-0"
"""That of a float."""


def decode_batch(log: EventLog, facts: ProcessFacts, plan: Plan, symbols: SymbolTable) -> list[Event]:
    """The events of a log by time. Raises SeyError where it is damaged.

    Of `facts`, the pid, both clocks, `programs`, `type_words` and `type_names` matter. `symbols` has names for the code
    addresses of this log (`runtime.events.symbols`).
    """
    traced = decode_events(log, facts, plan, symbols)
    stacks = _frames(traced.stacks)
    found: list[tuple[int, Event]] = []
    for rows in traced.rows:
        for part in rows.slices() if len(rows) else ():
            found += zip(rows.time.tolist(), _events(cast(DecodedEvents, part), stacks), strict=True)
    return [event for _, event in sorted(found, key=lambda each: each[0])]


def _events(rows: DecodedEvents, stacks: dict[int, list[Event]]) -> list[Event]:
    count = len(rows)
    columns: dict[str, list[Any]] = {
        "event": [rows.block.table] * count,
        "pid": [rows.pid] * count,
        "goid": rows.goid.tolist(),
        "thread_id": rows.thread.tolist(),
        "time": _texts(rows.unix),
        "time_ns": rows.time.tolist(),
        "function": functions.of(rows).to_pylist(),
    }
    if rows.block.moment == "return":
        columns["duration"] = [each if each >= 0 else None for each in rows.duration.tolist()]
    captures = {column.column.name: _values(column) for column in rows.columns}
    if rows.block.stack:
        # A capture may be called so; it stays.
        columns["stack"] = [None if each == NO_STACK else stacks[each] for each in rows.stack.tolist()]
    names = tuple(columns | captures)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns | captures).values(), strict=True)]


def _values(column: DecodedColumn) -> list[Any]:
    # One text for all is read much faster than one for each, and without looking at each number.
    text = f"[{','.join(column.inner_json().to_pylist())}]"
    return cast(list[Any], json.loads(text, parse_int=_number) if _NEGATIVE_ZERO in text else json.loads(text))


def _number(digits: str) -> int | float:
    return -0.0 if digits == _NEGATIVE_ZERO else int(digits)


def _texts(unix: I64Array) -> list[str]:
    nothing = np.zeros(len(unix), dtype=np.bool_)
    seconds, nanoseconds = np.divmod(unix, 1_000_000_000)
    return cast(list[str], times.texts(Times(seconds, nanoseconds, nothing, unix, nothing)).to_pylist())


def _frames(stacks: Stacks) -> dict[int, list[Event]]:
    """The frames of each stack that Go's own dump would show."""
    found: dict[int, list[Event]] = {number: [] for number in stacks.id.tolist()}
    table = frames_table(stacks, 0).to_pydict()
    names = ("function", "file", "line", "inlined")
    frames = zip(*(table[name] for name in names), strict=True)
    for number, hidden, frame in zip(table["stack_id"], table["hidden"], frames, strict=True):
        if not hidden:
            found[number].append(dict(zip(names, frame, strict=True)))
    return found
