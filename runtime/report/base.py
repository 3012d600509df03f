"""The tables that a report is made from: goroutines with their places, from the captured tables as they are."""

from __future__ import annotations

from typing import Any

import duckdb

from sey.runtime.database import Database
from sey.runtime.report.last import make_last
from sey.runtime.report.model import Crowd, Place
from sey.runtime.summary import STANDARD

MOST_GOIDS = 10
"""Goroutines of a crowd that are named."""

_PREPARE = f"""
create or replace temp macro standard(f) as
    split_part(split_part(f, '/', 1), '.', 1) in ({", ".join(f"'{name}'" for name in sorted(STANDARD))});

create or replace temp table places as
select pid, stack_id, arg_min({{'function': function, 'file': file, 'line': line}},
    depth + case when standard(function) then 1000000 else 0 end) as place
from last_frames where not hidden and function is not null group by all;

create or replace temp table crew as
select g.pid, g.goid, g.status, g.wait_reason, g.wait_ns, g.created_by, g.stack_id, g.system,
    coalesce(p.place, {{'function': g.start_function, 'file': null, 'line': null}}) as place,
    hash(p.place) as place_key
from last_goroutines g left join places p using (pid, stack_id);
"""


class Source:
    """A capture's tables, asked with SQL: `crew` has the goroutines with their `place`, `last_…` the rest."""

    def __init__(self, database: Database) -> None:
        self._connection: duckdb.DuckDBPyConnection = database.connection
        make_last(self._connection, "captured", "last_")
        self._connection.execute(_PREPARE)
        # A capture by an older sey may have a table of that name that is its spec's.
        columns = self.rows("select column_name from duckdb_columns() where table_name = 'events'")
        self.has_events = ("probe_ns",) in columns

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self._connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Make a temporary table."""
        self._connection.execute(sql)


def place_of(found: dict[str, Any] | None) -> Place:
    """A place from the column `place`."""
    if found is None or found["function"] is None:
        return Place("?", None, None)
    return Place(found["function"], found["file"], found["line"])


CROWD = f"""
    count(distinct c.goid) as n, max(c.wait_ns) as longest, list_sort(list_distinct(min(c.goid, {MOST_GOIDS}))) as goids
"""
"""The columns of a crowd after what it is grouped by."""


def crowd_of(
    place: dict[str, Any] | None, operation: str | None, count: int, longest: int | None, goids: list[int]
) -> Crowd:
    """A crowd from its columns."""
    return Crowd(place_of(place), operation, count, longest, tuple(goids))
