"""Values as the names of their type's constants."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sey.ir.plan import Status
from sey.runtime.decode.vectors import Numbers, Vector, through


def constant_names(vector: Vector) -> pa.StringArray:
    """The name of the constant that each value is, NULL where none has that value or there is no value."""
    inner, index = through(vector)
    if not isinstance(inner.data, Numbers) or not len(inner):
        return pa.nulls(len(vector), pa.string())
    values, bits = inner.data.values, 8 * vector.type.size
    # Constants that don't fit into the type can't be values of it.
    low, high = (0, 1 << bits) if vector.type.kind == "uint" else (-(1 << bits - 1), 1 << bits - 1)
    fitting = [(value, name) for value, name in vector.type.constants if low <= value < high]
    if not fitting:
        return pa.nulls(len(vector), pa.string())
    known = np.array([value for value, _ in fitting], dtype=values.dtype)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    at = np.where(known[at] == values, at, -1)
    if index is not None:
        at = np.where(index >= 0, at[np.maximum(index, 0)], -1)
    at = np.where(vector.status == Status.OK, at, -1)
    return pa.array([name for _, name in fitting], pa.string()).take(pa.array(at, mask=at < 0))
