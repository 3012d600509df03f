"""The views that queries see: the captured tables with the spec's columns, and the spec's tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from sey.binary.errors import Problem
from sey.ir.plan import PlanLink, PlanSqlColumn, PlanSqlTable
from sey.runtime.capture import Capture
from sey.runtime.duck import quoted
from sey.runtime.links import Columns, WrongLinkError, link_sql
from sey.runtime.query_errors import WrongSpecColumn, WrongSpecLink, WrongSpecTable


@dataclass(frozen=True)
class SpecSql:
    """What a spec adds to the captured tables; `path` names it in messages."""

    path: str
    tables: tuple[PlanSqlTable, ...] = ()
    columns: tuple[PlanSqlColumn, ...] = ()
    links: tuple[PlanLink, ...] = ()

    @classmethod
    def of(cls, capture: Capture) -> SpecSql:
        """What the specs that the capture was taken with add."""
        plans = [plan for bundle in capture.bundles for binary in bundle.binaries for plan in binary.plans]
        tables = {table.name: table for plan in plans for table in plan.tables}
        columns = {(c.table, c.name): c for plan in plans for c in plan.columns}
        paths = dict.fromkeys(bundle.spec_path for bundle in capture.bundles if bundle.spec_path)
        links = {link.name: link for plan in plans for link in plan.links}
        return cls(", ".join(paths), tuple(tables.values()), tuple(columns.values()), tuple(links.values()))


@dataclass(frozen=True)
class MadeTable:
    """A table of the spec, or of one of its links: the query that it is."""

    name: str
    sql: str


@dataclass(frozen=True)
class Made:
    """What was made: the spec's tables in an order in which each needs only those before it, and what failed."""

    tables: tuple[MadeTable, ...]
    problems: tuple[Problem, ...]


def make_views(connection: duckdb.DuckDBPyConnection, base: Sequence[str], spec: SpecSql) -> Made:
    """Make a view of each of the `base` tables of the database `captured`, and of each of the spec's tables.

    What doesn't work is left out, and what needs it. Of several snapshots the spec's tables and columns are made for
    each by itself, so that what a spec says of one holds for each of many; the views have the rows of all.
    """
    rows = connection.execute("select distinct snapshot from captured.main.processes order by 1").fetchall()
    snapshots = [int(number) for (number,) in rows]
    if len(snapshots) < 2:
        return _Views(connection, base, spec).make()
    _Views(connection, base, SpecSql(spec.path)).make()
    return _over_snapshots(connection, base, spec, snapshots)


def _over_snapshots(
    connection: duckdb.DuckDBPyConnection, base: Sequence[str], spec: SpecSql, snapshots: Sequence[int]
) -> Made:
    """The views of each snapshot in a schema of its own, and what they have together in `main`."""
    if not (spec.tables or spec.columns or spec.links):
        return Made((), ())
    made: dict[int, Made] = {}
    for number in snapshots:
        connection.execute(f"create schema snapshot_{number}")
        # A view finds the tables that it names in its own schema, whatever is queried later.
        connection.execute(f"set schema = 'snapshot_{number}'")
        made[number] = _Views(connection, base, spec, f" where snapshot = {number}").make()
    connection.execute("set schema = 'main'")
    for name in {column.table.lower(): column.table for column in spec.columns}.values():
        if name.lower() in (table.lower() for table in base):
            _together(connection, name, snapshots)
    first = made[snapshots[0]]
    return Made(tuple(_together(connection, table.name, snapshots) for table in first.tables), first.problems)


def _together(connection: duckdb.DuckDBPyConnection, name: str, snapshots: Sequence[int]) -> MadeTable:
    """A table of all snapshots, each row with the number of its own."""
    view = quoted(name)
    columns = connection.execute(f"describe snapshot_{snapshots[0]}.{view}").fetchall()
    numbered = any(column[0].lower() == "snapshot" for column in columns)
    parts = (
        f"select *{'' if numbered else f', {number} as snapshot'} from snapshot_{number}.{view}" for number in snapshots
    )
    table = MadeTable(name, " union all by name ".join(parts))
    connection.execute(f"create or replace view {view} as {table.sql}")
    return table


