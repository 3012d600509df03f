"""SEY0234 and up: events that can't happen, or can't tell what they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import Severity, SpannedProblem


@dataclass(frozen=True, kw_only=True)
class NotThen(SpannedProblem):
    """The function has such a variable, but it isn't there when the event happens. At the entry there are parameters,
    the receiver and what a closure captured; at a return these, as they were at the entry, and the results; at a line
    what is in scope there."""

    code: ClassVar[str] = "SEY0234"
    title: ClassVar[str] = "`{name}` can't be captured here: {reason}"

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class TookTheName(SpannedProblem):
    """In a return event `duration` is always the time that the call took, also of a function that has a variable of
    that name."""

    code: ClassVar[str] = "SEY0235"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "`duration` is the time that the call took here, not the variable `duration` of `{function}`"
    help: ClassVar[str | None] = "an event on entry or line can capture the variable, with an `as`"

    function: str
