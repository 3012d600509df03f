"""What a session streams, while it runs: rows of events with their values as JSON, and the capture of all of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sey.binary.symbolize import Symbolizer, open_symbolizer
from sey.runtime.assemble import bare_notes
from sey.runtime.capture import ProcessCapture, ProcessFacts
from sey.runtime.events.log import EventLog
from sey.runtime.events.naming import symbols_of
from sey.runtime.events.session import Session
from sey.runtime.pages import Buffer, Pages
from sey.runtime.prepared import executable

# What decodes takes a fifth of a second to load: that is left until the probes are in place.
if TYPE_CHECKING:
    from sey.runtime.decode.rows import DecodedBlock
    from sey.runtime.decode.stacks import Stacks


class Value(NamedTuple):
    """A captured value as JSON, None where it is missing; the word for what became of it; and as JSON where what is
    missing or cut is an object that says why (`{"$status": …}`)."""

    name: str
    json: str | None
    status: str
    told: str | None


class Row(NamedTuple):
    """One event. `unix_ns` is when, `duration_ns` -1 where there is none or it isn't known; `stack` its functions."""

    event: str
    pid: int
    goid: int
    thread: int
    unix_ns: int
    function: str
    duration_ns: int
    stack: tuple[str, ...]
    values: tuple[Value, ...]


class Reader:
    """Reads what one session streams."""

    def __init__(self, session: Session, programs: tuple[str, ...], bundle: int, binary: int) -> None:
        self._session, self._programs = session, programs
        self._numbers = bundle, binary
        self._executable = executable(session.process)

    def rows(self, blob: Buffer) -> list[Row]:
        """The events of a piece of the stream, by time. Raises SeyError."""
        from sey.runtime.decode.events import decode_events

        log = EventLog.parse(blob, f"the events of process {self._session.process.pid}")
        symbols = symbols_of(log, self._session.plan, self._symbolizer, self._session.bias)
        traced = decode_events(log, self._facts(), self._session.plan, symbols)
        stacks = _stack_functions(traced.stacks)
        rows = [row for each in traced.rows for part in each.slices() for row in _rows(part, stacks)]
        rows.sort(key=lambda row: row.unix_ns)
        return rows

    def capture(self, data: Buffer, notes: tuple[str, ...] = ()) -> ProcessCapture:
        """The capture of the process, after its end. Raises SeyError."""
        session = self._session
        log = EventLog.parse(data, f"the events of process {session.process.pid}")
        symbols = symbols_of(log, session.plan, self._symbolizer, session.bias)
        return ProcessCapture(self._facts(notes), Pages.parse(b""), symbols, log)

    @cached_property
    def _symbolizer(self) -> Symbolizer:
        return open_symbolizer(self._session.binary)

    def _facts(self, notes: tuple[str, ...] = ()) -> ProcessFacts:
        session, (bundle, binary) = self._session, self._numbers
        return ProcessFacts(
            pid=session.process.pid,
            executable=self._executable,
            go_version=session.probe.go_version,
            build_id=session.probe.identity.go_build_id or session.probe.identity.gnu_build_id,
            captured_at_ns=session.started.unix_ns,
            monotonic_ns=session.started.monotonic_ns,
            bias=session.bias,
            bundle=bundle,
            binary=binary,
            programs=self._programs,
            notes=(*bare_notes(session.plan), *notes),
            traced=True,
            ended_ns=session.ended_ns,
            event_counters=session.counters(),
            type_words=session.type_words(),
        )


def _rows(part: DecodedBlock, stacks: Mapping[int, tuple[str, ...]]) -> Iterator[Row]:
    """The rows of a slice of one block."""
    from sey.runtime.decode.events import DecodedEvents

    assert isinstance(part, DecodedEvents)
    names = [column.column.name for column in part.columns]
    columns = [
        zip(c.json().to_pylist(), c.status_words().to_pylist(), c.inner_json().to_pylist(), strict=True)
        for c in part.columns
    ]
    values = zip(*columns, strict=True) if columns else itertools.repeat((), len(part))
    functions = [site.function for site in part.block.sites]
    words = (part.goid, part.thread, part.unix, part.site, part.duration, part.stack)
    for *row, found in zip(*(word.tolist() for word in words), values, strict=True):
        goid, thread, unix, site, duration, stack = row
        yield Row(
            *(part.block.table, part.pid, goid, thread, unix, functions[site], duration),
            stacks.get(stack, ()),
            tuple(Value(name, *value) for name, value in zip(names, found, strict=True)),
        )


def _stack_functions(stacks: Stacks) -> dict[int, tuple[str, ...]]:
    """The functions of each stack, innermost first."""
    from sey.runtime.decode.stacks import frames_table

    frames = frames_table(stacks, 0)
    found: dict[int, list[str]] = {}
    for number, function in zip(*(frames.column(name).to_pylist() for name in ("stack_id", "function")), strict=True):
        found.setdefault(number, []).append(function or "?")
    return {number: tuple(functions) for number, functions in found.items()}
