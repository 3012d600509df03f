"""Arrow tables into a DuckDB database."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def fill(connection: duckdb.DuckDBPyConnection, catalog: str, tables: Mapping[str, pa.Table]) -> None:
    """Create `tables` in the database `catalog` of the connection."""
    for name, table in tables.items():
        connection.register("arrow_rows", table)
        connection.execute(f"create table {quoted(catalog)}.main.{quoted(name)} as select * from arrow_rows")
        connection.unregister("arrow_rows")
