"""Rows of a query as values that JSON can hold: 64-bit and larger integers exact, NaN and infinities as strings."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sey.binary.errors import SeyError
from sey.runtime.query_errors import WrongSql
from sey.runtime.views import explain

_BATCH = 4096

# What Arrow has no exact form for is turned into text by DuckDB.
_AS_TEXT = frozenset(
    {"hugeint", "uhugeint", "bignum", "interval", "time", "time with time zone", "time_ns", "bit", "union", "uuid"}
)
_NUMBERS = frozenset(
    {
        *("tinyint", "smallint", "integer", "bigint", "hugeint", "bignum", "float", "double", "decimal"),
        *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
    }
)

Reader = Callable[[pa.Array], list[Any]]


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result: its name (made unique) and DuckDB's type of it."""

    name: str
    type: str
    number: bool


@dataclass(frozen=True)
class Result:
    """The columns of a query's result, and its rows, which can be read once."""

    columns: tuple[ResultColumn, ...]
    batches: Iterator[list[tuple[Any, ...]]]

    @classmethod
    def of(cls, relation: duckdb.DuckDBPyRelation | None) -> Result:
        """The result of a relation; of None (a statement without rows) an empty one."""
        if relation is None:
            return cls((), iter(()))
        types = list(relation.types)
        names = _unique(list(relation.columns))
        columns = tuple(
            ResultColumn(name, str(kind), _id(kind) in _NUMBERS) for name, kind in zip(names, types, strict=True)
        )
        parts = [
            f"cast(#{n} as varchar)" if _id(kind) in _AS_TEXT else f"#{n}" for n, kind in enumerate(types, start=1)
        ]
        exact = relation.project(", ".join(f'{part} as "c{n}"' for n, part in enumerate(parts)))
        readers = [_reader(kind, top=True) for kind in types]
        return cls(columns, _batches(exact.to_arrow_reader(_BATCH), readers))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows one by one."""
        for batch in self.batches:
            yield from batch


def _batches(reader: pa.RecordBatchReader, readers: list[Reader]) -> Iterator[list[tuple[Any, ...]]]:
    for batch in _read(reader):
        columns = [read(array) for read, array in zip(readers, batch.columns, strict=True)]
        yield list(zip(*columns, strict=True))


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches. Raises SeyError (WrongSql) where the query fails at a later row than the first."""
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        raise SeyError(WrongSql(*explain(error))) from None


def _unique(names: list[str]) -> list[str]:
    """JSON objects can't have two members of one name: the second `a` becomes `a_1`."""
    seen: set[str] = set()
    for at, name in enumerate(names):
        number, candidate = 0, name
        while candidate in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate)
        names[at] = candidate
    return names


def _id(kind: Any) -> str:
    return "json" if str(kind) == "JSON" else str(kind.id)


def _reader(kind: Any, *, top: bool = False) -> Reader:
    match _id(kind):
        case "json":
            return _each(_parsed)
        case "hugeint" | "uhugeint" | "bignum":
            return _each(int)
        case "decimal":
            return _each(_decimal)
        case "float" | "double":
            return _floats
        case "timestamp" | "timestamp with time zone" | "timestamp_s" | "timestamp_ms" | "timestamp_ns":
            return _timestamps
        case "date":
            return lambda array: _instants(array.cast(pa.int32()).cast(pa.int64()), "D", "")
        case "blob":
            return _each(bytes.hex)
        case "list" | "array":
            return _lists(_reader(kind.children[0][1]))
        case "struct":
            return _structs([(name, _reader(inner)) for name, inner in kind.children])
        case "map":
            return _maps(_reader(kind.children[0][1]), _reader(kind.children[1][1]))
        case other if other in _AS_TEXT and not top:
            return _each(str)
        case _:
            return lambda array: list(array.to_pylist())


def _each(of: Callable[[Any], Any]) -> Reader:
    return lambda array: [None if value is None else of(value) for value in array.to_pylist()]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _decimal(value: Any) -> Any:
    return int(value) if value == value.to_integral_value() and abs(value.as_tuple().exponent) == 0 else float(value)


def _floats(array: pa.Array) -> list[Any]:
    return [value if value is None or math.isfinite(value) else _special(value) for value in array.to_pylist()]


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _timestamps(array: pa.Array) -> list[Any]:
    return _instants(array.cast(pa.int64()), array.type.unit, "Z")


def _instants(array: pa.Array, unit: str, zone: str) -> list[Any]:
    """ISO 8601, also of years that Python's datetime doesn't know."""
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    # The two ends stand for infinity in DuckDB.
    ends = {np.iinfo(np.int64).max: "infinity", -np.iinfo(np.int64).max: "-infinity"}
    texts = np.datetime_as_string(values.astype(f"datetime64[{unit}]")).tolist()
    known = array.is_valid().to_pylist()
    return [
        None if not there else ends.get(value, _short(text) + zone)
        for there, value, text in zip(known, values.tolist(), texts, strict=True)
    ]


def _short(text: str) -> str:
    """Without a fraction that is zero."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lists(inner: Reader) -> Reader:
    def read(array: pa.Array) -> list[Any]:
        lengths = pc.list_value_length(array).to_pylist()
        values = iter(inner(array.flatten()))
        return [None if length is None else [next(values) for _ in range(length)] for length in lengths]

    return read


def _structs(inner: list[tuple[str, Reader]]) -> Reader:
    def read(array: pa.Array) -> list[Any]:
        columns = [of(part) for (_, of), part in zip(inner, array.flatten(), strict=True)]
        names = [name for name, _ in inner]
        rows = zip(array.is_valid().to_pylist(), *columns, strict=True)
        return [dict(zip(names, row, strict=True)) if there else None for there, *row in rows]

    return read


def _name(key: Any) -> str:
    """A key as the name of a member of a JSON object."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _maps(key: Reader, value: Reader) -> Reader:
    def read(array: pa.Array) -> list[Any]:
        ends = array.offsets.to_pylist()
        keys, values = key(array.keys), value(array.items)
        first = ends[0] if len(keys) == ends[-1] - ends[0] else 0  # Arrow releases differ on what slices have
        known = array.is_valid().to_pylist()
        spans = [slice(low - first, high - first) for low, high in itertools.pairwise(ends)]
        pairs = [zip(map(_name, keys[span]), values[span], strict=True) for span in spans]
        return [dict(pair) if there else None for there, pair in zip(known, pairs, strict=True)]

    return read
