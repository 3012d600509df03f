"""The `event` blocks of a bound spec to an event program and its decode plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sey.binary.pclntab import PclnTab
from sey.binary.stackmaps import StackMaps
from sey.frontend import bound
from sey.frontend.bound import BoundSpec, Moment
from sey.frontend.debuginfo.model import Body, Kind
from sey.frontend.debuginfo.probes import ProbePlace, Prober, Unprobed, reasons_of
from sey.frontend.lower.blocks import Shared, column_width, event_stream, plan_column
from sey.frontend.lower.eventblocks import (
    PHASES,
    Phase,
    Routine,
    kept_stream,
    lower_routines,
)
from sey.frontend.lower.labels import Labels
from sey.frontend.lower.liveness import Liveness
from sey.frontend.lower.moments import Moments, moments_of
from sey.frontend.lower.places import SLOT_BYTES
from sey.frontend.lower.program import (
    Lowered,
    plan_of,
    power_of_two,
    problem_of,
    program_tables,
    redaction_constants,
    shared_of,
    whole_program,
)
from sey.frontend.lower.runtime import Described, event_constants, prelude_constants
from sey.frontend.lower.sites import SiteBook, names_of
from sey.frontend.lower.types import captured_type
from sey.ir.nodes import RECORD_HEADER_BYTES, Column, Function, Program, Stream, Table, Type
from sey.ir.parser import signature_of
from sey.ir.plan import PlanEvent, PlanProbe, PlanUnprobed
from sey.ir.prelude import EVENT_PARTS, prelude, prelude_streams
from sey.ir.rewrite import calls as called_in

STASH_ROOM = 64 << 20
"""Bytes that may be kept of calls until they return."""
MAX_CALLS = 1 << 16
MAX_KEPT = 8192
"""Bytes that are kept of one call at most."""
LEADS_TO, OBJECT = 2048, 64
"""Bytes that are kept for what a parameter leads to, and beside the bytes of an object."""
_ONLY_RETURNS = "it does nothing but return, so that nothing tells when a call begins"
_FOLLOWING = ("follow", "follow_dynamic")
"""Functions of the prelude by which code asks for what a value leads to."""


@dataclass(frozen=True)
class _Probe:
    """A place that is probed, the number of its routine, and the site of its variables."""

    event: int
    phase: Phase
    function: str
    place: ProbePlace
    routine: int
    site: int


@dataclass(frozen=True)
class _Kept:
    """Bytes that are kept of a call until it returns: its records, and about what its parameters lead to."""

    records: int
    leads: int


def lower_events(spec: BoundSpec, info: Described, table: PclnTab, go_version: str) -> Lowered:
    """Lower a spec's events for one binary. Raises SeyError where the binary lacks what every event needs."""
    shared, _ = shared_of(spec, info, table, spec.events, (), Labels())
    book = SiteBook(info, Liveness(info, StackMaps(table)), floats=False)
    moments = [moments_of(event, info) for event in spec.events]
    streams = [event_stream(i, map(column_width, event.captures)) for i, event in enumerate(spec.events)]
    probes, unprobed = _probes(spec, Prober(info, table), book)
    routines = [
        Routine(shared, i, spec.events[i], moments[i], book, streams[i], _sites(probes, number)).lower(
            f"routine_{number}", phase
        )
        for number, (i, phase) in enumerate(_routines(spec.events))
    ]
    functions = [*shared.contexts.functions(), *routines, lower_routines([f.name for f in routines])]
    kept = {i: kept_stream(i, each.kept) for i, each in enumerate(moments) if each.kept}
    whole = (*prelude_streams(), *streams, *kept.values())
    calls = [
        _kept_of(shared, event, moments[i], [streams[i], *([kept[i]] if i in kept else [])])
        for i, event in enumerate(spec.events)
        if event.moment is Moment.RETURN
    ]
    program = _assemble(shared, spec, info, table, book, functions, whole, _probe_table(spec.events, probes), calls)
    plan = replace(
        plan_of(shared, spec, whole, go_version),
        events=tuple(_plan_event(shared, i, event, book, moments[i]) for i, event in enumerate(spec.events)),
        probes=tuple(_plan_probe(i, probe) for i, probe in enumerate(probes)),
        unprobed=unprobed,
    )
    return Lowered(program, plan)


def _sites(probes: Sequence[_Probe], routine: int) -> tuple[int, ...]:
    """The sites at which a routine runs."""
    return tuple(sorted({probe.site for probe in probes if probe.routine == routine}))


def _routines(events: Sequence[bound.Event]) -> list[tuple[int, Phase]]:
    """The event and phase of each routine."""
    return [(i, phase) for i, event in enumerate(events) for phase in PHASES[event.moment]]


def _probes(spec: BoundSpec, prober: Prober, book: SiteBook) -> tuple[list[_Probe], tuple[PlanUnprobed, ...]]:
    """The places of all events, in order, and the functions that have none."""
    numbers = {key: number for number, key in enumerate(_routines(spec.events))}
    probes: list[_Probe] = []
    unprobed: list[PlanUnprobed] = []
    for i, event in enumerate(spec.events):
        left_out: list[Unprobed] = []
        for body in event.bodies:
            places = _places(prober, event, body)
            if isinstance(places, Unprobed):
                left_out.append(places)
                continue
            for phase, place in places:
                site = book.add_place(i, event, body, place.address)
                probes.append(_Probe(i, phase, body.function, place, numbers[i, phase], site))
        unprobed += (PlanUnprobed(i, *told) for told in reasons_of(event.bodies, left_out))
    return probes, tuple(unprobed)


