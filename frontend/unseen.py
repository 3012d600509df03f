"""What events of a spec won't see of a binary: functions that can't be probed, or not everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from sey.frontend.bound import BoundSpec
from sey.frontend.diagnostics.base import SpannedProblem
from sey.frontend.diagnostics.events import SeesNothing, SeesPart
from sey.ir.plan import Plan

_MOST = 5
"""Functions that are told of one event."""


def unseen(spec: BoundSpec, plan: Plan) -> Iterator[SpannedProblem]:
    """A warning for each event of which something can't be probed; `plan` is that of the spec's events."""
    for number, event in enumerate(spec.events):
        probed = {probe.function for probe in plan.probes if probe.event == number}
        left_out = [each for each in plan.unprobed if each.event == number]
        if not left_out:
            continue
        reasons = tuple(f"{each.function}: {each.reason}" for each in left_out[:_MOST])
        reasons += (f"and {len(left_out) - _MOST} more",) if len(left_out) > _MOST else ()
        kind = SeesPart if probed else SeesNothing
        yield kind(span=event.span, target=event.target, table=event.table, reasons=reasons)
