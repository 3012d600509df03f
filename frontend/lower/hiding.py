"""Which of the runtime's types and fields a spec redacts, for all of them at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo import rtypes
from sey.frontend.debuginfo.runtimetypes import RuntimeTypes
from sey.frontend.redaction import KEYED, Redactor, is_closed, last_name

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_REFERRING = (rtypes.POINTER, rtypes.SLICE, rtypes.ARRAY, rtypes.CHAN)


class HiddenRows:
    """Rows of `RuntimeTypes` and of their fields that are hidden, as `Redactor` finds them type by type.

    Where the types are those that `type` statements leave, it goes by the whole ones.
    """

    def __init__(self, types: RuntimeTypes, redactor: Redactor | None) -> None:
        self.redactor = redactor if redactor else None
        self._left = types
        self._whole = _Whole(types if self.redactor is None else self.redactor.info.runtime_types, self.redactor)

    @cached_property
    def types(self) -> Bools:
        """The types of which nothing is captured."""
        # Of one that isn't among the whole types, of row -1, nothing is known.
        return np.append(self._whole.types, True)[self._rows]

    @cached_property
    def fields(self) -> Bools:
        """The fields that are hidden, for their names or for their types."""
        named = _named(self._left, self.redactor)
        return named if self.redactor is None else named | self.types[_field_type(self._left)]

    @cached_property
    def holding(self) -> list[int]:
        """The types whose values have holes, themselves hidden or not."""
        held = np.zeros(len(self._whole.all) + 1, dtype=np.bool_)
        held[-1] = True
        held[self._whole.holding(self._whole.types)] = True
        return [int(row) for row in np.flatnonzero(held[self._rows])]

    @cached_property
    def _rows(self) -> Ints:
        """The row of the whole type of each type, -1 for none."""
        rows = np.arange(len(self._left), dtype=np.int64)
        for row in range(len(self._whole.all), len(self._left)):
            assert self.redactor is not None
            whole = self.redactor.wholes[self._left.at(row).id]
            found = self._whole.all.row(whole.runtime_type or 0)
            rows[row] = -1 if found is None else found
        return rows

    def key_types(self) -> list[int]:
        """The types whose values, as keys of maps and contexts, are hidden names for the names of their types."""
        if self.redactor is None:
            return []
        names = self._left.names
        return [row for row, name in enumerate(names) if self.redactor.name(last_name(name))]


class _Whole:
    """All types, as they are."""

    def __init__(self, types: RuntimeTypes, redactor: Redactor | None) -> None:
        self.all = types
        self._redactor = redactor

    @cached_property
    def types(self) -> Bools:
        """The types of which nothing is captured."""
        hidden = np.zeros(len(self.all), dtype=np.bool_)
        if self._redactor is None:
            return hidden
        hidden[:] = [self._redactor.type_name(name) for name in self.all.names]
        hidden[[row for row in self.holding(hidden) if self._redactor.type(self.all.at(row))]] = True
        kind, elem = (self.all.arrays[name].astype(np.int64) for name in ("kind", "elem"))
        leads = np.isin(kind, _REFERRING) & (elem > 0)
        while True:
            more = hidden | (leads & hidden[np.maximum(elem - 1, 0)])
            if np.array_equal(more, hidden):
                return hidden
            hidden = more

    def holding(self, hidden: Bools) -> list[int]:
        """The types whose values have holes where those of some are hidden."""
        if self._redactor is None:
            return []
        arrays, owner, field_type = self.all.arrays, _owner(self.all), _field_type(self.all)
        held = hidden.copy()
        held[[row for row, name in enumerate(self.all.names) if name in KEYED]] = True
        held[owner[_named(self.all, self._redactor)]] = True
        is_array = (arrays["kind"] == rtypes.ARRAY) & (arrays["elem"] > 0)
        inner = np.concatenate((field_type, arrays["elem"][is_array].astype(np.int64) - 1))
        outer = np.concatenate((owner, np.flatnonzero(is_array)))
        is_open = ~_closed(self.all)[outer]
        inner, outer = inner[is_open], outer[is_open]
        while True:
            before = held.copy()
            held[outer[held[inner]]] = True
            if np.array_equal(before, held):
                return [int(row) for row in np.flatnonzero(held)]


def _field_type(types: RuntimeTypes) -> Ints:
    """The row of the type of each field."""
    return types.arrays["field_type"].astype(np.int64) - 1


def _owner(types: RuntimeTypes) -> Ints:
    """The row of the struct of each field."""
    first: Ints = types.arrays["field_first"].astype(np.int64)
    return np.repeat(np.arange(len(types)), np.diff(first))


def _closed(types: RuntimeTypes) -> Bools:
    return np.array([is_closed(name) for name in types.names], dtype=np.bool_)


def _named(types: RuntimeTypes, redactor: Redactor | None) -> Bools:
    """The fields that are hidden whatever their types."""
    if redactor is None:
        return np.zeros(len(types.arrays["field_type"]), dtype=np.bool_)
    names = np.array([redactor.name(name) for name in types.field_names], dtype=np.bool_)
    tags = np.array([redactor.tag(tag) for tag in types.tags], dtype=np.bool_)
    hidden = names[types.arrays["field_name"]] | tags[types.arrays["field_tag"]]
    return np.asarray(hidden & ~_closed(types)[_owner(types)])
