"""Trace the processes that were chosen, until something ends it: time, count, their end, or the user."""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import click

from sey.binary.errors import SeyError
from sey.cli.stopping import Stop
from sey.cli.tracehints import never_hit, unprobed
from sey.runtime.events.breaker import Breaker, Change
from sey.runtime.events.log import EventLog
from sey.runtime.events.reading import Reader
from sey.runtime.events.session import Session
from sey.runtime.events.traps import TrapCost, calibration
from sey.runtime.host_errors import ProcessExited
from sey.runtime.wording import counted, printable

_SHORTEST, _LONGEST = 0.002, 0.05
"""Seconds between two looks at the ring buffers: nobody is woken by an event, so that hits stay cheap."""
_LOOK = 0.5
"""Seconds between two looks at what was lost, and whether processes became other programs."""
_WATCH, _WATCH_SHARE = 0.02, 0.05
"""Seconds between two looks at what probes cost, but no more of our time than this part."""

_SHOWN = 3
"""Functions that a line names."""


@dataclass(frozen=True)
class Ends:
    """What ends a trace besides the user and the processes' end: nanoseconds (0: none), events (0: any number)."""

    for_ns: int = 0
    count: int = 0


@dataclass
class Traced:
    """One process that is being traced, or was: `reason` says why it isn't any more."""

    session: Session
    reader: Reader
    breaker: Breaker
    pidfd: int
    reason: str = ""
    lost: int = 0
    next_watch: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """Its id."""
        return self.session.process.pid


class Sink(Protocol):
    """What takes the stream of the processes."""

    def take(self, traced: Traced, blob: bytes) -> None:
        """A piece of the stream of a process."""
        ...


class Tracer:
    """Traces processes into a sink. `tell` is given lines for the user, `status` how things are twice a second."""

    def __init__(self, ends: Ends, most_overhead: float, sink: Sink, tell: Callable[[str], None]) -> None:
        self._ends, self._most, self._sink, self._tell = ends, most_overhead, sink, tell
        self._open = contextlib.ExitStack()
        self.traced: list[Traced] = []
        self.events = 0
        self.started = time.monotonic()

    def __enter__(self) -> Tracer:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, session: Session, reader: Callable[[], Reader]) -> None:
        """Attach to a process, and trace it from now on. Raises SeyError."""
        opened = self._open.enter_context(session)
        try:
            pidfd = os.pidfd_open(session.process.pid)
        except OSError:
            raise SeyError(ProcessExited(session.process.pid)) from None
        self._open.callback(os.close, pidfd)
        traps = calibration()
        opened.attach()
        breaker = Breaker(opened, self._most, time.monotonic_ns(), lambda: traps.cost)
        self.traced.append(Traced(opened, reader(), breaker, pidfd))

    def run(self, stop: Stop, look: Callable[[], bool]) -> str:
        """Trace until it ends; why it did. `look` is called twice a second, and says whether to go on without any
        process. Raises SeyError where the sink does."""
        self.started = time.monotonic()
        end = self.started + self._ends.for_ns / 1e9 if self._ends.for_ns else None
        delay, next_look = _SHORTEST, self.started + _LOOK
        while not (reason := self._ended(stop, end)):
            delay = self._pause(stop, delay, min(next_look, end) if end is not None else next_look)
            fullest = max((self._drain(each) for each in self._living()), default=0.0)
            delay = max(delay / 2, _SHORTEST) if fullest > 1 / 8 else min(delay * 1.5, _LONGEST)
            for each in self._living():
                self._watch(each)
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _LOOK
                for each in self._living():
                    self._check(each)
                if not look() and not self._living():
                    reason = self._all_gone()
                    break
        self.finish(reason)
        return reason

    def finish(self, reason: str) -> None:
        """Detach from all, and take what they streamed until then."""
        for each in self._living():
            each.session.detach()
            self._drain(each)
            each.reason = reason

    def _living(self) -> list[Traced]:
        return [each for each in self.traced if not each.reason]

    def _ended(self, stop: Stop, end: float | None) -> str:
        if stop.wanted:
            return "interrupted"
        if self._ends.count and self.events >= self._ends.count:
            return counted(self.events, "event")
        if end is not None and time.monotonic() >= end:
            return "its time is over"
        if self.traced and all(map(_over, self._living())) and self._living():
            return "the time of its events is over"
        return ""

    def _pause(self, stop: Stop, delay: float, moment: float) -> float:
        """Wait a little; ends at once where a process does."""
        living = self._living()
        wait = max(min(delay, moment - time.monotonic()), 0)
        poll = select.poll()  # the descriptors may be many
        for file in (stop.told, *(each.pidfd for each in living)):
            poll.register(file, select.POLLIN)
        ready = {file for file, _ in poll.poll(math.ceil(wait * 1000))}
        for each in living:
            if each.pidfd in ready:
                self._end(each, "the process exited")
        return delay

    def _end(self, each: Traced, reason: str) -> None:
        each.session.detach()
        self._drain(each)
        each.reason = reason
        if len(self.traced) > 1:
            self._tell(f"process {each.pid}: {reason}")

    def _all_gone(self) -> str:
        reasons = {each.reason for each in self.traced}
        return reasons.pop() if len(reasons) == 1 else "no process is left"

    def _drain(self, each: Traced) -> float:
        """Hand on what is there; how full the ring was."""
        blob = each.session.drain()
        if not blob:
            return 0.0
        count = 0
        if self._ends.count:
            log = EventLog.parse(blob)
            count = min(len(log), self._ends.count - self.events)
            blob = blob[: int(log.starts[count]) - 8] if count < len(log) else blob
            self.events += count
        if blob:
            self._sink.take(each, blob)
        return len(blob) / each.session.ring_bytes

    def _watch(self, each: Traced) -> None:
        """Look at what its probes cost, if it is time to."""
        began = time.monotonic()
        if began < each.next_watch:
            return
        try:
            changes = each.breaker.look(time.monotonic_ns())
        except SeyError as error:
            self._end(each, f"its probes can't be put in again: {error}")
            return
        for change in changes:
            each.notes.append(change_line(change, self._most))
            self._tell(f"process {each.pid}: {each.notes[-1]}" if len(self.traced) > 1 else each.notes[-1])
        if not each.session.attached.detachers:
            self._end(each, "all events are detached")
        now = time.monotonic()
        each.next_watch = now + max(_WATCH, (now - began) / _WATCH_SHARE)

    def _check(self, each: Traced) -> None:
        """Look at what was lost, and what it runs."""
        lost = sum(count["lost"] + count["no_slot"] for count in each.session.counters().values())
        if lost > each.lost:
            self._tell(f"{counted(lost - each.lost, 'event')} lost: they come faster than they are taken")
            each.lost = lost
        if not each.session.runs():
            self._end(each, "the process became another program or exited")


