"""SEY0234 and up: events that can't happen, or can't tell what they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import Severity, SpannedProblem, did_you_mean


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


@dataclass(frozen=True, kw_only=True)
class _Unseen(SpannedProblem):
    default_severity: ClassVar[Severity] = Severity.WARNING

    table: str
    target: str
    reasons: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """What isn't probed, and why."""
        return self.reasons


@dataclass(frozen=True, kw_only=True)
class SeesNothing(_Unseen):
    """Nothing of what an event is about can be probed in this binary: its table will have no rows. Where a function is
    inlined nothing returns, and it has an entry only where enough of its code is left in one place."""

    code: ClassVar[str] = "SEY0236"
    title: ClassVar[str] = "event `{table}` sees nothing of `{target}`"


@dataclass(frozen=True, kw_only=True)
class SeesPart(_Unseen):
    """Some of what an event is about can't be probed in this binary: what happens there isn't seen, nor counted."""

    code: ClassVar[str] = "SEY0237"
    title: ClassVar[str] = "event `{table}` doesn't see all of `{target}`"


@dataclass(frozen=True, kw_only=True)
class UnknownFile(SpannedProblem):
    """No Go file of the binary has a path that ends like this. A path may lack its beginning, up to a slash."""

    code: ClassVar[str] = "SEY0238"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "{binary} has no code of a file `{file}`"

    binary: str
    file: str
    nearest: tuple[str, ...] = ()

    def advice(self) -> str | None:
        """The files that may have been meant."""
        return did_you_mean(self.nearest)


@dataclass(frozen=True, kw_only=True)
class AmbiguousFile(SpannedProblem):
    """The paths of several files of the binary end like this."""

    code: ClassVar[str] = "SEY0239"
    title: ClassVar[str] = "`{file}` can be any of {count} files"
    help: ClassVar[str | None] = "write more of the path: {candidates}"

    file: str
    count: int
    candidates: str


@dataclass(frozen=True, kw_only=True)
class NoCodeAtLine(SpannedProblem):
    """Nothing of the binary's code begins at the line: it is empty, a comment, a declaration, or was optimized away."""

    code: ClassVar[str] = "SEY0241"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "{binary} has no code of line {line} of `{file}`"

    binary: str
    file: str
    line: int
    next: int | None

    def advice(self) -> str | None:
        """The line that may have been meant."""
        return f"the next line with code is {self.next}" if self.next is not None else None
