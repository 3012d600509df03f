"""The tables of a capture for other databases: an SQLite file, a folder of Parquet files."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import duckdb

from sey.binary.errors import SeyError
from sey.runtime.database import Database
from sey.runtime.duck import quoted
from sey.runtime.file_errors import CannotWrite
from sey.runtime.files import replacing, writable_target

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "BOOLEAN")
_EXACT = {"HUGEINT": "decimal(38, 0)"} | dict.fromkeys(("UHUGEINT", "BIGNUM", "BIT", "TIME_NS", "INTERVAL"), "varchar")
"""What Parquet would hold inexactly or not at all, as what it can hold."""


def to_sqlite(database: Database, path: str) -> None:
    """Every table, those of the spec too. What SQLite has no type for is text: lists and structs as JSON, times in
    ISO form, integers beyond 63 bits in decimal. Raises SeyError.
    """
    with replacing(path) as temporary:
        try:
            with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as file:
                # What is half written is thrown away anyway.
                file.execute("pragma journal_mode = off")
                file.execute("pragma synchronous = off")
                file.execute("begin")
                for table in database.tables():
                    _copy(database, table.name, file)
                file.execute("commit")
        except sqlite3.Error as error:
            raise SeyError(CannotWrite(path, str(error))) from None


def _copy(database: Database, name: str, file: sqlite3.Connection) -> None:
    result = database.query(f"select * from {quoted(name)}")
    columns = ", ".join(f"{quoted(column.name)} {_affinity(column.type)}".strip() for column in result.columns)
    file.execute(f"create table {quoted(name)} ({columns})")
    places = ", ".join("?" * len(result.columns))
    rows = (tuple(map(_plain, row)) for row in result.rows())
    file.executemany(f"insert into {quoted(name)} values ({places})", rows)


def _affinity(kind: str) -> str:
    """The column's type as SQLite has it. Numbers beyond its integers must stay as they are, so they get none."""
    if kind in _INTEGERS:
        return "" if kind == "UBIGINT" else "integer"
    return "real" if kind in ("FLOAT", "DOUBLE") else "text"


def _plain(value: Any) -> int | float | str | None:
    match value:
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        case int() if not -(1 << 63) <= value < 1 << 63:
            return str(value)
        case str():
            return value.encode("utf-8", "replace").decode()
        case None | int() | float():
            return value
        case _:
            return str(value)


def to_parquet(database: Database, path: str) -> None:
    """A folder `path` with a file for each table, those of the spec too; whole or not at all. Raises SeyError."""
    with _replacing_folder(path) as folder:
        for table in database.tables():
            parts = ", ".join(
                f"cast({quoted(name)} as {_EXACT[kind]}) as {quoted(name)}" if kind in _EXACT else quoted(name)
                for name, kind in table.columns
            )
            # The database reads and writes no files, so what it has goes through Arrow.
            relation = database.connection.sql(f"select {parts} from {quoted(table.name)}")
            _write_parquet(relation, os.path.join(folder, f"{table.name}.parquet"))


def _write_parquet(relation: duckdb.DuckDBPyRelation, path: str) -> None:
    import pyarrow.parquet as pq

    reader = relation.to_arrow_reader(1 << 16)
    with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    os.chmod(path, 0o600)


@contextlib.contextmanager
def _replacing_folder(path: str) -> Iterator[str]:
    """A temporary folder that takes the place of `path` when the block ends well, and else is gone.

    A folder there is replaced only if it holds nothing but Parquet files. Raises SeyError.
    """
    target = path.rstrip("/")
    if os.path.isdir(target) and not os.path.islink(target):
        if any(not name.endswith(".parquet") for name in os.listdir(target)):
            raise SeyError(CannotWrite(path, "it is a folder with other things than Parquet files"))
    else:
        target = writable_target(target)
    folder = f"{target}.{secrets.token_hex(4)}.tmp"
    try:
        os.mkdir(folder, 0o700)
        try:
            yield folder
            if os.path.isdir(target):
                shutil.rmtree(target)
            elif os.path.lexists(target):
                os.remove(target)
            os.rename(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise SeyError(CannotWrite(path, error.strerror or str(error))) from None
