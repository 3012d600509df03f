"""SEY023x: links between tables that can't be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import SpannedProblem, did_you_mean


@dataclass(frozen=True, kw_only=True)
class UnknownColumn(SpannedProblem):
    """A `link` compares columns that its two tables have: captures by their names, computed columns, built-in ones."""

    code: ClassVar[str] = "SEY0230"
    title: ClassVar[str] = "`{table}` has no column `{name}`"

    table: str
    name: str
    known: str
    nearest: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """Those that there are."""
        return (f"its columns are {self.known}",)

    def advice(self) -> str | None:
        """The nearest names that exist."""
        return did_you_mean(self.nearest)


@dataclass(frozen=True, kw_only=True)
class LinkUneven(SpannedProblem):
    """The columns of a link are compared pair by pair, in the order in which they are written."""

    code: ClassVar[str] = "SEY0231"
    title: ClassVar[str] = "a link compares column by column, and there are {left} on the left and {right} on the right"

    left: int
    right: int


@dataclass(frozen=True, kw_only=True)
class NeverEqual(SpannedProblem):
    """A string and a number are never equal; a link of two such columns would be empty."""

    code: ClassVar[str] = "SEY0232"
    title: ClassVar[str] = "`{left}` is {kind} and `{right}` is {other}: they are never equal"
    help: ClassVar[str | None] = "a `column` can make one of the other: `cast(… as varchar)`"

    left: str
    kind: str
    right: str
    other: str


@dataclass(frozen=True, kw_only=True)
class LinkOfNoGoroutine(SpannedProblem):
    """A link leads from goroutine to goroutine, so each of its tables needs a column `goid`."""

    code: ClassVar[str] = "SEY0233"
    title: ClassVar[str] = "the rows of `{name}` belong to no goroutine, so they can't be linked"

    name: str
