"""What interfaces hold, and reflect.Value and reflect.Type, which are like them.

An interface is two words (runtime/iface.go): the first, an itab or a type, is explained by the stream `typeword`, the
second is the value or its address. Values are decoded by dynamic type, all of a type at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from sey.ir.plan import HIDDEN_KIND, HIDDEN_WORD, PlanType, Status
from sey.runtime.decode.grouping import BoolArray, word, word_at
from sey.runtime.decode.kinds import REFLECT_INDIRECT, SCALARS, WITH_ADDRESS, is_one_pointer
from sey.runtime.decode.limits import Limits, Path
from sey.runtime.decode.typewords import TypeWords
from sey.runtime.decode.vectors import Dynamic, Texts, Vector, join_variants, missing, statuses
from sey.runtime.pages import I64Array, U8Array, U64Array

if TYPE_CHECKING:
    from sey.runtime.decode.values import ValueDecoder

_WORD = 8
_MISSING = (Status.DEPTH, Status.BUDGET, Status.UNREADABLE, Status.REDACTED)
"""Where that is why what an interface holds isn't there, it is the interface's own status too."""


class _Told(NamedTuple):
    """Of each word the plan's number of its type (0: unknown; -1: the word is 0), whether values are `direct`, and the
    name of the type as an index into `names`."""

    number: I64Array
    direct: BoolArray
    name: I64Array
    names: tuple[str, ...]


class Interfaces:
    """Decodes interfaces as a part of `decoder`'s values."""

    def __init__(self, decoder: ValueDecoder, words: TypeWords) -> None:
        self._decoder = decoder
        self._words = words
        self.met = words.numbers
        """The types that anything dynamic may hold."""

    def interfaces(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        """Interface values."""
        return self._dynamic(kind, word(raw, 0), word(raw, 1), None, limits, path)

    def instances(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        """Values of generic code, each behind the word that tells its type."""
        first, values = word(raw, 0), np.ascontiguousarray(raw[:, _WORD:])
        told = self._told(first)
        parts: list[tuple[I64Array, Vector]] = []
        number = told.number
        for each in np.unique(number[number > 0]).tolist():
            rows, of = np.flatnonzero(number == each).astype(np.int64), self._decoder.types[each]
            if of.size == values.shape[1]:
                parts.append((rows, self._decoder.value(of, values[rows], limits, path.take(rows))))
            else:
                number = np.where(number == each, 0, number)
        value = join_variants(kind, len(first), parts)
        status, detail = statuses(len(first), Status.OK), np.zeros(len(first), dtype=np.uint64)
        gone = np.isin(value.status, (*_MISSING, Status.NIL, Status.UNSUPPORTED))
        status[gone], detail[gone] = value.status[gone], value.detail[gone]
        status[number <= 0], detail[number <= 0] = Status.TYPE_UNKNOWN, first[number <= 0]
        shown = (number >= 0) & (status != Status.NIL)
        shape = self._decoder.type_at(kind.elem)
        address = word(values, 0) if shape is not None and shape.kind in WITH_ADDRESS else None
        return Vector(kind, status, detail, address, Dynamic(told.name, told.names, value, shown))

    def reflected(self, kind: PlanType, raw: U8Array, limits: Limits, path: Path) -> Vector:
        """Values of type reflect.Value, by its fields (reflect/value.go)."""
        at = {item.name: item.offset for item in kind.fields}
        if not all(at.get(name, kind.size) <= kind.size - 8 for name in ("typ_", "ptr", "flag")):
            return missing(kind, len(raw), Status.UNSUPPORTED)
        direct = (word_at(raw, at["flag"]) & np.uint64(REFLECT_INDIRECT)) == 0
        return self._dynamic(kind, word_at(raw, at["typ_"]), word_at(raw, at["ptr"]), direct, limits, path)

    def type_names(self, kind: PlanType, address: U64Array) -> Vector:
        """Pointers to descriptions of types, as the types' names."""
        distinct, which = np.unique(address, return_inverse=True)
        names = pa.array(self._words.look_up(distinct).names, pa.string()).take(pa.array(which.reshape(-1)))
        status = statuses(len(address), Status.OK)
        status[~np.asarray(names.is_valid())] = Status.TYPE_UNKNOWN
        status[address == 0] = Status.NIL
        detail = np.where(status == Status.TYPE_UNKNOWN, address, 0)
        return Vector(kind, status, detail, address, Texts(names))

    def _dynamic(
        self,
        kind: PlanType,
        first: U64Array,
        second: U64Array,
        direct: BoolArray | None,
        limits: Limits,
        path: Path,
    ) -> Vector:
        told = self._told(first)
        number = told.number
        is_direct = told.direct if direct is None else direct
        parts: list[tuple[I64Array, Vector]] = []
        for each in np.unique(number[number > 0]).tolist():
            for held in (True, False):
                rows = np.flatnonzero((number == each) & (is_direct == held)).astype(np.int64)
                if len(rows):
                    inside = path.take(rows)
                    parts.append((rows, self._held(self._decoder.types[each], second[rows], held, limits, inside)))
        value = join_variants(kind, len(first), parts)
        status, detail = statuses(len(first), Status.OK), np.zeros(len(first), dtype=np.uint64)
        gone = np.isin(value.status, _MISSING)
        status[gone], detail[gone] = value.status[gone], value.detail[gone]
        unknown = number == 0
        status[unknown], detail[unknown] = Status.TYPE_UNKNOWN, first[unknown]
        status[number < 0] = Status.NIL
        status[first == HIDDEN_WORD] = Status.REDACTED
        return Vector(kind, status, detail, second, Dynamic(told.name, told.names, value, number >= 0))

    def _told(self, words: U64Array) -> _Told:
        """What the words say."""
        distinct, which = np.unique(words, return_inverse=True)
        which = which.reshape(-1)
        types = self._words.look_up(distinct)
        names = tuple(sorted({name for name in types.names if name is not None}))
        place = {name: at for at, name in enumerate(names)}
        name_of = np.array([-1 if name is None else place[name] for name in types.names], dtype=np.int64)
        number = np.where((words == 0) | (words == HIDDEN_WORD), -1, types.numbers[which])
        return _Told(number, types.direct[which], name_of[which], names)

    def _held(self, kind: PlanType, second: U64Array, direct: bool, limits: Limits, path: Path) -> Vector:
        """The values of one dynamic type: the words themselves, or what lies there."""
        decoder = self._decoder
        if kind.kind == HIDDEN_KIND:
            return missing(kind, len(second), Status.REDACTED)
        if direct and is_one_pointer(kind, decoder.types):
            return decoder.value(kind, _bytes_of(second, kind.size), limits, path)
        if kind.size > 8 and direct:
            return missing(kind, len(second), Status.UNREADABLE, second)
        plain = kind.kind in SCALARS
        if limits.ended and (kind.size or direct) and not plain:
            return missing(kind, len(second), Status.DEPTH, second)
        inner = limits.beside() if plain else limits.below()
        if direct:
            return decoder.value(kind, _bytes_of(second, kind.size), inner, path)
        vector = decoder.behind(kind, kind, second, inner, path)
        vector.status[second == 0] = Status.UNREADABLE
        return vector


def _bytes_of(words: U64Array, size: int) -> U8Array:
    return np.ascontiguousarray(words).view(np.uint8).reshape(len(words), 8)[:, :size]
