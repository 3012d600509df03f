"""Problems that have a place in a spec, and the exception that carries them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sey.binary.errors import Exit, Problem, SeyError
from sey.frontend.source import Source, Span


class Severity(enum.Enum):
    """Whether a problem stops the work."""

    ERROR = "error"
    WARNING = "warning"


class Related(NamedTuple):
    """Another place of the same spec that explains a problem."""

    span: Span
    text: str


@dataclass(frozen=True, kw_only=True)
class SpannedProblem(Problem):
    """A problem at a place of a spec. `missing` classes are warnings where the user allows a binary to lack things."""

    exit_status: ClassVar[Exit] = Exit.SPEC
    missing: ClassVar[bool] = False
    default_severity: ClassVar[Severity] = Severity.ERROR

    span: Span
    severity: Severity | None = None

    @property
    def effective_severity(self) -> Severity:
        """The severity given, else the one of the class."""
        return self.severity or self.default_severity

    def is_lack(self) -> bool:
        """Whether the binary merely lacks something that another build may have."""
        return self.missing

    def related(self) -> tuple[Related, ...]:
        """Other places that explain the problem."""
        return ()


class SpecError(SeyError):
    """Raised with everything that is wrong with one spec; `source` is what the spans point into."""

    def __init__(self, source: Source, *problems: Problem) -> None:
        super().__init__(*problems)
        self.source = source


class Reject(Exception):  # noqa: N818 - not an error that leaves the front end: it carries one out of an expression
    """Carries one problem from inside a statement to where problems are collected."""

    def __init__(self, problem: SpannedProblem) -> None:
        super().__init__(problem.message())
        self.problem = problem


def listing(words: Sequence[str], last: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def did_you_mean(nearest: Sequence[str]) -> str | None:
    """A sentence that offers names, or None where there are none."""
    return f"did you mean {listing([f'`{name}`' for name in nearest])}?" if nearest else None
