"""A report as text: a screenful or two that a person on call reads first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sey.runtime.report.model import Chain, Channels, Crowd, Deadlock, Lock, Place, Report, Step, Traced
from sey.runtime.stacks import short_path
from sey.runtime.wording import counted, duration, printable

_MOST = 8
"""Entries of a section that are shown."""
_MOST_CROWDS = 3

_DOES = {
    "receive": "to receive",
    "send": "to send",
    "lock": "for it",
    "rlock": "for it, to read",
    "wait": "for it",
    "acquire": "for it",
}


def render(report: Report) -> str:
    """The report as lines of text."""
    sections = (
        ("", _processes(report)),
        ("EVENTS (each has a table: sey query)", _events(report.events)),
        ("DEADLOCKS", _deadlocks(report.deadlocks)),
        ("LOCKS", _locks(report.locks)),
        ("CHAINS OF WAITING", _chains(report.chains)),
        ("CHANNELS", _channels(report.channels)),
        ("MANY ALIKE (leaks?)", _leaks(report)),
        ("CONTEXTS PAST THEIR DEADLINE", _contexts(report)),
        ("GOROUTINES", _states(report)),
        ("NOT IN THE CAPTURE", _missing(report)),
    )
    return joined(sections)


def joined(sections: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Sections with their titles, those without a line left out, an empty line between."""
    lines = list[str]()
    for title, found in sections:
        body = list(found)
        if body:
            lines += ([""] if lines else []) + ([title] if title else []) + body
    return "".join(f"{printable(line)}\n" for line in lines)


def place(at: Place) -> str:
    """A place in one line: `server.(*Server).accept server/server.go:71`, of the package's path the last element."""
    function = short_function(at.function)
    return f"{function} {short_path(at.file)}:{at.line}" if at.file and at.line else function


def short_function(function: str) -> str:
    """A function with its package as in Go source, which is enough for a person."""
    return function.rpartition("/")[2]


def address(kind: str, at: int) -> str:
    """A lock or channel: `mutex 0xc000012080`."""
    return f"{kind} {at:#x}"


def _processes(report: Report) -> Iterable[str]:
    for process in report.processes:
        if process.problem:
            yield f"process {process.pid}  {process.executable}  not captured: {process.problem}"
            continue
        when = "" if process.captured_at is None else f", {process.captured_at[:19].replace('T', ' ')} UTC"
        if process.trace_ns is not None:
            length = duration(process.trace_ns)
            yield f"process {process.pid}  {process.executable}  {process.go_version}  a trace of {length}{when}"
            continue
        system = f" and {process.system_goroutines} of the runtime's own" if process.system_goroutines else ""
        count = counted(process.goroutines, "goroutine") + system
        yield f"process {process.pid}  {process.executable}  {process.go_version}  {count}{when}"


def _events(events: Sequence[Traced]) -> Iterable[str]:
    for event in sorted(events, key=lambda each: -each.rows)[:_MOST]:
        lost = f", {event.lost} more were lost" if event.lost else ""
        yield f"  {event.event}: {counted(event.rows, 'row')} of process {event.pid}{lost}"
    yield from more(len(events))


def _deadlocks(deadlocks: Sequence[Deadlock]) -> Iterable[str]:
    for deadlock in deadlocks[:_MOST]:
        yield f"  {counted(len(deadlock.steps), 'goroutine')} that probably wait for each other"
        for step in deadlock.steps:
            yield f"    {_step(step)}"
    yield from more(len(deadlocks))


def _step(step: Step) -> str:
    wants = f"wants {address(step.kind, step.lock)}" if step.kind and step.lock is not None else step.doing
    return f"goroutine {step.goid} at {place(step.now)} {wants}"


def _locks(locks: Sequence[Lock]) -> Iterable[str]:
    for lock in locks[:_MOST]:
        behind = f" ({lock.stopped} with those behind them)" if lock.stopped > lock.waiters else ""
        waits = f"{lock.waiters} waiting{behind}{long(lock.longest_wait_ns)}"
        yield f"  {address(lock.kind, lock.address)}{_state(lock)}: {waits}"
        for holder in lock.holders[:_MOST_CROWDS]:
            section = f"locked in {short_function(holder.held_in.function)} at line {holder.locked_at_line}"
            now = f"now: {holder.doing} at {place(holder.now)}"
            yield f"    probably held by goroutine {holder.goid}, {section}; {now}"
        if len(lock.holders) > _MOST_CROWDS:
            yield f"    or by one of {len(lock.holders) - _MOST_CROWDS} more"
        if not lock.holders and lock.kind in ("mutex", "rwmutex"):
            yield "    holder not found on any stack"
        yield from _crowds(lock.waiting)
    yield from more(len(locks))


