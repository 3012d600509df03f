"""Views of a capture's tables with each process's last snapshot alone: a report is about one moment."""

from __future__ import annotations

import duckdb

from sey.runtime.database import base_tables
from sey.runtime.duck import quoted


def make_last(connection: duckdb.DuckDBPyConnection, catalog: str, prefix: str) -> None:
    """Make a temporary view `<prefix><table>` of each table of a database (a plain name)."""
    last = "coalesce(max(snapshot) filter (problem is null), max(snapshot))"
    moments = f"select pid, {last} from {catalog}.main.processes group by pid"
    several = connection.execute(f"select count(distinct snapshot) > 1 from {catalog}.main.processes").fetchall()[0][0]
    which = f" where (pid, snapshot) in ({moments})" if several else ""
    for name in base_tables(connection, catalog):
        view = quoted(prefix + name)
        connection.execute(f"create or replace temp view {view} as from {catalog}.main.{quoted(name)}{which}")