def _places(prober: Prober, event: bound.Event, body: Body) -> Sequence[tuple[Phase, ProbePlace]] | Unprobed:
    """Where a body is to be probed for an event. A return event needs both ends of a call."""
    if event.moment is Moment.LINE:
        lines = prober.line(body, event.file, event.line)
        return lines if isinstance(lines, Unprobed) else [(Phase.LINE, place) for place in lines]
    returns = prober.returns(body) if event.moment is Moment.RETURN else ()
    if isinstance(returns, Unprobed):
        return returns
    entry = prober.entry(body)
    if isinstance(entry, Unprobed):
        return entry
    if any(place.address == entry.address for place in returns):
        return Unprobed(body.function, _ONLY_RETURNS)
    first = PHASES[event.moment][0]
    return [(first, entry), *((Phase.RETURN, place) for place in returns)]


def _probe_table(events: Sequence[bound.Event], probes: Sequence[_Probe]) -> Table:
    columns = {
        "event": [p.event for p in probes],
        "phase": [int(p.phase) for p in probes],
        "cfa": [p.place.cfa_offset for p in probes],
        "site": [p.site for p in probes],
        "tls": [int(p.place.tls) for p in probes],
        "shown": [(p.place.shown or p.place.address) - p.place.address for p in probes],
        "routine": [p.routine for p in probes],
        "stack": [events[p.event].stack for p in probes],
    }
    narrow = (Column(name, Type.I32, tuple(values) or (0,)) for name, values in columns.items())
    return Table("probes", (*narrow, Column("address", Type.I64, tuple(p.place.address for p in probes) or (0,))))


def _assemble(
    shared: Shared,
    spec: BoundSpec,
    info: Described,
    table: PclnTab,
    book: SiteBook,
    functions: Sequence[Function],
    streams: tuple[Stream, ...],
    probes: Table,
    calls: Sequence[_Kept],
) -> Program:
    constants = {
        **prelude_constants(info, table),
        **redaction_constants(shared),
        **event_constants(info, len(spec.events)),
        **_room_constants(calls, streams),
        "vars_bytes": power_of_two(SLOT_BYTES * max(1, *(len(names_of(event)) for event in spec.events))),
        # Where nothing is followed, all that follows is left out: most of the program, and of the memory of a hit.
        "any_objects": int(any(name in _FOLLOWING for f in functions for name in called_in(f.body))),
    }
    tables = (*program_tables(shared, book), probes)
    signatures = {f.name: signature_of(f) for f in functions}
    base = prelude(constants, tables, signatures, len(spec.source.files), EVENT_PARTS, streams)
    return whole_program(base, spec, (), tables, streams, functions)


def _room_constants(calls: Sequence[_Kept], streams: Sequence[Stream]) -> dict[str, int]:
    """Room for calls that run, and in each for what its parameters lead to."""
    records = max((each.records for each in calls), default=8)
    size = min(MAX_KEPT, max((each.records + each.leads for each in calls), default=records))
    own = next(each.size for each in streams if each.name == "object")
    return {
        "any_returns": int(bool(calls)),
        "calls": min(MAX_CALLS, STASH_ROOM // size),
        "call_bytes": size,
        "kept_room": max(size - records, 0),
        "object_cost": 2 * RECORD_HEADER_BYTES + own + 7,
    }


def _kept_of(shared: Shared, event: bound.Event, moments: Moments, records: Sequence[Stream]) -> _Kept:
    """What is kept of a call until it returns."""
    leads = sum(_leads_to(shared, event.captures[column]) for column in moments.columns)
    return _Kept(sum(RECORD_HEADER_BYTES + stream.size for stream in records), -(-leads // 8) * 8)


def _leads_to(shared: Shared, capture: bound.Capture) -> int:
    """About what a captured parameter leads to: nothing, a string as long as it may be, or several objects."""
    kinds = [captured_type(form.expr) for form in capture.forms]
    if not any(shared.types.pointers(shared.types.number(kind)) for kind in kinds):
        return 0
    return OBJECT + (capture.limits.max_string if all(k.kind is Kind.STRING for k in kinds) else LEADS_TO)


def _plan_event(shared: Shared, number: int, event: bound.Event, book: SiteBook, moments: Moments) -> PlanEvent:
    return PlanEvent(
        index=number,
        table=event.table,
        stream=f"event_{number}",
        moment=event.moment.value,
        target=event.target,
        columns=tuple(plan_column(shared, c, problem_of(shared, event, c)) for c in event.captures),
        sites=book.plan_sites(number, len(event.captures)),
        limit=event.limit,
        window_ns=event.window_ns,
        for_ns=event.for_ns,
        sample=event.sample,
        stack=event.stack,
        program=event.program,
        early=tuple(sorted(moments.columns)) if event.moment is Moment.RETURN else (),
    )


def _plan_probe(number: int, probe: _Probe) -> PlanProbe:
    place = probe.place
    return PlanProbe(number, probe.event, place.phase, probe.function, place.address, place.cheap, place.tls)
