"""What can keep events from being traced: a part of the error catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class NoEvents(Problem):
    """A trace was asked for with a probe that has no `event` blocks."""

    code: ClassVar[str] = "SEY0670"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "there are no events to trace"
    help: ClassVar[str | None] = "write an `event` block into the spec, or give one with -e 'return \"main.f\" {{ x }}'"


@dataclass(frozen=True)
class NotAttached(Problem):
    """None of the probes of a process's events is in place."""

    code: ClassVar[str] = "SEY0671"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "no probe could be attached to process {pid}"
    pid: int
    reasons: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """A line for each place that was tried."""
        return self.reasons


@dataclass(frozen=True)
class NoEventsByInterpreter(Problem):
    """Events were asked for with the engine that has no part in the kernel."""

    code: ClassVar[str] = "SEY0672"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "the engine `interp` can't trace events: these need probes in the kernel"
    help: ClassVar[str | None] = "leave --engine out; `sey doctor` says whether this host can trace"


@dataclass(frozen=True)
class NoneTraced(Problem):
    """Every one of several processes failed; each was told."""

    code: ClassVar[str] = "SEY0673"
    exit_status: ClassVar[Exit] = Exit.NOTHING
    title: ClassVar[str] = "none of {count} processes could be traced"
    count: int


@dataclass(frozen=True)
class NoDurations(Problem):
    """A histogram of durations was asked for, and no event has any."""

    code: ClassVar[str] = "SEY0674"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "none of the events has a duration"
    help: ClassVar[str | None] = "events on `return` have"


@dataclass(frozen=True)
class DidNotHappen(Problem):
    """A snapshot was to be taken when something happens, and it didn't before the time was over, or the probes were
    taken out since they cost too much."""

    code: ClassVar[str] = "SEY0675"
    exit_status: ClassVar[Exit] = Exit.NOTHING
    title: ClassVar[str] = "{event} didn't happen within {waited}; no file was written"
    event: str
    waited: str
    why: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """What was seen of it, and what else is known."""
        return self.why


@dataclass(frozen=True)
class NoSuchEvent(Problem):
    """An event was asked for by a name that the probe doesn't have."""

    code: ClassVar[str] = "SEY0676"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "the probe has no event `{name}`"
    help: ClassVar[str | None] = (
        "--on takes the name of an event of the spec, or an event: 'return \"main.f\" when duration > 1s'"
    )
    name: str
    known: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """The events that there are."""
        return (f"it has {', '.join(self.known)}",) if self.known else ()


@dataclass(frozen=True)
class TooFewFiles(Problem):
    """There are more probes than this process may have files open, on a kernel where each probe takes two."""

    code: ClassVar[str] = "SEY0677"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "the limit of {limit} open files is enough for {attached} probes only"
    help: ClassVar[str | None] = "raise it (`ulimit -n`), or take patterns that fit less; Linux 6.10 needs one for all"
    limit: int
    attached: int
