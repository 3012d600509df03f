"""What becomes of a trace's stream: lines, a capture, a histogram."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from sey.cli.histogram import Histogram
from sey.cli.tracelines import HumanLines, json_line, write_lines
from sey.cli.tracing import Traced
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture, ProcessCapture
from sey.runtime.events.log import EventLog
from sey.runtime.events.rows import row_places
from sey.runtime.events.spool import EventSpool
from sey.runtime.files import writable_target


class Lines:
    """A line for each event on stdout; `several`: of several processes, which lines for people tell apart then."""

    def __init__(self, *, as_json: bool, several: bool) -> None:
        self._json, self._of_several = as_json, several
        self.traced: list[Traced] = []

    def take(self, traced: Traced, blob: bytes) -> None:
        """Print the events."""
        if traced not in self.traced:
            self.traced.append(traced)
        rows = traced.reader.rows(blob)
        if self._json:
            write_lines([json_line(row) for row in rows])
            return
        events = list({event.table: event for each in self.traced for event in each.session.plan.events}.values())
        human = HumanLines(events, several=self._of_several, colour=sys.stdout.isatty())
        write_lines([human.line(row) for row in rows])


class Store(contextlib.ExitStack):
    """All of it, for a capture at `path`; a context."""

    def __init__(self, path: str) -> None:
        super().__init__()
        writable_target(path)
        self.path = path
        self._spools: dict[int, EventSpool] = {}

    def take(self, traced: Traced, blob: bytes) -> None:
        """Keep it."""
        self._spool(traced).add(blob)

    def save(self, bundles: Sequence[Bundle], traced: Sequence[Traced], others: Sequence[ProcessCapture]) -> None:
        """Write the capture, whole or not at all. Raises SeyError."""
        captured = [each.reader.capture(self._spool(each).data(), tuple(each.notes)) for each in traced]
        Capture(tuple(bundles), (*captured, *others)).save(self.path)

    def _spool(self, traced: Traced) -> EventSpool:
        if traced.pid not in self._spools:
            self._spools[traced.pid] = self.enter_context(EventSpool(self.path))
        return self._spools[traced.pid]


class Durations:
    """Histograms of how long calls took, one for each event."""

    def __init__(self) -> None:
        self._histograms: dict[str, Histogram] = {}

    def take(self, traced: Traced, blob: bytes) -> None:
        """Count them; nothing else of the events is decoded."""
        log, plan = EventLog.parse(blob), traced.session.plan
        streams = {stream.name: stream for stream in plan.streams}
        for event, rows in zip(plan.events, row_places(log, plan), strict=True):
            if event.moment == "return":
                durations = log.field(streams[event.stream], rows.place, "duration").astype("<i8")
                self._histograms.setdefault(event.table, Histogram()).add(durations.tolist())

    def draw(self) -> None:
        """Print them."""
        for name, histogram in self._histograms.items():
            write_lines(histogram.lines(name))


class Several:
    """More than one."""

    def __init__(self, *sinks: Lines | Store | Durations) -> None:
        self._sinks = sinks

    def take(self, traced: Traced, blob: bytes) -> None:
        """Hand it to each."""
        for sink in self._sinks:
            sink.take(traced, blob)
