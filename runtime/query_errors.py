"""What can be wrong with queries and with the SQL of specs: the SEY08xx part of the error catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class WrongSql(Problem):
    """The query doesn't parse, names what isn't there, or fails while it runs. `reason` is DuckDB's own text."""

    code: ClassVar[str] = "SEY0801"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "the query failed: {reason}"
    help: ClassVar[str | None] = "`sey query FILE` without SQL lists the tables and their columns"
    reason: str
    place: str = ""

    def notes(self) -> tuple[str, ...]:
        """The place in the query, with a mark under it."""
        return tuple(self.place.splitlines())


@dataclass(frozen=True)
class NotReading(Problem):
    """A statement that would change something; queries only read."""

    code: ClassVar[str] = "SEY0802"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "a query can only read; {statement} is not run"
    help: ClassVar[str | None] = "`sey export` writes the tables to a DuckDB file, which you may change"
    statement: str


@dataclass(frozen=True)
class EmptyQuery(Problem):
    """There is no statement in the query."""

    code: ClassVar[str] = "SEY0803"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "the query is empty"
    help: ClassVar[str | None] = "`sey query FILE` without SQL lists the tables and their columns"


@dataclass(frozen=True)
class QueryTooLarge(Problem):
    """The query needs more memory than there is."""

    code: ClassVar[str] = "SEY0804"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "the query needs more memory than there is: {reason}"
    help: ClassVar[str | None] = "select fewer columns or rows"
    reason: str


@dataclass(frozen=True)
class WrongSpecTable(Problem):
    """The SQL of a spec's `table` doesn't work over the tables of this capture. The other tables do."""

    code: ClassVar[str] = "SEY0805"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "{spec}: table `{name}` can't be made: {reason}"
    spec: str
    name: str
    reason: str
    place: str = ""

    def notes(self) -> tuple[str, ...]:
        """The place in the table's SQL, with a mark under it."""
        return tuple(self.place.splitlines())


@dataclass(frozen=True)
class WrongSpecColumn(Problem):
    """The expression of a spec's `column` doesn't work over its table. The other columns do."""

    code: ClassVar[str] = "SEY0806"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "{spec}: column `{name}` of `{table}` can't be made: {reason}"
    spec: str
    table: str
    name: str
    reason: str
    place: str = ""

    def notes(self) -> tuple[str, ...]:
        """The place in the column's SQL, with a mark under it."""
        return tuple(self.place.splitlines())


@dataclass(frozen=True)
class WrongSpecLink(Problem):
    """A `link` of a spec doesn't fit the tables of this capture. The other links do."""

    code: ClassVar[str] = "SEY0807"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "{spec}: link `{name}` can't be made: {reason}"
    spec: str
    name: str
    reason: str


@dataclass(frozen=True)
class NoSnapshot(Problem):
    """`--snapshot` names a snapshot that the capture doesn't have. They are numbered from 0."""

    code: ClassVar[str] = "SEY0808"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "{path} has no snapshot {number}; there are {count}, numbered from 0"
    path: str
    number: int
    count: int
