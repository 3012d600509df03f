"""How much of each captured value is there: rows of a capture by status."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from sey.runtime.capture import Capture
from sey.runtime.decode.tables import decode_capture

Counts = dict[str, dict[str, dict[str, int]]]
"""Rows by table (`globals` is one), column and status."""


def count_statuses(capture: Capture) -> Counts:
    """What the statuses of the captured values are. Raises SeyError where the capture is damaged."""
    found: Counts = {}
    for row in _captured(decode_capture(capture)["captures"]):
        column = found.setdefault(row["source"], {}).setdefault(row["name"], {})
        column[row["status"]] = column.get(row["status"], 0) + row["rows"]
    return found


def _captured(captures: pa.Table) -> list[dict[str, Any]]:
    counted = captures.select(["source", "name", "status"]).group_by(["source", "name", "status"], use_threads=False)
    named = counted.aggregate([([], "count_all")]).rename_columns(["source", "name", "status", "rows"])
    rows: list[dict[str, Any]] = named.to_pylist()
    return rows
