"""The columns of every table that tell one snapshot of a process from another: `snapshot` and `captured_at`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.runtime.capture import ProcessFacts
from sey.runtime.decode.forms import TIMESTAMP

_FIELDS = (pa.field("snapshot", pa.int32()), pa.field("captured_at", TIMESTAMP))
_LARGEST = (1 << 63) - 1


def dated_schema(schema: pa.Schema) -> pa.Schema:
    """The columns of a table with those behind them; a capture that is called like one of them stays."""
    taken = {name.lower() for name in schema.names}
    for field in _FIELDS:
        if field.name not in taken:
            schema = schema.append(field)
    return schema


def dated(batch: pa.RecordBatch, facts: ProcessFacts) -> pa.RecordBatch:
    """Rows of one process with the columns of `dated_schema`."""
    schema, rows = dated_schema(batch.schema), batch.num_rows
    at = min(facts.captured_at_ns // 1000, _LARGEST)
    values = {
        "snapshot": pa.array(np.full(rows, facts.snapshot, dtype=np.int32)),
        "captured_at": pa.array(np.full(rows, at, dtype=np.int64)).cast(TIMESTAMP),
    }
    added = [values[name] for name in schema.names[batch.num_columns :]]
    return pa.RecordBatch.from_arrays([*batch.columns, *added], schema=schema)


def dated_table(table: pa.Table, facts: ProcessFacts) -> pa.Table:
    """`dated` for a table of one process."""
    batches = [dated(batch, facts) for batch in table.to_batches()]
    return pa.Table.from_batches(batches, dated_schema(table.schema))
