"""A capture as a DuckDB database: its tables, the spec's tables and columns over them, and queries that only read.

    with open_database(capture) as database:
        for problem in database.problems: ...
        result = database.query("select status, count(*) from goroutines group by all")

The decoded tables are in a database called `captured` (in memory, or a file of the cache); what queries see are
views over them, so that the spec's columns and tables follow the spec at hand and not the one of the capture.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from sey.binary.errors import Problem, SeyError
from sey.ir.plan import PlanSqlColumn, PlanSqlTable
from sey.runtime import decoded_cache
from sey.runtime.capture import Capture
from sey.runtime.decode.tables import decode_capture
from sey.runtime.duck import fill, quoted
from sey.runtime.query_errors import (
    EmptyQuery,
    NotReading,
    QueryTooLarge,
    WrongSpecColumn,
    WrongSpecTable,
    WrongSql,
)
from sey.runtime.results import Result

_READING = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "SET", "VARIABLE_SET", "CREATE", "PREPARE", "EXECUTE", "RELATION"})


@dataclass(frozen=True)
class SpecSql:
    """What a spec adds to the captured tables; `path` names it in messages."""

    path: str
    tables: tuple[PlanSqlTable, ...] = ()
    columns: tuple[PlanSqlColumn, ...] = ()

    @classmethod
    def of(cls, capture: Capture) -> SpecSql:
        """What the specs that the capture was taken with add."""
        plans = [binary.plan for bundle in capture.bundles for binary in bundle.binaries]
        tables = {table.name: table for plan in plans for table in plan.tables}
        columns = {(c.table, c.name): c for plan in plans for c in plan.columns}
        paths = dict.fromkeys(bundle.spec_path for bundle in capture.bundles if bundle.spec_path)
        return cls(", ".join(paths), tuple(tables.values()), tuple(columns.values()))


@dataclass(frozen=True)
class TableInfo:
    """A table that queries can name: columns with their DuckDB types, and the number of rows."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: int | None


class Database:
    """An open capture. `problems` are the spec's tables and columns that could not be made."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, spec: SpecSql) -> None:
        self.connection = connection
        base = _base_tables(connection)
        self.problems = _Views(connection, base, spec).make()
        failed = {p.name for p in self.problems if isinstance(p, WrongSpecTable)}
        self._names = [*base, *(table.name for table in spec.tables if table.name not in failed)]
        connection.execute("set enable_external_access = false")
        connection.execute("set python_enable_replacements = false")
        connection.execute("set lock_configuration = true")

    def tables(self) -> list[TableInfo]:
        """All tables: the captured ones, then the spec's."""
        return [self._table(name) for name in self._names]

    def _table(self, name: str) -> TableInfo:
        columns = self.connection.execute(f"describe {quoted(name)}").fetchall()
        try:
            rows = self.connection.execute(f"select count(*) from {quoted(name)}").fetchall()[0][0]
        except duckdb.Error:  # a view that fails on its data (a division, a cast) has no count
            rows = None
        return TableInfo(name, tuple((c[0], c[1]) for c in columns), rows)

    def query(self, sql: str) -> Result:
        """Run one or more statements that read; the last one's rows. Raises SeyError."""
        with _told():
            statements = self.connection.extract_statements(sql)
            if not statements:
                raise SeyError(EmptyQuery())
            for statement in statements:
                if statement.type.name not in _READING:
                    raise SeyError(NotReading(statement.type.name))
            cursor = self.connection.cursor()
            for statement in statements[:-1]:
                cursor.execute(statement).fetchall()
            return Result.of(_relation(cursor, statements[-1].query))

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(capture: Capture, spec: SpecSql | None = None, *, cached: bool = True) -> Database:
    """The database of a capture, with the tables and columns of `spec` instead of its own where given.

    With `cached` large captures are decoded once and kept in the user's cache folder. Raises SeyError.
    """
    connection = duckdb.connect(":memory:")
    kept = decoded_cache.attach(connection, capture) if cached else False
    if not kept:
        connection.execute("attach ':memory:' as captured")
        fill(connection, "captured", decode_capture(capture))
    return Database(connection, SpecSql.of(capture) if spec is None else spec)


def _relation(cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation | None:
    try:
        return cursor.sql(sql)
    except duckdb.Error:
        # Executing fails alike, but then the message says where.
        cursor.execute(sql)
        raise


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turns what DuckDB raises for a query into a SeyError."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SeyError(QueryTooLarge(explain(error)[0])) from None
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except (duckdb.Error, UnicodeEncodeError) as error:
        raise SeyError(WrongSql(*explain(error))) from None


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


def _base_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'captured' order by table_oid"
    ).fetchall()
    return [name for (name,) in rows]


class _Views:
    """Makes the views that queries see. What one needs of another is found by trying until nothing more succeeds."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, base: Sequence[str], spec: SpecSql) -> None:
        self.connection = connection
        self.base = {name.lower(): name for name in base}
        self.spec = spec
        self.added: dict[str, list[str]] = {name: [] for name in self.base}

    def make(self) -> tuple[Problem, ...]:
        for name in self.base:
            self._make_base(name)
        columns, tables = list(self.spec.columns), list(self.spec.tables)
        done: list[PlanSqlTable] = []
        while True:
            wrong_columns = {c: p for c in columns if (p := self._add_column(c)) is not None}
            # A view is bound to the columns it saw: after new columns all of them are made again.
            if len(wrong_columns) < len(columns):
                done = [table for table in done if self._add_table(table) is None]
            wrong_tables = {t: p for t in tables if (p := self._add_table(t)) is not None}
            progress = len(wrong_columns) < len(columns) or len(wrong_tables) < len(tables)
            done += [table for table in tables if table not in wrong_tables]
            columns, tables = list(wrong_columns), list(wrong_tables)
            if not progress:
                return (*wrong_columns.values(), *wrong_tables.values())

    def _make_base(self, name: str) -> None:
        extra = "".join(f", {expression}" for expression in self.added[name])
        view = quoted(self.base[name])
        self._execute_one(f"create or replace view {view} as select *{extra} from captured.main.{view}")

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

    def _add_table(self, table: PlanSqlTable) -> Problem | None:
        if table.name.lower() in self.base:
            return WrongSpecTable(self.spec.path, table.name, "there is a captured table of that name")
        try:
            self._execute_one(f"create or replace view {quoted(table.name)} as (\n{_trimmed(table.sql)}\n)")
        except duckdb.Error as error:
            return WrongSpecTable(self.spec.path, table.name, *explain(error, 1))
        return None

    def _execute_one(self, sql: str) -> None:
        """Run what must be a single statement, whatever a spec's text makes of it."""
        statements = self.connection.extract_statements(sql)
        if len(statements) != 1:
            raise duckdb.ParserException("Parser Error: more than one statement")
        self.connection.execute(statements[0])


def _trimmed(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()
