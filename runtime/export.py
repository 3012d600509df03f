"""A capture in the formats of other tools: databases, Parquet, JSON, two for profiles of stacks, one for events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import duckdb

from sey.binary.errors import Problem, SeyError
from sey.runtime.capture import Capture
from sey.runtime.database import Database, attach_captured, base_tables, open_database
from sey.runtime.duck import literal, quoted
from sey.runtime.file_errors import CannotWrite, NoGoroutines, UnknownExport
from sey.runtime.files import replacing, write_whole
from sey.runtime.perfetto import to_perfetto
from sey.runtime.pprof import profile
from sey.runtime.query_errors import WrongSql
from sey.runtime.relational import to_parquet, to_sqlite
from sey.runtime.views import SpecSql, explain, make_views

Exporter = Callable[[Capture, SpecSql | None, str], tuple[Problem, ...]]


def export(capture: Capture, path: str, spec: SpecSql | None = None) -> tuple[Problem, ...]:
    """Write the capture to `path`, whole or not at all, in the format that its ending names.

    Gives the problems of the spec's own tables and columns, which are left out then. Raises SeyError.
    """
    return exporter(path)(capture, spec, path)


def exporter(path: str) -> Exporter:
    """What writes the format that the ending of `path` names. Raises SeyError (UnknownExport)."""
    ending = next((name for name in _EXPORTERS if path.rstrip("/").endswith(f".{name}")), None)
    if ending is None:
        raise SeyError(UnknownExport(path, ", ".join(f".{name}" for name in _EXPORTERS)))
    return _EXPORTERS[ending]


def _to_duckdb(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    """Captured tables with the spec's columns as tables, the spec's tables as views over them; of several snapshots
    these are tables too.
    """
    with replacing(path) as temporary, duckdb.connect(":memory:") as connection:
        attach_captured(connection, capture, "captured", cached=False)
        made = make_views(connection, base_tables(connection), SpecSql.of(capture) if spec is None else spec)
        try:
            connection.execute(f"attach {literal(temporary)} as exported")
            for name in base_tables(connection):
                connection.execute(f"create table exported.main.{quoted(name)} as select * from main.{quoted(name)}")
            connection.execute("use exported.main")
            several = len(capture.snapshots) > 1  # then what a spec's table is made of isn't in the file
            for table in made.tables:
                if several:
                    name = quoted(table.name)
                    connection.execute(f"create table {name} as select * from memory.main.{name}")
                    continue
                connection.execute(f"create view {quoted(table.name)} as (\n{table.sql}\n)")
            connection.execute("use memory.main")
            connection.execute("detach exported")
        except duckdb.IOException as error:
            raise SeyError(CannotWrite(path, " ".join(str(error).split()))) from None
        except duckdb.Error as error:  # of several snapshots a spec's table is made here, of all its rows
            raise SeyError(WrongSql(*explain(error))) from None
    return made.problems


def _to_json(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    """One object with a member for each table: an array of its rows as objects."""
    with open_database(capture, spec) as database:
        write_whole(path, [part.encode("utf-8", "surrogatepass") for part in _json_parts(database)])
        return database.problems


def _json_parts(database: Database) -> Iterator[str]:
    for number, table in enumerate(database.tables()):
        yield ("{" if number == 0 else ",\n") + json.dumps(table.name) + ": ["
        result = database.query(f"select * from {quoted(table.name)}")
        names = [column.name for column in result.columns]
        for at, row in enumerate(result.rows()):
            text = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False)
            yield ("\n  " if at == 0 else ",\n  ") + text
        yield "]"
    yield "}\n"


def _to_folded(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    """A line for each distinct stack: visible frames from the outermost on, joined by `;`, and how many goroutines,
    of a trace how many events, have it.

    Of several snapshots it is the last one: goroutines add up within a snapshot alone.
    """
    with open_database(capture.last, spec) as database:
        sql = f"""
            select string_agg(replace(coalesce(function, printf('0x%x', pc)), ';', ':'), ';' order by depth desc)
                   as stack, any_value(n) as n
            from frames join ({_stack_counts(database)}) using (pid, stack_id) where not hidden
            group by pid, stack_id
        """
        total = f"select stack, sum(n) from ({sql}) group by 1 order by 1"
        lines = [f"{stack} {count}\n" for stack, count in database.query(total).rows()]
    write_whole(path, ["".join(lines).encode("utf-8", "surrogatepass")])
    return ()


def _stack_counts(database: Database) -> str:
    """A query for how many goroutines and events have each stack."""
    counts = ["select pid, stack_id, goroutines as n from stacks where goroutines > 0"]
    for table in database.tables():
        if {"time_ns", "stack_id"} <= {name for name, _ in table.columns}:
            counts.append(f"select pid, stack_id, count(*) from {quoted(table.name)} group by all")
    return f"select pid, stack_id, sum(n) as n from ({' union all '.join(counts)}) group by all"


def _to_sqlite(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    with open_database(capture, spec) as database:
        to_sqlite(database, path)
        return database.problems


def _to_parquet(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    with open_database(capture, spec) as database:
        to_parquet(database, path)
        return database.problems


def _to_pprof(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    if any(process.facts.traced for process in capture.last.processes):
        raise SeyError(NoGoroutines(path))
    with open_database(capture.last, spec) as database:
        write_whole(path, [profile(database)])
    return ()


def _to_perfetto(capture: Capture, spec: SpecSql | None, path: str) -> tuple[Problem, ...]:
    with open_database(capture, spec) as database:
        to_perfetto(capture, database, path)
        return ()


_EXPORTERS: dict[str, Exporter] = {
    "duckdb": _to_duckdb,
    "parquet": _to_parquet,
    "sqlite": _to_sqlite,
    "json": _to_json,
    "folded": _to_folded,
    "pb.gz": _to_pprof,
    "perfetto": _to_perfetto,
}

ENDINGS = tuple(_EXPORTERS)
"""The endings that name a format."""
