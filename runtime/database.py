"""A capture as a DuckDB database: its tables, the spec's tables and columns over them, and queries that only read.

    with open_database(capture) as database:
        for problem in database.problems: ...
        result = database.query("select status, count(*) from goroutines group by all")

The decoded tables are in a database called `captured` (in memory, or a file of the cache); what queries see are
views over them, so that the spec's columns and tables follow the spec at hand and not the one of the capture.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from sey.binary.errors import SeyError
from sey.runtime import decoded_cache
from sey.runtime.capture import Capture
from sey.runtime.decode.tables import stream_capture
from sey.runtime.duck import fill, quoted
from sey.runtime.query_errors import (
    EmptyQuery,
    NotReading,
    QueryTooLarge,
    WrongSql,
)
from sey.runtime.results import Result
from sey.runtime.views import SpecSql, explain, make_views

_READING = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "SET", "VARIABLE_SET", "CREATE", "PREPARE", "EXECUTE", "RELATION"})


@dataclass(frozen=True)
class TableInfo:
    """A table that queries can name: columns with their DuckDB types, the number of rows, and a link's title."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: int | None
    title: str = ""


class Database:
    """An open capture. `problems` are the spec's tables and columns that could not be made."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, spec: SpecSql) -> None:
        self.connection = connection
        base = base_tables(connection)
        made = make_views(connection, base, spec)
        self.problems = made.problems
        names = [*(table.name for table in spec.tables), *(link.name for link in spec.links)]
        done = {table.name for table in made.tables}
        self._names = [*base, *(name for name in names if name in done)]
        self._titles = {link.name: link.title for link in spec.links if link.title}
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
        return TableInfo(name, tuple((c[0], c[1]) for c in columns), rows, self._titles.get(name, ""))

    def query(self, sql: str) -> Result:
        """Run one or more statements that read; the last one's rows. Raises SeyError."""
        with _told():
            statements = self.connection.extract_statements(_text(sql))
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
    attach_captured(connection, capture, "captured", cached=cached)
    return Database(connection, SpecSql.of(capture) if spec is None else spec)


def attach_captured(connection: duckdb.DuckDBPyConnection, capture: Capture, catalog: str, *, cached: bool) -> None:
    """Attach the captured tables as the database `catalog` (a plain name), decoded first where that isn't kept.

    Raises SeyError.
    """
    if not (cached and decoded_cache.attach(connection, capture, catalog)):
        connection.execute(f"attach ':memory:' as {catalog}")
        fill(connection, catalog, stream_capture(capture))


def _text(sql: str) -> str:
    """An argument of the command line as text: Python keeps bytes that the locale doesn't know as surrogates."""
    try:
        return sql.encode("utf-8", "surrogateescape").decode()
    except UnicodeError:
        raise SeyError(WrongSql("it is not UTF-8")) from None


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
    except duckdb.Error as error:
        raise SeyError(WrongSql(*explain(error))) from None


def base_tables(connection: duckdb.DuckDBPyConnection, catalog: str = "captured") -> list[str]:
    """The names of the captured tables, in the database `catalog`."""
    listing = "select table_name from duckdb_tables() where database_name = ? order by table_oid"
    return [name for (name,) in connection.execute(listing, [catalog]).fetchall()]
