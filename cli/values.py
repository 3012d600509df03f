"""How much of each captured value is there: rows of a capture by status."""

from __future__ import annotations

from sey.runtime.capture import Capture
from sey.runtime.decode.process import decode_process
from sey.runtime.decode.vectors import STATUS_WORDS
from sey.runtime.pages import I64Array

Counts = dict[str, dict[str, dict[str, int]]]
"""Rows by table (`globals` is one), column and status."""


def count_statuses(capture: Capture) -> Counts:
    """What the statuses of the captured values are. Raises SeyError where the capture is damaged."""
    found: Counts = {}
    for process in capture.processes:
        if process.pages is None:
            continue
        decoded = decode_process(process, capture.plan(process.facts))
        for rows in decoded.captures:
            for shape, counts in zip(rows.shapes, rows.status_counts(), strict=True):
                _add(found, rows.block.table, shape.column.name, counts)
        for variable in decoded.globals:
            _add(found, "globals", variable.variable.column.name, variable.value.status_counts())
    return found


def _add(found: Counts, table: str, name: str, counts: I64Array) -> None:
    column = found.setdefault(table, {}).setdefault(name, {}) if counts.any() else {}
    for status in counts.nonzero()[0].tolist():
        word = STATUS_WORDS[status]
        column[word] = column.get(word, 0) + int(counts[status])