class _Views:
    """What one view needs of another is found by trying until nothing more succeeds."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, base: Sequence[str], spec: SpecSql, where: str = ""
    ) -> None:
        """`where` says which rows of the captured tables there are."""
        self.connection = connection
        self.where = where
        self.base = {name.lower(): name for name in base}
        self.spec = spec
        self.added: dict[str, list[str]] = {name: [] for name in self.base}

    def make(self) -> Made:
        for name in self.base:
            self._make_base(name)
        columns: list[PlanSqlColumn] = list(self.spec.columns)
        tables: list[PlanSqlTable | PlanLink] = [*self.spec.tables, *self.spec.links]
        done: list[MadeTable] = []
        while True:
            wrong_columns = {c: p for c in columns if (p := self._add_column(c)) is not None}
            # A view is bound to the columns it saw: after new columns all of them are made again.
            if len(wrong_columns) < len(columns):
                done = [table for table in done if self._made_again(table)]
            wrong_tables: dict[PlanSqlTable | PlanLink, Problem] = {}
            for table in tables:
                match self._add_table(table):
                    case MadeTable() as made:
                        done.append(made)
                    case problem:
                        wrong_tables[table] = problem
            progress = len(wrong_columns) < len(columns) or len(wrong_tables) < len(tables)
            columns, tables = list(wrong_columns), list(wrong_tables)
            if not progress:
                return Made(tuple(done), (*wrong_columns.values(), *wrong_tables.values()))

    def _make_base(self, name: str) -> None:
        extra = "".join(f", {expression}" for expression in self.added[name])
        view = quoted(self.base[name])
        self._execute_one(f"create or replace view {view} as select *{extra} from captured.main.{view}{self.where}")

    def _add_column(self, column: PlanSqlColumn) -> Problem | None:
        path, name = self.spec.path, column.table.lower()
        if name not in self.base:
            return WrongSpecColumn(path, column.table, column.name, f"there is no table `{column.table}`")
        taken = self.connection.execute(f"describe {quoted(self.base[name])}").fetchall()
        if column.name.lower() in (other[0].lower() for other in taken):
            return WrongSpecColumn(path, column.table, column.name, "the table has a column of that name")
        self.added[name].append(f"cast((\n{_trimmed(column.sql)}\n) as {column.type}) as {quoted(column.name)}")
        try:
            self._make_base(name)
            # Using it finds a column that is made from itself by way of a table.
            self.connection.execute(f"describe {quoted(self.base[name])}")
        except duckdb.Error as error:
            self.added[name].pop()
            self._make_base(name)
            lines = sum(expression.count("\n") for expression in self.added[name])
            return WrongSpecColumn(path, column.table, column.name, *explain(error, lines + 1))
        return None

    def _add_table(self, table: PlanSqlTable | PlanLink) -> MadeTable | Problem:
        if table.name.lower() in self.base:
            taken = WrongSpecLink if isinstance(table, PlanLink) else WrongSpecTable
            return taken(self.spec.path, table.name, "there is a captured table of that name")
        try:
            sql = link_sql(table, self._columns) if isinstance(table, PlanLink) else _trimmed(table.sql)
            made = MadeTable(table.name, sql)
            self._make_table(made)
        except WrongLinkError as error:
            return WrongSpecLink(self.spec.path, table.name, str(error))
        except duckdb.Error as error:
            return WrongSpecTable(self.spec.path, table.name, *explain(error, 1))
        return made

    def _made_again(self, table: MadeTable) -> bool:
        try:
            self._make_table(table)
        except duckdb.Error:
            return False
        return True

    def _make_table(self, table: MadeTable) -> None:
        self._execute_one(f"create or replace view {quoted(table.name)} as (\n{table.sql}\n)")

    def _columns(self, table: str) -> Columns | None:
        try:
            rows = self.connection.execute(f"describe {quoted(table)}").fetchall()
        except duckdb.Error:
            return None
        return {row[0].lower(): row[1] for row in rows}

    def _execute_one(self, sql: str) -> None:
        """Run what must be a single statement, whatever a spec's text makes of it."""
        statements = self.connection.extract_statements(sql)
        if len(statements) != 1:
            raise duckdb.ParserException("Parser Error: more than one statement")
        self.connection.execute(statements[0])


def _trimmed(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()


def explain(error: Exception, shift: int = 0) -> tuple[str, str]:
    """DuckDB's message in one line, and the place it points to; line numbers lowered by `shift`."""
    text, _, place = str(error).partition("\n\nLINE ")
    text = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", text)
    number, _, rest = place.partition(":")
    if not number.isdigit():
        return _one_line(text), ""
    line = f"line {max(int(number) - shift, 1)}:"
    shown, _, mark = rest.partition("\n")
    # DuckDB indents the mark by `LINE n: ` and what stands before the place.
    return _one_line(text), f"{line}{shown}\n{mark[len('LINE :') + len(number) - len(line) :].rstrip()}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
