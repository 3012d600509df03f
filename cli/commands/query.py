"""`sey query` and `sey export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sey.cli import completion, problems
from sey.cli.interrupts import leave_on_interrupt
from sey.cli.output import json_option, print_json, print_objects, print_table, printable, terminal_width
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.snapshots import only, snapshot_option
from sey.runtime.capture import Capture
from sey.runtime.wording import counted

if TYPE_CHECKING:
    from sey.runtime.database import Database
    from sey.runtime.views import SpecSql

spec_option = click.option(
    "--spec", type=click.Path(), help="Present the capture as this spec does: its tables, columns, links and names."
)


@click.command()
@click.argument("file", type=click.Path(), shell_complete=completion.files(".seyc"))
@click.argument("sql", required=False)
@spec_option
@snapshot_option
@click.option("-x", "--expanded", is_flag=True, help="Each row upright, a line for each column.")
@click.option("-w", "--wide", is_flag=True, help="Cut nothing on a terminal either.")
@json_option
@format_option
def query(
    file: str, sql: str | None, spec: str | None, snapshot: int | None, expanded: bool, wide: bool, as_json: bool
) -> None:
    """Ask a capture with SQL. Without SQL: its tables, their columns and how many rows they have.

    Of several snapshots every table has the rows of all, told apart by its column `snapshot`; `processes` has
    `captured_at`.

    On a terminal long values are cut to its width, and rows with too many columns for it are printed upright. What goes
    to a file or a pipe is never cut.
    """
    leave_on_interrupt()
    capture = only(Capture.load(file), snapshot)
    capture, added = apply_spec(capture, spec)
    from sey.runtime.database import open_database

    with working("decoding the capture"):
        database = open_database(capture, added)
    with database:
        if database.problems:
            problems.report(database.problems)
        if sql is None:
            _print_tables(database, as_json)
            return
        result = database.query(sql)
        names = [column.name for column in result.columns]
        if as_json:
            print_objects(names, result.rows())
        else:
            numbers = [column.number for column in result.columns]
            upright = True if expanded else False if wide else None
            print_table(names, result.rows(), right=numbers, upright=upright, width=None if wide else terminal_width())


@click.command()
@click.argument("file", type=click.Path(), shell_complete=completion.files(".seyc"))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    help="OUT.duckdb, .parquet, .sqlite, .json, .folded, .pb.gz or .perfetto.",
)
@spec_option
@snapshot_option
@json_option
@format_option
def export(file: str, output: str, spec: str | None, snapshot: int | None, as_json: bool) -> None:
    """Write a capture in the format that the ending of the output names.

    \b
    .duckdb   a DuckDB database
    .parquet  a folder with a Parquet file for each table
    .sqlite   an SQLite database; lists and structs are JSON there
    .json     one object, with an array of objects for each table
    .folded   stacks with counts, for flame graphs
    .pb.gz    a goroutine profile with labels, for `go tool pprof`
    .perfetto of a trace: calls and events by goroutine, for ui.perfetto.dev

    Of several snapshots .folded and .pb.gz take the last one, unless --snapshot says which.
    """
    leave_on_interrupt()
    from sey.runtime.export import export as write
    from sey.runtime.export import exporter

    exporter(output)
    capture = only(Capture.load(file), snapshot)
    capture, added = apply_spec(capture, spec)
    with working(f"writing {output}"):
        found = write(capture, output, added)
    if found:
        problems.report(found)
    if as_json:
        print_json({"file": output})


def apply_spec(capture: Capture, path: str | None) -> tuple[Capture, SpecSql | None]:
    """The capture as the spec at `path` presents it, with what that adds; without a spec as it is. Raises SeyError."""
    if path is None:
        return capture, None
    from sey.cli.presenting import present
    from sey.frontend.imports import load

    source = load(path)
    presented = present(capture, source)
    if presented.problems:
        problems.report(presented.problems, source)
    return presented.capture, presented.spec


def _print_tables(database: Database, as_json: bool) -> None:
    tables = database.tables()
    if as_json:
        print_json(
            [
                {"name": t.name, "rows": t.rows, "columns": [{"name": n, "type": kind} for n, kind in t.columns]}
                | ({"title": t.title} if t.title else {})
                for t in tables
            ]
        )
        return
    for number, table in enumerate(tables):
        title = f" ({printable(table.title)})" if table.title else ""
        rows = "an unknown number of rows" if table.rows is None else counted(table.rows, "row")
        click.echo(f"{'' if number == 0 else chr(10)}{table.name}{title}: {rows}")
        print_columns = [(name, kind) for name, kind in table.columns if not _goes_along(name, table.columns)]
        width = max((len(name) for name, _ in print_columns), default=0)
        for name, kind in print_columns:
            click.echo(f"  {name:{width}}  {_short(kind)}")


def _goes_along(name: str, columns: tuple[tuple[str, str], ...]) -> bool:
    """Whether it is one of the columns that stand beside every captured one."""
    base = name.removesuffix("__status").removesuffix("__detail").removeprefix("raw_")
    return base != name and any(other == base for other, _ in columns)


def _short(kind: str) -> str:
    return kind if len(kind) <= 100 else f"{kind[:97]}…"
