"""The column of every table that tells one snapshot of a process from another.

When a snapshot was taken is in `processes` alone: with `captured_at` in more tables, the name would need that of a
table before it in joins with `processes`, which specs have.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.runtime.capture import ProcessFacts

_FIELD = pa.field("snapshot", pa.int32())


def numbered_schema(schema: pa.Schema) -> pa.Schema:
    """The columns of a table with `snapshot` behind them; a capture that is called so stays."""
    return schema if _FIELD.name in (name.lower() for name in schema.names) else schema.append(_FIELD)


def numbered(batch: pa.RecordBatch, facts: ProcessFacts) -> pa.RecordBatch:
    """Rows of one process with the columns of `numbered_schema`."""
    schema = numbered_schema(batch.schema)
    number = pa.array(np.full(batch.num_rows, facts.snapshot, dtype=np.int32))
    return pa.RecordBatch.from_arrays([*batch.columns, number][: len(schema)], schema=schema)


def numbered_table(table: pa.Table, facts: ProcessFacts) -> pa.Table:
    """`numbered` for a table of one process."""
    batches = [numbered(batch, facts) for batch in table.to_batches()]
    return pa.Table.from_batches(batches, numbered_schema(table.schema))
