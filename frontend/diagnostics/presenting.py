"""SEY024x: what a spec asks of an old capture that isn't in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import Severity, SpannedProblem


@dataclass(frozen=True, kw_only=True)
class NeedsCapture(SpannedProblem):
    """A spec applied to an old capture picks something that the capture's own spec didn't. Tables, computed columns,
    links and names are presentation, and change without a new capture."""

    code: ClassVar[str] = "SEY0240"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "`{what}` needs a new capture: {why}"
    help: ClassVar[str | None] = "take one with this spec: sey snapshot SPEC -p PID"

    what: str
    why: str
