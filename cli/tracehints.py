"""What a user should know of a trace besides its events: why there are none, or not all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sey.binary.errors import SeyError
from sey.ir.plan import Plan, PlanEvent, PlanUnprobed
from sey.runtime.process import Process
from sey.runtime.wording import counted, printable

_MOST = 5
"""Functions that are named of one event."""


def at_the_start(pid: int, plan: Plan) -> Iterator[str]:
    """Why there may be no events, or not all, known as soon as the probes are in place."""
    if stopped(pid):
        yield f"process {pid} is stopped, and nothing happens in it until it goes on: kill -CONT {pid}"
    for event in plan.events:
        missing, probed = _unprobed(plan, event), len(_probed(plan, event))
        if missing and not probed:
            yield from unprobed(plan, event)
        elif missing:
            some = f"{len(missing)} of {counted(len(missing) + probed, 'function')}"
            yield f"{printable(event.table)}: {some} can't be probed; the summary says why"


def unprobed(plan: Plan, event: PlanEvent) -> Iterator[str]:
    """The functions of an event that aren't probed, and why."""
    missing = _unprobed(plan, event)
    for each in missing[:_MOST]:
        yield f"{printable(event.table)}: {printable(each.function)} isn't probed: {printable(each.reason)}"
    if len(missing) > _MOST:
        yield f"{printable(event.table)}: and {counted(len(missing) - _MOST, 'more function')} that can't be probed"


def never_hit(plan: Plan, event: PlanEvent, count: Mapping[str, int]) -> str | None:
    """What it means that an event was never seen, None where it was; `count` is what was counted of it."""
    probed = _probed(plan, event)
    if count["seen"] or not probed:
        return None
    name = printable(event.table)
    if event.moment == "line":
        return f"{name}: {printable(event.target)} wasn't reached meanwhile"
    if count["hits"]:
        return f"{name}: calls began, and none of them returned meanwhile"
    called = printable(event.target) if len(probed) == 1 else f"none of {counted(len(probed), 'function')}"
    return f"{name}: {called} {'was' if len(probed) > 1 else 'was not'} called meanwhile"


def stopped(pid: int) -> bool:
    """Whether a process stands still, by a signal or a debugger."""
    try:
        return Process.look(pid).state in "Tt"
    except SeyError:
        return False


def _unprobed(plan: Plan, event: PlanEvent) -> list[PlanUnprobed]:
    return [each for each in plan.unprobed if each.event == event.index]


def _probed(plan: Plan, event: PlanEvent) -> set[str]:
    return {probe.function for probe in plan.probes if probe.event == event.index}
