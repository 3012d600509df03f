"""A trace as Perfetto shows it: a track for each goroutine, calls as spans, all other events as instants.

The format is Chrome's JSON trace events ("Trace Event Format"), which ui.perfetto.dev opens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sey.binary.errors import SeyError
from sey.runtime.capture import Capture
from sey.runtime.database import Database
from sey.runtime.duck import quoted
from sey.runtime.file_errors import NoEvents
from sey.runtime.files import replacing

_LEAD = ("pid", "goid", "thread_id", "time_ns", "function", "duration", "stack_id")
_THERE = ("ok", "nil", "truncated")
_STACKS = """
select pid, stack_id, list(coalesce(function, printf('0x%x', pc)) order by depth) from frames
where not hidden group by all
"""


def to_perfetto(capture: Capture, database: Database, path: str) -> None:
    """Write the events of a capture. Raises SeyError, also where it has none."""
    if not any(process.facts.traced for process in capture.processes):
        raise SeyError(NoEvents(path))
    with replacing(path) as temporary, open(temporary, "x", encoding="utf-8", errors="surrogatepass") as file:
        file.write('{"displayTimeUnit":"ns","traceEvents":[')
        for number, event in enumerate(_Tracks(capture, database).events()):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        file.write("\n]}\n")


class _Tracks:
    """Numbers a track for each goroutine, and for each thread where no goroutine ran: their ids could be the same."""

    def __init__(self, capture: Capture, database: Database) -> None:
        self._capture, self._database = capture, database
        self._start = min(p.facts.monotonic_ns for p in capture.processes if p.facts.traced)
        self._tracks: dict[tuple[int, str, int], int] = {}
        self._stacks: dict[tuple[int, int], list[str]] = {
            (pid, stack): names for pid, stack, names in database.query(_STACKS).rows()
        }

    def events(self) -> Iterator[dict[str, Any]]:
        """All events, then what processes and tracks are called."""
        for table in self._database.tables():
            names = [name for name, _ in table.columns]
            captures = self._captures(table.name)
            if captures is not None and {"time_ns", "thread_id"} <= set(names):
                lead = [name for name in _LEAD if name in names]
                yield from self._table(table.name, lead, [name for name in captures if name in names])
        for facts in (process.facts for process in self._capture.processes):
            yield {"ph": "M", "name": "process_name", "pid": facts.pid, "args": {"name": facts.executable}}
        for order, ((pid, kind, number), track) in enumerate(sorted(self._tracks.items())):
            name, place = {"name": f"{kind} {number}"}, {"sort_index": order}
            yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": track, "args": name}
            yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": track, "args": place}

    def _captures(self, table: str) -> list[str] | None:
        """The captures of an event by their columns, None for another table."""
        plans = [b.events.plan for bundle in self._capture.bundles for b in bundle.binaries if b.events is not None]
        events = [event for plan in plans for event in plan.events if event.table == table]
        return list(dict.fromkeys(c.name for event in events for c in event.columns)) if events else None

    def _table(self, table: str, lead: list[str], captures: list[str]) -> Iterator[dict[str, Any]]:
        columns = [*lead, *(name for each in captures for name in (each, f"{each}__status"))]
        sql = f"select {', '.join(map(quoted, columns))} from {quoted(table)} order by time_ns"
        for row in self._database.query(sql).rows():
            of = dict(zip(lead, row, strict=False))
            values = zip(captures, row[len(lead) :: 2], row[len(lead) + 1 :: 2], strict=True)
            args = {name: value if status in _THERE else f"({status})" for name, value, status in values}
            if of.get("stack_id") is not None:
                args.setdefault("stack", self._stacks.get((of["pid"], of["stack_id"]), []))
            yield self._event(table, of, args)

    def _event(self, table: str, of: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
        kind, number = ("goroutine", of["goid"]) if of["goid"] else ("thread", of["thread_id"])
        track = self._tracks.setdefault((of["pid"], kind, number), len(self._tracks) + 1)
        event = {"name": of["function"], "cat": table, "pid": of["pid"], "tid": track, "args": args}
        end, length = of["time_ns"] - self._start, of.get("duration")
        if length is None:
            return {"ph": "i", "s": "t", "ts": end / 1000, **event}
        return {"ph": "X", "ts": (end - length) / 1000, "dur": length / 1000, **event}