def _over(each: Traced) -> bool:
    """Whether all of its events were for a time, and that has passed."""
    started, now = each.session.started.monotonic_ns, time.monotonic_ns()
    return all(event.for_ns and started + event.for_ns < now for event in each.session.plan.events)


def change_line(change: Change, most: float) -> str:
    """What was done about an event whose probes may take the share `most` of a processor."""
    event, cost = printable(change.event.table), f"the probes took {change.share:.1%} of a processor"
    if not change.functions and not change.less:
        return f"event {event} is at {'all' if change.sample == 1 else f'1 in {change.sample}'} again: {cost}"
    cost += f", and may take {most:.1%} (--max-overhead)"
    if not change.functions:
        return f"event {event} is thinned to 1 in {change.sample}: {cost}"
    return f"event {event} is detached{'' if change.whole else f' from {_some(change.functions)}'}: {cost}"


def _some(functions: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in functions[:_SHOWN])
    return shown + (f" and {len(functions) - _SHOWN} more" if len(functions) > _SHOWN else "")


def summary(traced: Sequence[Traced], reason: str, seconds: float) -> list[str]:
    """Lines for people: what ended it, and of each event how much there was, is missing, and what it cost."""
    lines = [f"{'traced':10}  {seconds:.1f} s of {counted(len(traced), 'process', 'processes')}; ended: {reason}"]
    head = ("event", "seen", "events", "lost", "limited", "rejected", "a hit takes", "processor")
    rows = [head, *(row for each in traced for row in _event_rows(each, len(traced) > 1))]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    for row in rows:
        first, *others = (
            text.ljust(w) if n == 0 else text.rjust(w) for n, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join((first, *others)).rstrip())
    if traced:
        lines.append(f"{'':10}  {_of_traps(traced[0].breaker.trap)}")
    for each in traced:
        whose = f"process {each.pid}: " if len(traced) > 1 else ""
        lines += [f"{'note':10}  {whose}{note}" for note in (*each.notes, *_missing(each))]
    return lines


def _of_traps(trap: TrapCost) -> str:
    how = "measured here" if trap.measured else "as usual, not measured here"
    return f"trap of a hit: {trap.emulated / 1000:.1f} µs, {trap.stepped / 1000:.0f} where single-stepped; {how}"


def _event_rows(each: Traced, several: bool) -> list[tuple[str, ...]]:
    counters, costs = each.session.counters(), each.breaker.costs()
    passed = max(each.session.ended_ns - each.session.started.monotonic_ns, 1)
    rows = []
    for event in each.session.plan.events:
        count, cost = counters[event.table], costs[event.index]
        numbers = (
            count["seen"],
            count["emitted"],
            count["lost"] + count["no_slot"],
            count["limited"],
            count["rejected"],
        )
        name = printable(event.table) + (f" ({each.pid})" if several else "")
        hit = f"{cost.all / count['hits'] / 1000:.1f} µs" if count["hits"] else "-"
        rows.append((name, *map(str, numbers), hit, f"{cost.all / passed:.2%}"))
    return rows


def _missing(each: Traced) -> list[str]:
    """What is not there, and why."""
    plan, counters = each.session.plan, each.session.counters()
    tables = {event.index: printable(event.table) for event in plan.events}
    told = [line for event in plan.events for line in unprobed(plan, event)]
    refused = each.session.attached.refused
    told += [f"{tables[p.event]}: the kernel refuses a probe in {printable(p.function)}: {why}" for p, why in refused]
    words = {
        "sampled_out": "left out by sampling",
        "unmatched": "returns of calls that began before the trace, or had to make room for later ones",
        "not_saved": "calls with more than is kept until they return",
        "objects_dropped": "values behind pointers left out for lack of room",
        "rows_dropped": "events left out for lack of room",
        "when_missing": "rejected since a value of `when` is missing",
    }
    for event in plan.events:
        counts = counters[event.table]
        some = [f"{counts[name]} {text}" for name, text in words.items() if counts[name]]
        told += [f"{printable(event.table)}: {', '.join(some)}"] if some else []
        never = never_hit(plan, event, counts)
        told += [never] if never else []
    return told


def stderr_line(text: str) -> None:
    """A line for the user, above whatever is there already."""
    click.echo(printable(text), err=True)
