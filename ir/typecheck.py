"""Whether types that came from a file make sense together, so that decoding can rely on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sey.ir.plan import HIDDEN_KIND, PART
from sey.ir.typegraph import HAS_ENTRY, HAS_LENGTH, INDIRECT_ELEM, INDIRECT_KEY, MARKED, TypeColumns

SIZES: dict[str, tuple[int, ...] | None] = {
    "bool": (1,),
    "int": (1, 2, 4, 8),
    "uint": (1, 2, 4, 8),
    "float": (4, 8),
    "complex": (8, 16),
    "string": (16,),
    "slice": (24,),
    "pointer": (8,),
    "map": (8,),
    "chan": (8,),
    "func": (8,),
    "interface": (16,),
    "unsafe.Pointer": (8,),
    "array": None,
    "struct": None,
    "shared": None,
    "unknown": None,
    HIDDEN_KIND: None,
}
"""Sizes that a kind can have; None where any is possible."""
SPECIAL_SIZES = {"time": 24, "duration": 8, "address": 8}
_MAX_SIZE = 1 << 50
"""Above what addresses reach: the runtime has types of half of that, `[1<<49 - 1]uint16`, to slice from pointers."""
_MAX_NESTING = 1000
_WORD = 8

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def problem_of(types: TypeColumns) -> str | None:
    """What is wrong with the types, the first thing of all; None where nothing is."""
    return _Checker(types).problem()


class _Checker:
    def __init__(self, types: TypeColumns) -> None:
        self._texts = types.texts
        self._c = {name: column.astype(np.int64) for name, column in types.columns.items()}
        self._order = np.argsort(self._c["id"], kind="stable")
        self._sorted = self._c["id"][self._order]
        self._owner = np.repeat(np.arange(len(self._c["id"])), self._c["fields"])

    def problem(self) -> str | None:
        if np.any(self._sorted[1:] == self._sorted[:-1]):
            return "two types are the same"
        return self._sizes() or self._references() or self._parts() or self._entries() or self._containment()

    def _where(self, row: int) -> str:
        return f"type {int(self._c['id'][row])} ({self._texts['names'][row]})"

    def _first(self, wrong: Bools) -> str | None:
        """The first type that is wrong."""
        rows = np.flatnonzero(wrong)
        return self._where(int(rows[0])) if len(rows) else None

    def _rows(self, ids: Ints) -> Ints:
        """The row of each number, -1 where there is none."""
        if not len(self._sorted):
            return np.full(len(ids), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        return np.where(self._sorted[at] == ids, self._order[at], -1)

    def _size_of(self, ids: Ints) -> Ints:
        return self._c["size"][np.maximum(self._rows(ids), 0)] if len(self._sorted) else ids

    def _of_kind(self, *kinds: str) -> Bools:
        numbers = [n for n, word in enumerate(self._texts["words"]) if word in kinds]
        return np.isin(self._c["kind"], numbers)

    def _sizes(self) -> str | None:
        size = self._c["size"]
        if where := self._first(~self._of_kind(*SIZES)):
            return f"{where} is of no known kind"
        special = self._c["special"]
        known = np.isin(special, [n for n, w in enumerate(self._texts["words"]) if w in ("", PART, *SPECIAL_SIZES)])
        if where := self._first(~known):
            return f"{where} is special in no known way"
        wrong = (size < 0) | (size > _MAX_SIZE)
        for kind, sizes in SIZES.items():
            wrong |= self._of_kind(kind) & ~np.isin(size, sizes) if sizes else False
        for number, word in enumerate(self._texts["words"]):
            wrong |= (special == number) & (size != SPECIAL_SIZES.get(word, 0)) if word in SPECIAL_SIZES else False
        where = self._first(wrong)
        return f"{where} has an impossible size" if where else None

    def _references(self) -> str | None:
        for column, what in (("elem", "element"), ("key", "key")):
            ids = self._c[column]
            if where := self._first((ids > 0) & (self._rows(ids) < 0)):
                return f"{where} has an unknown {what}"
        lost = np.flatnonzero(self._rows(self._c["field_type"]) < 0)
        return f"{self._where(int(self._owner[lost[0]]))} has a field of an unknown type" if len(lost) else None

    def _parts(self) -> str | None:
        c, size, owner = self._c, self._c["size"], self._owner
        room = size[owner] - self._size_of(c["field_type"])
        outside = np.flatnonzero((c["field_at"] < 0) | (c["field_at"] > room))
        if len(outside):
            name = self._texts["field_names"][int(c["field_name"][outside[0]])]
            return f"field {name} lies outside of {self._where(int(owner[outside[0]]))}"
        is_array, length = self._of_kind("array"), c["length"]
        if where := self._first(is_array & ((c["flags"] & HAS_LENGTH == 0) | (length < 0) | (length > _MAX_SIZE))):
            return f"{where} has no length"
        # In floating point, since the product of two numbers of 40 bits has 80.
        whole = length.astype(np.float64) * self._size_of(c["elem"])
        if where := self._first(is_array & (c["elem"] > 0) & (whole > size)):
            return f"{where} is larger than its size"
        is_shared, shape = self._of_kind("shared"), self._size_of(c["elem"])
        where = self._first(is_shared & ((c["elem"] <= 0) | (size != shape + _WORD)))
        return f"{where} is not as large as a word and its shape" if where else None

    def _entries(self) -> str | None:
        c = self._c
        has, flags = c["flags"] & HAS_ENTRY != 0, c["flags"]
        holds = (self._of_kind("map") | self._of_kind("struct")) & (c["key"] > 0) & (c["elem"] > 0)
        if where := self._first(has & ~holds):
            return f"{where} has entries of no types"
        if where := self._first(has & ((c["entry_size"] < 0) | (c["entry_size"] > _MAX_SIZE))):
            return f"the entries of {where} have an impossible size"
        key = np.where(flags & INDIRECT_KEY, 8, self._size_of(c["key"]))
        elem = np.where(flags & INDIRECT_ELEM, 8, self._size_of(c["elem"]))
        marked = flags & MARKED != 0
        room = c["entry_size"] - np.where(marked, 8, 0)
        outside = (c["entry_elem"] < 0) | (key > room) | (c["entry_elem"] > room - elem)
        outside |= marked & (c["entry_size"] % 8 != 0)
        if where := self._first(has & outside):
            return f"a part of an entry lies outside of it in {where}"
        values, type_of = c["constant_value"], np.repeat(np.arange(len(flags)), c["constants"])
        wrong = np.flatnonzero((values[1:] <= values[:-1]) & (type_of[1:] == type_of[:-1]))
        return f"the constants of {self._where(int(type_of[wrong[0]]))} don't ascend" if len(wrong) else None

    def _containment(self) -> str | None:
        is_array = self._of_kind("array") & (self._c["elem"] > 0)
        inner = self._rows(np.concatenate((self._c["field_type"], self._c["elem"][is_array])))
        outer = np.concatenate((self._owner, np.flatnonzero(is_array)))
        depth = np.zeros(len(self._sorted), dtype=np.int64)
        for _ in range(_MAX_NESTING):
            before = depth.copy()
            np.maximum.at(depth, outer, depth[inner] + 1)
            if np.array_equal(before, depth):
                return None
        return f"{self._where(int(np.argmax(depth)))} contains itself"
