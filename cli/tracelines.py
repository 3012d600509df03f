"""Events as lines: for people aligned and coloured, for programs a JSON object each."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

import click

from sey.cli.output import printable
from sey.ir.plan import PlanEvent
from sey.runtime.events.reading import Row, Value
from sey.runtime.wording import duration

_SHOWN = ("ok", "truncated", "nil")
_MOST_VALUE = 200
"""Characters of a value on a terminal."""


def json_line(row: Row) -> str:
    """One event as a JSON object. Missing and cut values are objects that say why, as in `query --json`."""
    members = [
        f'"event":{json.dumps(row.event)},"time":"{_utc(row.unix_ns)}","pid":{row.pid},"goid":{row.goid}',
        f'"thread_id":{row.thread},"function":{json.dumps(row.function, ensure_ascii=False)}',
    ]
    if row.duration_ns >= 0:
        members.append(f'"duration":{row.duration_ns}')
    if row.stack:
        members.append(f'"stack":{json.dumps(row.stack, ensure_ascii=False, separators=(",", ":"))}')
    values = ",".join(f"{json.dumps(value.name)}:{value.told or 'null'}" for value in row.values)
    return f'{{{",".join(members)},"values":{{{values}}}}}'


class HumanLines:
    """Lines of events for a person; `several` processes are told apart."""

    def __init__(self, events: Sequence[PlanEvent], *, several: bool, colour: bool) -> None:
        self._width = max((len(event.table) for event in events), default=0)
        self._durations = any(event.moment == "return" for event in events)
        self._functions = {event.table for event in events if len({site.function for site in event.sites}) > 1}
        self._several, self._colour = several, colour

    def line(self, row: Row) -> str:
        """One event: the time of day, its name, the goroutine, how long the call took, values, and below the stack."""
        seconds, rest = divmod(row.unix_ns, 10**9)
        day = time.strftime("%H:%M:%S", time.localtime(seconds))
        parts = [
            self._style(f"{day}.{rest // 1000:06}", fg="bright_black"),
            self._style(f"{row.event:{self._width}}", fg="cyan"),
        ]
        if self._several:
            parts.append(f"{row.pid:>7}")
        parts.append(self._style(f"g{row.goid:<6}", fg="bright_black"))
        if self._durations:
            took = duration(row.duration_ns) if row.duration_ns >= 0 else ""
            parts.append(self._style(f"{took:>8}", fg="yellow"))
        if row.event in self._functions:
            parts.append(row.function.rpartition("/")[2])
        parts += [f"{self._style(value.name, fg='green')}={self._value(value)}" for value in row.values]
        lines = [" ".join(parts).rstrip(), *(f"    {printable(function)}" for function in row.stack)]
        return "\n".join(lines)

    def _value(self, value: Value) -> str:
        if value.status not in _SHOWN:
            return self._style(f"<{value.status}>", fg="bright_black")
        text = printable(value.json or ("nil" if value.status == "nil" else "?"))
        text = text if len(text) <= _MOST_VALUE else f"{text[:_MOST_VALUE]}…"
        return f"{text}…" if value.status == "truncated" else text

    def _style(self, text: str, *, fg: str) -> str:
        return click.style(text, fg=fg) if self._colour else text


def write_lines(lines: Sequence[str]) -> None:
    """Write them at once. Raises BrokenPipeError where nobody reads any more."""
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def _utc(unix_ns: int) -> str:
    seconds, rest = divmod(unix_ns, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
