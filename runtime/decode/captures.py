"""Table `captures`: every captured value as text.

Its rows are in the order of the columns, while values are decoded by rows: until all are decoded, the texts are kept
compressed. They repeat the names of fields, so that takes a tenth of their size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from sey.runtime.decode.blocktables import depths, plain
from sey.runtime.decode.columns import DecodedColumn
from sey.runtime.decode.moments import numbered
from sey.runtime.decode.process import DecodedProcess
from sey.runtime.decode.rows import DecodedBlock, SlicedRows
from sey.runtime.decode.text import constant

SCHEMA = pa.schema(
    [
        ("pid", pa.int32()),
        ("source", pa.string()),
        ("goid", pa.int64()),
        ("depth", pa.int32()),
        ("name", pa.string()),
        ("type", pa.string()),
        ("value", pa.string()),
        ("status", pa.string()),
    ]
)


class CaptureRows:
    """The table's rows, put in as they are decoded."""

    def __init__(self) -> None:
        self._kept: defaultdict[tuple[int, int], list[pa.Buffer]] = defaultdict(list)

    def put(self, block: SlicedRows, rows: DecodedBlock) -> int:
        """Keep the rows of a slice of a block. Gives the size of their texts in bytes."""
        size, goid, depth = 0, pa.array(rows.goid), depths(rows)
        for number, column in enumerate(rows.columns):
            batch = _batch(rows.pid, rows.block.table, column, goid, depth)
            size += batch.nbytes
            self._kept[id(block), number].append(_compressed(batch))
        return size

    def batches(self, processes: Sequence[DecodedProcess]) -> Iterator[pa.RecordBatch]:
        """All rows in order, let go of as they are given out."""
        for process in processes:
            for block in process.captures:
                for number in range(len(block.shapes)):
                    kept = self._kept.pop((id(block), number), [])
                    while kept:
                        yield from (numbered(batch, process.facts) for batch in pa.ipc.open_stream(kept.pop(0)))
            for variable in process.globals:
                yield numbered(global_rows(process.facts.pid, variable.value), process.facts)


def _compressed(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    ) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def global_rows(pid: int, value: DecodedColumn) -> pa.RecordBatch:
    """The row of a variable, which has no goroutine."""
    return _batch(pid, "globals", value, pa.nulls(value.count, pa.int64()), pa.nulls(value.count, pa.int32()))


def _batch(pid: int, source: str, column: DecodedColumn, goid: pa.Array, depth: pa.Array) -> pa.RecordBatch:
    count = column.count
    columns = [
        pa.array(np.full(count, pid, dtype=np.int32)),
        _repeated(source, count),
        goid,
        depth,
        _repeated(column.column.name, count),
        column.type_names(),
        column.texts(),
        column.status_words(),
    ]
    return pa.RecordBatch.from_arrays([plain(array) for array in columns], schema=SCHEMA)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), constant(text))
