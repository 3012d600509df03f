"""Types as `type` statements leave them: structs with some of their fields, wherever one is reached.

A type that a statement names keeps its id, so all that leads to it leads to what is left of it. What a written path
goes through (`mu.processing`, `next.id`) gets types of its own, with the same names: elsewhere these are whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sey.frontend import bound
from sey.frontend.debuginfo.model import PART_IDS, RUNTIME_IDS, DebugInfo, GoType, Kind, TypeId
from sey.frontend.debuginfo.runtimetypes import RuntimeTypes

_OF_FIELDS = ("field_type", "field_name", "field_at", "field_embedded", "field_tag")
_OF_TYPES = ("offset", "size", "kind", "direct", "elem", "key", "layout", "length", "no_methods")


class Parts:
    """What `type` statements leave of types, by id. A type has the same id among those of the debug information and,
    where the runtime knows what it is made of, among those described to the runtime (`described`)."""

    def __init__(self, info: DebugInfo, kept: Sequence[bound.KeptType] = ()) -> None:
        self._info = info
        self._types: dict[TypeId, GoType] = {}
        self._kept = kept
        self.wholes: dict[TypeId, GoType] = {}
        """The types that those made here are parts of."""
        self._last = PART_IDS
        for one in kept:
            self._reduce(one.type, one.parts, one.type.id)

    def of(self, go_type: GoType) -> GoType:
        """What is left of a type."""
        return self._types.get(go_type.id, go_type)

    def type(self, type_id: TypeId) -> GoType:
        """What is left of the type with that id. Raises KeyError."""
        return self._types.get(type_id) or self._info.type(type_id)

    def is_path(self, type_id: TypeId) -> bool:
        """Whether the type is a pointer that a written path goes through: following it costs no depth."""
        return type_id <= PART_IDS and self._types[type_id].kind is Kind.POINTER

    def _new_id(self) -> TypeId:
        self._last -= 1
        return self._last

    def _reduce(self, go_type: GoType, parts: Sequence[bound.Part], type_id: TypeId) -> None:
        wanted = {part.name: part.inner for part in parts}
        fields = tuple(
            f._replace(type=self._inner(f.type, wanted[f.name])) if wanted[f.name] else f
            for f in go_type.fields
            if f.name in wanted
        )
        offset = go_type.runtime_type if type_id == go_type.id else None
        self._types[type_id] = replace(go_type, id=type_id, fields=fields, runtime_type=offset, part=True)

    def _inner(self, type_id: TypeId, parts: Sequence[bound.Part]) -> TypeId:
        """The id of what a path goes through: a struct, or a pointer to one."""
        go_type, made = self._info.type(type_id), self._new_id()
        self.wholes[made] = go_type
        if go_type.kind is Kind.POINTER and go_type.elem is not None:
            elem = self._inner(go_type.elem, parts)
            self._types[made] = replace(go_type, id=made, elem=elem, runtime_type=None)
        else:
            self._reduce(go_type, parts, made)
        return made

    def described(self, types: RuntimeTypes) -> RuntimeTypes:
        """What is left of the types that the binary describes to its runtime."""
        if not self._kept:
            return types
        edit = _Edit(types, self._types)
        for one in self._kept:
            row = types.row(one.type.runtime_type) if one.type.runtime_type else None
            if row is not None and types.names[row] == one.type.name:
                edit.reduce(row, row, self._types[one.type.id])
        return edit.done()


@dataclass
class _Edit:
    """Rows of types changed and added: made types stand behind the others, at offsets that stand for their ids."""

    types: RuntimeTypes
    made: Mapping[TypeId, GoType]
    added: list[tuple[int, GoType]] = field(default_factory=list)
    """The row whose type each is a part of, and the type."""
    elems: dict[int, int] = field(default_factory=dict)
    fields: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """By row the fields that are left, in the order of `RuntimeTypes`, each with what its column `field_type` has."""

    def reduce(self, row: int, of: int, go_type: GoType) -> None:
        """Row `row` has the fields of `go_type`, which is a part of the type in row `of`."""
        arrays, names = self.types.arrays, self.types.field_names
        own = range(int(arrays["field_first"][of]), int(arrays["field_first"][of + 1]))
        found = {names[int(arrays["field_name"][at])]: at for at in own}
        left = self.fields[row] = []
        for one in go_type.fields:
            at = found[one.name]
            inner = int(arrays["field_type"][at])
            left.append((at, self._add(inner - 1, self.made[one.type]) + 1 if one.type <= PART_IDS else inner))

    def _add(self, of: int, go_type: GoType) -> int:
        row = len(self.types) + len(self.added)
        self.added.append((of, go_type))
        if go_type.kind is Kind.POINTER and go_type.elem is not None:
            self.elems[row] = self._add(int(self.types.arrays["elem"][of]) - 1, self.made[go_type.elem]) + 1
        else:
            self.reduce(row, of, go_type)
        return row

    def done(self) -> RuntimeTypes:
        """All types."""
        before, rows = self.types.arrays, [*range(len(self.types)), *(of for of, _ in self.added)]
        arrays: dict[str, npt.NDArray[np.integer]] = {name: before[name].astype(np.int64)[rows] for name in _OF_TYPES}
        arrays["offset"][len(self.types) :] = [RUNTIME_IDS - go_type.id for _, go_type in self.added]
        for row, elem in self.elems.items():
            arrays["elem"][row] = elem
        arrays.update(self._all_fields())
        names = "\n".join([*self.types.names, *(go_type.name for _, go_type in self.added)]).encode()
        return RuntimeTypes(
            {**self.types.texts, "names": names}, arrays, made=len(self.added), reduced=frozenset(self.fields)
        )

    def _all_fields(self) -> dict[str, npt.NDArray[np.integer]]:
        first = self.types.arrays["field_first"].astype(np.int64)
        own = self.types.arrays["field_type"]
        runs, kinds, counts = list[npt.NDArray[np.int64]](), list[npt.NDArray[np.integer]](), np.diff(first).tolist()
        counts += [0] * len(self.added)
        at = 0
        for row in sorted(self.fields):
            left = self.fields[row]
            if row < len(self.types):
                runs.append(np.arange(at, first[row]))
                kinds.append(own[at : first[row]])
                at = int(first[row + 1])
            elif at < len(own):
                runs.append(np.arange(at, len(own)))
                kinds.append(own[at:])
                at = len(own)
            runs.append(np.array([place for place, _ in left], dtype=np.int64))
            kinds.append(np.array([kind for _, kind in left], dtype=np.int64))
            counts[row] = len(left)
        runs.append(np.arange(at, len(own)))
        kinds.append(own[at:])
        source = np.concatenate(runs)
        columns = {name: self.types.arrays[name].astype(np.int64)[source] for name in _OF_FIELDS}
        columns["field_type"] = np.concatenate(kinds).astype(np.int64)
        return {**columns, "field_first": np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))}
