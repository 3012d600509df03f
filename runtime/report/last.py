"""Views of a capture's tables with each process's last snapshot alone: a report is about one moment."""

from __future__ import annotations

import duckdb

from sey.runtime.duck import quoted

_TABLES = "select table_name from duckdb_tables() where database_name = ? order by table_oid"


def make_last(connection: duckdb.DuckDBPyConnection, catalog: str, prefix: str) -> list[str]:
    """Make a temporary view `<prefix><table>` of each table of a database (a plain name); the tables' names."""
    names = [str(name) for (name,) in connection.execute(_TABLES, [catalog]).fetchall()]
    last = "coalesce(max(snapshot) filter (problem is null), max(snapshot))"
    moments = f"select pid, {last} from {catalog}.main.processes group by pid"
    several = connection.execute(f"select count(distinct snapshot) > 1 from {catalog}.main.processes").fetchall()[0][0]
    which = f" where (pid, snapshot) in ({moments})" if several else ""
    for name in names:
        view = quoted(prefix + name)
        connection.execute(f"create or replace temp view {view} as from {catalog}.main.{quoted(name)}{which}")
    return names
