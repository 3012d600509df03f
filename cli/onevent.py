"""`sey snapshot --on EVENT`: wait for an event, and take the snapshot at its moment."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import click

from sey.binary.errors import SeyError
from sey.cli.capturing import named
from sey.cli.probes import Chosen, Probe
from sey.cli.progress import working
from sey.cli.tracelines import json_line
from sey.cli.tracing import change_line, stderr_line
from sey.ir.plan import PlanEvent
from sey.runtime.capture import Capture
from sey.runtime.events.breaker import Breaker
from sey.runtime.events.errors import DidNotHappen, NoSuchEvent
from sey.runtime.events.reading import Reader
from sey.runtime.events.session import Hold, Session
from sey.runtime.events.traps import calibration
from sey.runtime.host_errors import ImageReplaced, ProcessExited
from sey.runtime.onevent import HOLD_NS, take_on
from sey.runtime.pause import Pauser
from sey.runtime.snapshot import Limits
from sey.runtime.wording import counted, duration

_WATCH, _LOOK = 0.02, 0.5
"""Seconds between two looks at what the probes cost, and at what the process runs."""


@dataclass(frozen=True)
class Wanted:
    """What to wait for: an event of the spec by its name, or one as it is written; for so long (ns, 0: any time), and
    the share of a processor that its probes may take meanwhile."""

    event: str
    for_ns: int
    most_overhead: float

    @property
    def by_name(self) -> bool:
        """Whether it names an event of the spec."""
        return self.event.isidentifier()


def with_event(probes: list[Probe], wanted: Wanted) -> list[Probe]:
    """The PROBEs, each with the event where that is written out."""
    if wanted.by_name:
        return probes
    if any(probe.bundle is not None for probe in probes):
        raise click.UsageError("--on adds an event to a spec; of a bundle, which is compiled, it names an event.")
    return [replace(each, events=(wanted.event,)) for each in probes or [Probe("")]]


def capture_on(chosen: Chosen, limits: Limits, wanted: Wanted) -> Capture:
    """Wait for the event, and capture the process. Raises SeyError, also where it doesn't happen in time."""
    if len(chosen.requests) + len(chosen.failures) != 1:
        processes = counted(len(chosen.requests) + len(chosen.failures), "process", "processes")
        raise click.UsageError(f"--on waits for one process, and there are {processes}: choose one by -p.")
    (request,) = chosen.requests
    probe = chosen.bundles[request.bundle].binaries[request.binary]
    event = _event_of(probe.events.plan.events if probe.events is not None else (), wanted)
    with Session(request.process, probe, hold=Hold(event, HOLD_NS)) as session:
        with working("attaching"):
            session.attach()
        for refused, why in session.attached.refused:
            stderr_line(f"warning: no probe in {refused.function}: {why}")
        stderr_line(f"waiting for {event.table}, {_probes(session)}; end with Ctrl-C")
        with _Watch(session, wanted) as watch:
            taken = take_on(chosen.bundles, request, limits, session, watch.wait)
        rows = Reader(session, chosen.programs.get(request.process.pid, ()), request.bundle, request.binary).rows(
            taken.events
        )
    process = named(taken.process, chosen)
    facts = replace(process.facts, on_event=json_line(rows[0]) if rows else "")
    return Capture(tuple(chosen.bundles), (replace(process, facts=facts),))


def _event_of(events: tuple[PlanEvent, ...], wanted: Wanted) -> PlanEvent:
    """The event of the plan; those of the command line come last."""
    found = [event for event in events if event.table == wanted.event] if wanted.by_name else events[-1:]
    if not found:
        raise SeyError(NoSuchEvent(wanted.event, tuple(event.table for event in events)))
    return found[0]


def _probes(session: Session) -> str:
    return counted(sum(session.attached.probes.values()), "probe")


class _Watch:
    """Waits until a pause has begun, and keeps the probes meanwhile from costing too much. A context."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self._session, self._wanted = session, wanted
        traps = calibration()
        self._breaker = Breaker(session, wanted.most_overhead, time.monotonic_ns(), lambda: traps.cost)
        self._started = self._looked = time.monotonic()
        self._open = contextlib.ExitStack()
        self._notes: list[str] = []

    def __enter__(self) -> _Watch:
        try:
            self._pidfd = os.pidfd_open(self._session.process.pid)
        except OSError:
            raise SeyError(ProcessExited(self._session.process.pid)) from None
        self._open.callback(os.close, self._pidfd)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def wait(self, pauser: Pauser) -> None:
        """Until the pauser answers. Raises SeyError where it's over before."""
        end = self._started + self._wanted.for_ns / 1e9 if self._wanted.for_ns else None
        while True:
            now = time.monotonic()
            left = _WATCH if end is None else min(_WATCH, end - now)
            ready, _, _ = select.select((pauser.fileno(), self._pidfd), (), (), max(left, 0))
            if pauser.fileno() in ready:
                return
            if self._pidfd in ready:
                raise SeyError(ProcessExited(self._session.process.pid))
            if end is not None and time.monotonic() >= end:
                raise self._nothing()
            self._look()

    def _look(self) -> None:
        """What the probes cost, and whether it is still the same program."""
        for change in self._breaker.look(time.monotonic_ns()):
            self._notes.append(change_line(change, self._wanted.most_overhead))
            stderr_line(self._notes[-1])
        if not self._session.attached.detachers:
            raise self._nothing()
        if time.monotonic() >= self._looked + _LOOK:
            self._looked = time.monotonic()
            if not self._session.runs():
                raise SeyError(ImageReplaced(self._session.process.pid))

    def _nothing(self) -> SeyError:
        """What to say where nothing happened."""
        event = self._session.hold.event.table if self._session.hold is not None else ""
        seen = self._session.counters()[event]
        waited = duration(int((time.monotonic() - self._started) * 1e9))
        return SeyError(DidNotHappen(f"`{event}`", waited, (*_seen(seen), *self._notes)))


def _seen(counts: Mapping[str, int]) -> Iterator[str]:
    """What came by, and why it wasn't what was waited for."""
    yield f"{counted(counts['seen'], 'time')} its probes were hit, {counts['rejected']} of them rejected by `when`"
    words = {
        "when_missing": "an operand of `when` was missing",
        "unmatched": "the call had begun before",
        "sampled_out": "`sample` left it out",
        "not_saved": "there was no room to keep the call",
    }
    for name, text in words.items():
        if counts[name]:
            yield f"{counted(counts[name], 'time')} {text}"
