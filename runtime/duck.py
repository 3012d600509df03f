"""Arrow tables into a DuckDB database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa

from sey.runtime.decode.tables import TableStream


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def fill(connection: duckdb.DuckDBPyConnection, catalog: str, tables: Iterable[TableStream]) -> None:
    """Create `tables` in the database `catalog` of the connection. Raises SeyError where a capture is damaged."""
    for table in tables:
        rows = _Rows(table.batches)
        reader = pa.RecordBatchReader.from_batches(table.schema, rows)
        connection.register("arrow_rows", reader)
        try:
            connection.execute(f"create table {quoted(catalog)}.main.{quoted(table.name)} as select * from arrow_rows")
        except duckdb.Error:
            if rows.failure is None:
                raise
        finally:
            connection.unregister("arrow_rows")
        if rows.failure is not None:
            raise rows.failure


class _Rows:
    """Batches for DuckDB, which turns what goes wrong while they are made into an error of its own."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise
