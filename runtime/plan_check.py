"""Checks a decode plan that came from a file, so that decoding can rely on it.

Whoever passes `check_plan` has a plan whose references resolve, whose sizes fit into each other, and whose types do not
contain themselves by value. It says nothing about whether the plan is the right one for some program.
"""

from __future__ import annotations

from collections.abc import Iterable

from sey.binary.errors import SeyError
from sey.ir.nodes import MAX_RECORD_BYTES
from sey.ir.plan import (
    EVENT_MEMBERS,
    PLAN_VERSION,
    ROW_MEMBERS,
    STREAMS,
    Plan,
    PlanBlock,
    PlanColumn,
    PlanEvent,
    PlanStream,
)
from sey.ir.typecheck import problem_of
from sey.ir.typegraph import columns_of
from sey.runtime.file_errors import DamagedFile

_WIDTHS = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8}
_MAX_LIMIT = 1 << 32


def check_plan(plan: Plan, path: str, section: str) -> None:
    """Raises SeyError (DamagedFile, naming `path` and `section`) where the plan contradicts itself."""
    try:
        _Checker(plan).check()
    except _Contradiction as found:
        raise SeyError(DamagedFile(path, section, str(found))) from None


class _Contradiction(Exception):  # noqa: N818 - never leaves this module
    pass


def _expect(truth: bool, reason: str) -> None:
    if not truth:
        raise _Contradiction(reason)


def _distinct(values: Iterable[object], what: str) -> None:
    seen = list(values)
    _expect(len(set(seen)) == len(seen), f"two {what} are the same")


class _Checker:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._columns = columns_of(plan.types)
        self.types = frozenset(self._columns.columns["id"].tolist())
        self.streams = {s.name: s for s in plan.streams}

    def check(self) -> None:
        plan = self.plan
        _expect(plan.version == PLAN_VERSION, f"there is no plan version {plan.version}")
        if reason := problem_of(self._columns):
            raise _Contradiction(reason)
        _distinct((s.name for s in plan.streams), "streams")
        _distinct((s.number for s in plan.streams), "streams")
        for stream in plan.streams:
            self._stream(stream)
        blocks: list[PlanBlock | PlanEvent] = [*plan.blocks, *plan.events]
        tables = [*(b.table for b in blocks), *(t.name for t in plan.tables), *(link.name for link in plan.links)]
        _distinct((name.lower() for name in tables), "tables")
        for block in plan.blocks:
            self._block(block, ROW_MEMBERS)
        for event in plan.events:
            self._block(event, EVENT_MEMBERS)
        self._events()
        for link in plan.links:
            even = 0 < len(link.from_columns) == len(link.to_columns)
            _expect(even, f"the link {link.name} has no pairs of columns")
        for variable in plan.globals:
            self._column(self._found(variable.stream), variable.column, 0)
        _expect(plan.labels_type is None or plan.labels_type in self.types, "the type of labels is unknown")
        if plan.wait_reasons is not None:
            _expect(any(g.stream == plan.wait_reasons for g in plan.globals), "the wait reasons are no global")

    def _stream(self, stream: PlanStream) -> None:
        where = f"stream `{stream.name}`"
        _expect(0 <= stream.number < 1 << 31, f"{where} has an impossible number")
        if stream.fields:
            _expect(0 < stream.size <= MAX_RECORD_BYTES, f"{where} has an impossible size")
        _distinct((f.name for f in stream.fields), f"fields of {where}")
        for item in stream.fields:
            _expect(item.type is None or item.type in _WIDTHS, f"{where} has a field of no known type")
            _expect(item.type is None or _WIDTHS[item.type] == item.length, f"{where} has a field of impossible size")
            fits = item.offset >= 0 and 0 <= item.length <= stream.size - item.offset
            _expect(fits, f"field {item.name} lies outside of {where}")
        for name, width in STREAMS.get(stream.name, ()):
            _expect(self._has(stream, name, width), f"{where} has no field {name}")

    def _has(self, stream: PlanStream, name: str, width: str | None) -> bool:
        return any(f.name == name and f.type == width for f in stream.fields)

    def _found(self, name: str) -> PlanStream:
        _expect(name in self.streams, f"there is no stream `{name}`")
        return self.streams[name]

    def _events(self) -> None:
        plan = self.plan
        if plan.events:
            self._found("object")
            _distinct((event.stream for event in plan.events), "streams of events")
        _expect([event.index for event in plan.events] == list(range(len(plan.events))), "events aren't numbered")
        for event in plan.events:
            _expect(event.moment in ("entry", "return", "line"), f"there is no moment `{event.moment}`")
            _expect(set(event.early) <= set(range(len(event.columns))), f"the event {event.table} has unknown columns")
            numbers = (event.limit, event.window_ns, event.for_ns, event.sample, event.stack)
            _expect(all(0 <= n < 1 << 63 for n in numbers), f"the event {event.table} has an impossible number")
        _expect([probe.number for probe in plan.probes] == list(range(len(plan.probes))), "probes aren't numbered")
        for probe in plan.probes:
            _expect(0 <= probe.event < len(plan.events), f"probe {probe.number} is of no event")
            _expect(probe.phase in ("entry", "return", "line"), f"there is no phase `{probe.phase}`")
            _expect(0 <= probe.address < 1 << 63, f"probe {probe.number} has an impossible address")
        for each in plan.unprobed:
            _expect(0 <= each.event < len(plan.events), f"{each.function} is of no event")

    def _block(self, block: PlanBlock | PlanEvent, members: tuple[tuple[str, str], ...]) -> None:
        stream = self._found(block.stream)
        for name, width in members:
            _expect(self._has(stream, name, width), f"stream `{stream.name}` has no field {name}")
        _distinct((c.name.lower() for c in block.columns), f"columns of {block.table}")
        for number, column in enumerate(block.columns):
            self._column(stream, column, number)
        for site in block.sites:
            _expect(0 <= site.level < 1 << 16, f"a site of {block.table} has an impossible level")
            _expect(len(site.forms) == len(block.columns), f"a site of {block.table} has not a form for each column")
            for form, column in zip(site.forms, block.columns, strict=True):
                _expect(-1 <= form < len(column.types), f"a site of {block.table} has an unknown form")

    def _column(self, stream: PlanStream, column: PlanColumn, number: int) -> None:
        where = f"column {column.name} of stream `{stream.name}`"
        for name, width in ((f"s{number}", "i8"), (f"d{number}", "i64"), (f"v{number}", None)):
            _expect(self._has(stream, name, width), f"{where} has no field {name}")
        for kind in column.types:
            _expect(kind in self.types, f"{where} has an unknown type")
        for limit in (column.max_string, column.max_items, column.depth):
            _expect(0 <= limit <= _MAX_LIMIT, f"{where} has an impossible limit")
