"""What stands beside a column of instants: the zone that each is shown in, and its monotonic clock."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.ir.plan import Status
from sey.runtime.decode.vectors import Texts, Times, Vector, through

UTC = "UTC"


def zones(vector: Vector) -> pa.StringArray:
    """The names of the zones of instants, or of pointers to some; NULL where there is none or it isn't known."""
    inner, index = through(vector)
    if not isinstance(inner.data, Times) or inner.data.zone is None:
        return pa.nulls(len(vector), pa.string())
    return _of_rows(_names(inner.data.zone), vector, index)


def monotonic(vector: Vector) -> pa.Int64Array:
    """Nanoseconds of the monotonic clock of a vector of instants, or of pointers to some; NULL without."""
    inner, index = through(vector)
    if not isinstance(inner.data, Times):
        return pa.nulls(len(vector), pa.int64())
    return _of_rows(pa.array(inner.data.monotonic, mask=~inner.data.has_monotonic), vector, index)


def _of_rows(values: pa.Array, vector: Vector, index: np.ndarray[tuple[int], np.dtype[np.int64]] | None) -> pa.Array:
    at = np.arange(len(vector)) if index is None else index
    return values.take(pa.array(at, mask=(at < 0) | (vector.status != Status.OK)))


def _names(zone: Vector) -> pa.StringArray:
    inner, index = through(zone)
    at = np.arange(len(zone)) if index is None else index
    utc = len(inner)
    names = inner.data.values if isinstance(inner.data, Texts) else pa.nulls(len(inner), pa.string())
    place = np.where(zone.status == Status.NIL, utc, np.where(zone.status == Status.OK, at, -1))
    return pa.concat_arrays([names, pa.array([UTC], pa.string())]).take(pa.array(place, mask=place < 0))