def _state(lock: Lock) -> str:
    if lock.readers:
        return f", held by {counted(lock.readers, 'reader')}"
    if lock.counter is not None:
        return f", counter {lock.counter}"
    return ", not locked just then" if lock.locked is False else ""


def _chains(chains: Sequence[Chain]) -> Iterable[str]:
    for chain in chains[:_MOST]:
        yield f"  {counted(chain.stopped, 'goroutine')} stopped in all"
        for number, step in enumerate(chain.steps):
            yield f"    {'  ' * number}{_step(step)}" + (", probably held by" if step.lock is not None else "")
    yield from more(len(chains))


def _channels(channels: Sequence[Channels]) -> Iterable[str]:
    for one in channels[:_MOST]:
        what = f"chan {one.elem_type}" if one.elem_type else "chan"
        name = f"{one.channels} channels, {what}," if one.channels > 1 else address(what, one.addresses[0])
        held = f"{one.shortest_len} to {one.longest_len}" if one.shortest_len < one.longest_len else one.longest_len
        lacks = "" if one.senders and one.receivers else ", nobody waits to receive" if one.senders else ""
        lacks = ", nobody waits to send" if one.receivers and not one.senders else lacks
        closed = ", closed" if one.closed else ""
        yield f"  {name} len {held} cap {one.cap}{closed}{lacks}"
        yield from _crowds((*one.senders, *one.receivers))
    yield from more(len(channels))


def _crowds(crowds: Sequence[Crowd]) -> Iterable[str]:
    for crowd in crowds[:_MOST_CROWDS]:
        does = _DOES.get(crowd.operation or "", "in a select")
        who = f"goroutine {crowd.goids[0]} waits" if crowd.goroutines == 1 else f"{crowd.goroutines} goroutines wait"
        yield f"    {who} {does}{long(crowd.longest_wait_ns)}, at {place(crowd.place)}"
    if len(crowds) > _MOST_CROWDS:
        yield f"    and at {counted(len(crowds) - _MOST_CROWDS, 'other place')}"


def _leaks(report: Report) -> Iterable[str]:
    for leak in report.leaks[:_MOST]:
        made = f"created by {short_function(leak.created_by)}" if leak.created_by else "of no known creator"
        yield f"  {leak.goroutines} goroutines ({leak.share:.0%}) {made}{long(leak.crowd.longest_wait_ns)}"
        yield f"    all at {place(leak.crowd.place)}, {leak.wait_reason or 'waiting'}"
    yield from more(len(report.leaks))


def _contexts(report: Report) -> Iterable[str]:
    for late in report.contexts[:_MOST]:
        state = "" if late.cancelled is None else ", cancelled" if late.cancelled else ", not cancelled"
        what = f"{late.source}.{late.name} {duration(late.overdue_ns)} late{state}"
        yield f"  goroutine {late.goid} at {place(late.now)}: {what}"
    yield from more(len(report.contexts))


def _states(report: Report) -> Iterable[str]:
    width = max((len(str(state.goroutines)) for state in report.states), default=0)
    for state in report.states[: 2 * _MOST]:
        word = state.wait_reason or state.status
        most = state.crowds[0] if state.crowds else None
        share = f"{most.goroutines} of them " if most and most.goroutines < state.goroutines else ""
        where = f", {share}at {place(most.place)}" if most else ""
        yield f"  {state.goroutines:{width}} {word}{long(state.longest_wait_ns)}{where}"
    yield from more(len(report.states), 2 * _MOST)


def _missing(report: Report) -> Iterable[str]:
    for lack in report.missing[:_MOST]:
        what = f"{lack.count} × {lack.what}" if lack.count and lack.what else lack.what
        yield f"  {what}: {lack.why}" if what else f"  {lack.why}"
    yield from more(len(report.missing))


def long(wait_ns: int | None) -> str:
    """How long somebody waits, as the end of a phrase."""
    return "" if wait_ns is None else f", up to {duration(wait_ns)}"


def more(count: int, shown: int = _MOST) -> Iterable[str]:
    """That not all of `count` are shown, where so it is."""
    if count > shown:
        yield f"  … and {count - shown} more (--json has all)"
