"""SEY034x: what `redact` keeps back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import Severity, SpannedProblem


@dataclass(frozen=True, kw_only=True)
class RedactedCondition(SpannedProblem):
    """Which frames have rows would tell something of a value that is never to leave the process."""

    code: ClassVar[str] = "SEY0341"
    title: ClassVar[str] = "the condition looks at what the spec redacts"
    help: ClassVar[str | None] = "compare something else, or capture all frames"


@dataclass(frozen=True, kw_only=True)
class BadPattern(SpannedProblem):
    """A pattern of `redact` names something: variables and fields, types, or tags."""

    code: ClassVar[str] = "SEY0342"
    title: ClassVar[str] = "{what}"
    help: ClassVar[str | None] = 'as in: redact "*password*", redact type "main.Secret", redact tag "sensitive"'

    what: str


@dataclass(frozen=True, kw_only=True)
class NothingRedacted(SpannedProblem):
    """A type or tag that the binary doesn't have, or that is misspelled: then what was to be kept back isn't."""

    code: ClassVar[str] = "SEY0343"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "no {what} of {binary} fits {pattern}"

    what: str
    binary: str
    pattern: str


@dataclass(frozen=True, kw_only=True)
class TooManyPatterns(SpannedProblem):
    """Keys of maps are compared with all patterns in one go, by a table of bounded size."""

    code: ClassVar[str] = "SEY0345"
    title: ClassVar[str] = "the patterns are too many, or have too many `*`, to be looked for together"
    help: ClassVar[str | None] = "give fewer or shorter names, or redact by type"
