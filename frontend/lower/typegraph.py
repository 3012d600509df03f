"""All types that a binary describes to its runtime, with what each one leads to, as columns of the program's tables.

The same as `TypeTable` finds type by type, for 50 000 types at once: whatever lies behind an interface is among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo import rtypes
from sey.frontend.debuginfo.maps import TRIE, TrieLayout, trie_layout
from sey.frontend.debuginfo.model import GoType, MapLayout
from sey.frontend.debuginfo.runtimetypes import KINDS, RuntimeTypes, is_runtime_type
from sey.frontend.lower.hiding import HiddenRows
from sey.frontend.lower.known import PARTLY_FOLLOWED, is_chain, is_followed
from sey.frontend.lower.types import (
    CLASS_CHAN,
    CLASS_EFACE,
    CLASS_FUNC,
    CLASS_HIDDEN,
    CLASS_IFACE,
    CLASS_MAP,
    CLASS_POINTER,
    CLASS_REFLECT,
    CLASS_RTYPE,
    CLASS_SLICE,
    CLASS_STRING,
    CLASS_TRIE,
    CLASS_VALUE,
    MAX_POINTERS,
    REFLECT_VALUE,
    RTYPES,
    SCALARS,
    SPECIAL,
    STEP_CHAIN,
    STEP_DEEPER,
    STEP_LEVEL,
    HoleRows,
    constants_of,
    plan_entry,
)
from sey.frontend.redaction import Hole, Redactor
from sey.ir.plan import FUNC_TYPE, HIDDEN_KIND, PART, POINTEE, REFERENCE_KINDS, STRING_TYPE, PlanEntry
from sey.ir.typegraph import (
    CHAIN,
    EMBEDDED,
    EMPTY_INTERFACE,
    HAS_ENTRY,
    HAS_LENGTH,
    POINTERS,
    TEXTS,
    TypeColumns,
    entry_flags,
)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FIRST = 3
"""Number of the first runtime type; `STRING_TYPE` and `FUNC_TYPE` are before."""
_U32 = (1 << 32) - 1
_UINT8 = rtypes.UINT + 1


@dataclass(frozen=True, eq=False)
class PointerLists:
    """Lists of pointers (see `types.Pointer`) one behind the other: list i is at `first[i]`, `count[i]` long."""

    first: Ints
    count: Ints
    offset: Ints
    kind: Ints
    step: Ints
    target: Ints


class RuntimeGraph:
    """Numbers of the runtime's types and rows for them; `row` is that of `RuntimeTypes`."""

    def __init__(self, types: RuntimeTypes, redactor: Redactor | None = None) -> None:
        self.types = types
        self.hidden = HiddenRows(types, redactor)
        self._arrays = {name: column.astype(np.int64) for name, column in types.arrays.items()}
        self._kind = self._arrays["kind"]
        self._end = FIRST + len(types)
        self.numbers = np.arange(len(types), dtype=np.int64) + FIRST
        self._by_name = {name: row for row, name in enumerate(types.names) if name in ("string", "uintptr")}
        if "string" in self._by_name:
            self.numbers[self._by_name["string"]] = STRING_TYPE
        self._tries = dict(_tries(types))
        for trie, layout in self._tries.items():
            self._arrays["key"][trie] = _row(types, layout.key) + 1
            self._arrays["elem"][trie] = _row(types, layout.elem) + 1

    def __len__(self) -> int:
        return len(self.types)

    def row_of(self, go_type: GoType) -> int | None:
        """The row that describes a type, wherever the type is known from; None where none does."""
        if is_runtime_type(go_type.id):
            return self.types.row_of(go_type.id)
        # Of `uintptr`, Go up to 1.22 notes the address, which may be another type's offset.
        known = self._by_name.get(go_type.name)
        if known is not None:
            return known
        row = self.types.row(go_type.runtime_type) if go_type.runtime_type else None
        return row if row is not None and self.types.names[row] == go_type.name else None

    def type_at(self, number: int) -> GoType:
        """The type with a number."""
        return self.types.at(number - FIRST)

    def holds(self, number: int) -> bool:
        """Whether a number is one of its own."""
        return FIRST <= number < self._end

    # --- what values lead to ---

    @cached_property
    def _names(self) -> dict[str, list[int]]:
        """Rows of the types that are shown in a way of their own."""
        wanted = {REFLECT_VALUE, *RTYPES}
        found: dict[str, list[int]] = {name: [] for name in wanted}
        for row, name in enumerate(self.types.names):
            if name in wanted:
                found[name].append(row)
        return found

    def layout_at(self, row: int) -> MapLayout | None:
        """Where the entries of a map or trie type are, None for other types."""
        trie = self._tries.get(row)
        return self.types.at(row).map if trie is None else trie.entry

    def _entry(self, row: int, layout: MapLayout) -> PlanEntry:
        """How entries of a map or trie type are packed."""
        redactor = self.hidden.redactor
        return plan_entry(layout, marked=redactor is not None and redactor.is_key(self._parts(row)[0]))

    def _parts(self, row: int) -> tuple[GoType, GoType]:
        """Key and element of a map or trie type."""
        return self.types.at(int(self._arrays["key"][row]) - 1), self.types.at(int(self._arrays["elem"][row]) - 1)

    def key_types(self) -> list[int]:
        """The numbers of types whose values are hidden names as keys, ascending."""
        return [int(self.numbers[row]) for row in self.hidden.key_types()]

    def hole_lists(self) -> Iterator[tuple[int, tuple[Hole, ...]]]:
        """Types, by number, and what isn't emitted of a unit of what leads from them (`TypeTable.holes`)."""
        redactor, kind = self.hidden.redactor, self._kind
        if redactor is None:
            return
        holding = np.zeros(len(self) + 1, dtype=np.bool_)
        holding[self.hidden.holding] = True
        leads = np.isin(kind, (rtypes.SLICE, rtypes.CHAN)) & holding[self._arrays["elem"] - 1]
        for row in np.flatnonzero(holding[:-1] | leads).tolist():
            of = row if holding[row] else int(self._arrays["elem"][row]) - 1
            yield FIRST + row, redactor.holes(self.types.at(of))
        for row in np.flatnonzero((self._maps[0] > 0) & ~holding[:-1]).tolist():
            layout = self.layout_at(row)
            if layout is not None:
                yield FIRST + row, redactor.entry(*self._parts(row), layout, self._entry(row, layout))

    @cached_property
    def _maps(self) -> tuple[Ints, list[tuple[int, ...]]]:
        """For each type the row of `maps` with its layout, 0 for none; and these rows: see `typetables`."""
        rows, layouts = np.zeros(len(self), dtype=np.int64), list[tuple[int, ...]]()
        for row in sorted((*np.flatnonzero(self._kind == rtypes.MAP).tolist(), *self._tries)):
            layout = self.layout_at(row)
            if layout is not None:
                children = self._tries[row].children_at if row in self._tries else 0
                layouts.append(map_row(layout, self._entry(row, layout).elem_offset, children))
                rows[row] = len(layouts)
        return rows, layouts

    @cached_property
    def chains(self) -> Bools:
        """Which fields, in the order of `RuntimeTypes`, lead on along a chain."""
        names, fields = self.types.names, self.types.field_names
        arrays = self.types.arrays
        owner = np.repeat(np.arange(len(self)), np.diff(self._arrays["field_first"]))
        columns = (owner, *(arrays[c] for c in ("field_name", "field_type", "field_embedded")))
        named = np.array(
            [
                is_chain(names[struct], fields[name], names[kind - 1], embedded=bool(embedded))
                for struct, name, kind, embedded in zip(*(column.tolist() for column in columns), strict=True)
            ],
            dtype=np.bool_,
        )
        # The pointers that were made are those that written paths go through.
        kinds = self._arrays["field_type"] - 1
        written: Bools = (kinds >= len(self) - self.types.made) & (self._kind[kinds] == rtypes.POINTER)
        return named | written

    @cached_property
    def _followed(self) -> Bools:
        """Which fields, in the order of `RuntimeTypes`, may be followed."""
        names, fields = self.types.names, self.types.field_names
        first, field_name = self._arrays["field_first"], self.types.arrays["field_name"]
        result = ~self.hidden.fields
        for row in np.flatnonzero(self._kind == rtypes.STRUCT).tolist():
            if names[row] in PARTLY_FOLLOWED:
                for at in range(int(first[row]), int(first[row + 1])):
                    result[at] &= is_followed(names[row], fields[int(field_name[at])])
        return result

    def pointee(self, rows: Ints) -> Ints:
        """The types of objects behind pointers to types."""
        marked = np.isin(self._kind[rows], [kind for kind, model in KINDS.items() if model.value in REFERENCE_KINDS])
        return np.where(marked, self.numbers[rows] | POINTEE, self.numbers[rows])

    @cached_property
    def own(self) -> PointerLists:
        """What a value of each type leads to, by ascending offset, at most `MAX_POINTERS`."""
        lists = self._leaves()
        depth = self._nesting()
        for level in range(1, int(depth.max(initial=0)) + 1):
            lists = self._extended(lists, np.flatnonzero(depth == level))
        return lists

    def _leaves(self) -> PointerLists:
        kind, elem = self._kind, self._arrays["elem"]
        has_elem, is_empty = elem > 0, self._arrays["no_methods"] > 0
        is_value = np.zeros(len(self), dtype=np.bool_)
        is_value[self._names[REFLECT_VALUE]] = True
        is_trie = np.zeros(len(self), dtype=np.bool_)
        is_trie[list(self._tries)] = True
        pointed = self.pointee(np.maximum(elem - 1, 0)) if len(self) else elem
        cases: list[tuple[Bools, int | Ints, int | Ints]] = [
            (kind == rtypes.STRING, CLASS_STRING, STRING_TYPE),
            ((kind == rtypes.SLICE) & has_elem, CLASS_SLICE, self.numbers),
            ((kind == rtypes.POINTER) & has_elem, CLASS_POINTER, pointed),
            ((kind == rtypes.INTERFACE) & is_empty, CLASS_EFACE, 0),
            (kind == rtypes.INTERFACE, CLASS_IFACE, 0),
            ((kind == rtypes.MAP) & (self._maps[0] > 0), CLASS_MAP, self.numbers),
            ((kind == rtypes.CHAN) & has_elem, CLASS_CHAN, self.numbers),
            (kind == rtypes.FUNC, CLASS_FUNC, FUNC_TYPE),
            (is_value, CLASS_REFLECT, 0),
            (is_trie, CLASS_TRIE, self.numbers),
        ]
        classes = self._chosen([(condition, class_) for condition, class_, _ in cases], CLASS_VALUE)
        classes[self.hidden.types] = CLASS_VALUE
        targets = self._chosen([(condition, target) for condition, _, target in cases], 0)
        leads = np.flatnonzero(classes != CLASS_VALUE)
        first = np.zeros(len(self), dtype=np.int64)
        # Row 0 of the whole table leads nowhere.
        first[leads] = np.arange(len(leads)) + 1
        nowhere = np.zeros(1, dtype=np.int64)
        offset = np.zeros(len(leads) + 1, dtype=np.int64)
        for row, trie in self._tries.items():
            offset[first[row]] = trie.root
        return PointerLists(
            first,
            (classes != CLASS_VALUE).astype(np.int64),
            offset,
            np.concatenate((nowhere, classes[leads])),
            np.full(len(leads) + 1, STEP_DEEPER, dtype=np.int64),
            np.concatenate((nowhere, targets[leads])),
        )

    def _chosen(self, cases: Sequence[tuple[Bools, int | Ints]], otherwise: int | Ints) -> Ints:
        """For each type the value of the first case that holds."""
        values = [np.broadcast_to(np.asarray(value, dtype=np.int64), len(self)) for _, value in cases]
        return np.select([condition for condition, _ in cases], values, otherwise).astype(np.int64)

    def _nesting(self) -> Ints:
        """How deep each type holds others by value."""
        is_array = (self._kind == rtypes.ARRAY) & (self._arrays["elem"] > 0)
        closed = np.zeros(len(self), dtype=np.bool_)
        closed[self._names[REFLECT_VALUE] + list(self._tries)] = True
        owner = np.repeat(np.arange(len(self)), np.diff(self._arrays["field_first"]))
        inner = np.concatenate((self._arrays["field_type"] - 1, self._arrays["elem"][is_array] - 1))
        outer = np.concatenate((owner, np.flatnonzero(is_array)))
        kept = ~closed[outer]
        inner, outer = inner[kept], outer[kept]
        depth = np.zeros(len(self), dtype=np.int64)
        while True:
            before = depth.copy()
            np.maximum.at(depth, outer, depth[inner] + 1)
            if np.array_equal(before, depth):
                return depth

    def _extended(self, lists: PointerLists, rows: Ints) -> PointerLists:
        """With the lists of structs and arrays whose parts have theirs."""
        arrays, rows = self._arrays, rows[~self.hidden.types[rows]]
        structs, holders = rows[self._kind[rows] == rtypes.STRUCT], rows[self._kind[rows] == rtypes.ARRAY]
        many = np.diff(arrays["field_first"])[structs]
        fields = _runs(arrays["field_first"][structs], many)
        whose = np.repeat(structs, many)
        kept = self._followed[fields]
        whose, fields = whose[kept], fields[kept]
        elems = arrays["elem"][holders] - 1
        times = np.where(lists.count[elems] > 0, np.minimum(arrays["length"][holders], MAX_POINTERS), 0)
        part_of = np.repeat(elems, times)
        index = np.arange(len(part_of)) - np.repeat(np.cumsum(times) - times, times)
        return _appended(
            lists,
            owner=np.concatenate((whose, np.repeat(holders, times))),
            first=lists.first[np.concatenate((arrays["field_type"][fields] - 1, part_of))],
            count=lists.count[np.concatenate((arrays["field_type"][fields] - 1, part_of))],
            at=np.concatenate((arrays["field_at"][fields], index * arrays["size"][part_of])),
            chain=np.concatenate((self.chains[fields], np.zeros(len(part_of), dtype=np.bool_))),
        )

    @cached_property
    def held(self) -> PointerLists:
        """`own`, and behind it the lists of entries of maps: map m is list `len(self)` + its row of `maps` - 1."""
        rows, layouts = self._maps
        maps = np.flatnonzero(rows)
        own = self.own
        spread = PointerLists(
            np.concatenate((own.first, np.zeros(len(maps), np.int64))),
            np.concatenate((own.count, np.zeros(len(maps), np.int64))),
            *(own.offset, own.kind, own.step, own.target),
        )
        if not len(maps):
            return spread
        entries = [self.layout_at(row) for row in maps.tolist()]
        indirect = np.array([[m.indirect_key, m.indirect_elem] for m in entries if m is not None])
        at = np.array([[0, layout[8]] for layout in layouts])
        parts = np.stack((self._arrays["key"][maps], self._arrays["elem"][maps]), axis=1) - 1
        indirect &= ~self.hidden.types[parts]
        # What an entry has by address is one pointer, which costs no depth.
        extra = np.arange(int(indirect.sum())) + len(own.offset)
        first, count = own.first[parts], own.count[parts]
        first[indirect], count[indirect] = extra, 1
        added = len(extra)
        spread = PointerLists(
            spread.first,
            spread.count,
            np.concatenate((own.offset, np.zeros(added, np.int64))),
            np.concatenate((own.kind, np.full(added, CLASS_POINTER))),
            np.concatenate((own.step, np.full(added, STEP_LEVEL))),
            np.concatenate((own.target, self.pointee(parts[indirect]))),
        )
        owner = np.repeat(len(self) + np.arange(len(maps)), 2)
        chain = np.zeros(len(owner), dtype=np.bool_)
        return _appended(
            spread, owner=owner, first=first.reshape(-1), count=count.reshape(-1), at=at.reshape(-1), chain=chain
        )

    # --- rows of the program's tables ---

    def type_rows(self, holes: HoleRows) -> Ints:
        """Rows of the table `types`, in the order of its columns (see `typetables`)."""
        size, kind, held, own = self._arrays["size"], self._kind, self.held, np.arange(len(self))
        if not len(self):
            return np.empty((0, 10), dtype=np.int64)
        has_elem, elem = self._arrays["elem"] > 0, np.maximum(self._arrays["elem"] - 1, 0)
        is_rtype = np.zeros(len(self), dtype=np.bool_)
        is_rtype[[row for name in RTYPES for row in self._names[name]]] = True
        map_rows, _ = self._maps
        is_slice, is_map, is_chan = (kind == rtypes.SLICE) & has_elem, map_rows > 0, (kind == rtypes.CHAN) & has_elem
        of_map = np.where(kind == rtypes.MAP, CLASS_MAP, CLASS_TRIE)
        # What a word leads to: class, size of a unit, and whose list of pointers each unit has (-1: none).
        cases: list[tuple[Bools, int | Ints, int | Ints, int | Ints]] = [
            (self.hidden.types, CLASS_HIDDEN, size, -1),
            (kind == rtypes.STRING, CLASS_STRING, 1, -1),
            (is_slice & (kind[elem] == _UINT8), CLASS_STRING, 1, elem),
            (is_slice, CLASS_SLICE, size[elem], elem),
            (is_map, of_map, self._entry_sizes(), len(self) + map_rows - 1),
            (kind == rtypes.MAP, CLASS_VALUE, size, -1),
            (is_chan, CLASS_CHAN, size[elem], elem),
            (kind == rtypes.FUNC, CLASS_FUNC, 16, -1),
            (is_rtype, CLASS_RTYPE, size, -1),
        ]
        hole_rows = np.zeros(len(self), dtype=np.int64)
        for number, found in self.hole_lists():
            hole_rows[number - FIRST] = holes.row(found)
        whose = self._chosen([(condition, list_) for condition, _, _, list_ in cases], own)
        columns = (
            self._chosen([(condition, class_) for condition, class_, _, _ in cases], CLASS_VALUE),
            np.minimum(self._chosen([(condition, unit) for condition, _, unit, _ in cases], size), _U32),
            np.where(whose < 0, 0, held.first[whose]),
            np.where(whose < 0, 0, held.count[whose]),
            np.minimum(size, _U32),
            held.first[own],
            held.count[own],
            map_rows,
            np.isin(kind, [each for each, model in KINDS.items() if model in SCALARS]).astype(np.int64),
            hole_rows,
        )
        return np.stack(columns, axis=1)

    def _entry_sizes(self) -> Ints:
        found = np.zeros(len(self), dtype=np.int64)
        for row in np.flatnonzero(self._maps[0]).tolist():
            layout = self.layout_at(row)
            found[row] = 0 if layout is None else self._entry(row, layout).size
        return found

    def plan_columns(self, constants: Mapping[str, tuple[tuple[int, str], ...]], hidden: int) -> TypeColumns:
        """The plan's types, in the order of their numbers; `constants` are `DebugInfo.named_constants`, `hidden` the
        number of the type that redacted fields have."""
        rows = [row for row, name in enumerate(self.types.names) if name in constants]
        own = [(row, value, name) for row in rows for value, name in constants_of(self.types.at(row), constants)]
        arrays, maps = self._arrays, self._maps[0] > 0
        words = ["", *(kind.value for kind in KINDS.values()), *SPECIAL.values(), PART, HIDDEN_KIND]
        of_kind = np.zeros(32, dtype=np.int64)
        of_kind[list(KINDS)] = np.arange(len(KINDS)) + 1
        special = np.array([words.index(SPECIAL.get(name, "")) for name in self.types.names], dtype=np.int64)
        special[self.hidden.holding] = 0
        special[sorted(self.types.reduced)] = words.index(PART)
        layouts = [(row, self.layout_at(row)) for row in np.flatnonzero(maps).tolist()]
        entries = [self._entry(row, layout) for row, layout in layouts if layout is not None]
        entry = np.zeros((len(self), 2), dtype=np.int64)
        entry[maps] = np.array([(e.size, e.elem_offset) for e in entries], dtype=np.int64).reshape(-1, 2)
        flags = np.where(arrays["no_methods"], EMPTY_INTERFACE, 0) | np.where(self.held.count[: len(self)], POINTERS, 0)
        flags |= np.where(self._kind == rtypes.ARRAY, HAS_LENGTH, 0) | np.where(maps, HAS_ENTRY, 0)
        flags[maps] |= np.array([entry_flags(e) for e in entries], dtype=np.int64)
        shown = ~self.hidden.types
        columns = {
            "id": np.arange(len(self)) + FIRST,
            "kind": np.where(self.hidden.types, len(words) - 1, of_kind[self._kind]),
            "special": special,
            "flags": flags * shown,
            "size": arrays["size"],
            "elem": self._numbers_of(arrays["elem"]) * shown,
            "key": self._numbers_of(arrays["key"]) * shown,
            "length": arrays["length"],
            "entry_size": entry[:, 0],
            "entry_elem": entry[:, 1],
            "fields": np.diff(arrays["field_first"]),
            "constants": np.bincount([row for row, _, _ in own], minlength=len(self)),
            "field_name": arrays["field_name"],
            "field_at": arrays["field_at"],
            "field_type": np.where(self.hidden.fields, hidden, self._numbers_of(arrays["field_type"])),
            "field_flags": np.where(arrays["field_embedded"], EMBEDDED, 0) | np.where(self.chains, CHAIN, 0),
            "constant_value": np.array([value for _, value, _ in own], dtype=np.int64),
            "constant_name": np.arange(len(own)),
        }
        texts: tuple[list[str], ...] = (words, self.types.names, self.types.field_names, [name for _, _, name in own])
        return TypeColumns(columns, dict(zip(TEXTS, texts, strict=True)))

    def _numbers_of(self, rows: Ints) -> Ints:
        """The numbers of types in a column of `RuntimeTypes`, 0 for none."""
        return np.concatenate((np.zeros(1, dtype=np.int64), self.numbers))[rows]

    def map_rows(self) -> list[tuple[int, ...]]:
        """Rows of the table `maps` behind its first, which is no map's."""
        return self._maps[1]


def map_row(layout: MapLayout, packed_elem: int, children_at: int = 0) -> tuple[int, ...]:
    """The row of the table `maps` (see `typetables`)."""
    return *layout[:7], max(layout.overflow_at, 0), packed_elem, children_at


@dataclass(frozen=True)
class _ByName:
    """The runtime's types as `trie_layout` looks them up."""

    types: RuntimeTypes

    def find_type(self, name: str) -> int | None:
        row = next((row for row, known in enumerate(self.types.names) if known == name), None)
        return None if row is None else self.types.at(row).id

    def type(self, type_id: int) -> GoType:
        return self.types.at(_row(self.types, type_id))


def _row(types: RuntimeTypes, type_id: int) -> int:
    row = types.row_of(type_id)
    assert row is not None
    return row


def _tries(types: RuntimeTypes) -> Iterator[tuple[int, TrieLayout]]:
    for row, name in enumerate(types.names):
        if name.startswith(TRIE):
            layout = trie_layout(_ByName(types), types.at(row))
            if layout is not None:
                yield row, layout


def _runs(first: Ints, count: Ints) -> Ints:
    """The numbers of runs, one behind the other: of each `count` numbers from `first` on."""
    ends = np.cumsum(count)
    return np.repeat(first - (ends - count), count) + np.arange(int(ends[-1]) if len(ends) else 0)


def _appended(lists: PointerLists, *, owner: Ints, first: Ints, count: Ints, at: Ints, chain: Bools) -> PointerLists:
    """With a list for each owner: its parts' lists (`first`, `count`), moved by `at`, in the order of the parts."""
    order = np.argsort(owner, kind="stable")
    owner, first, count, at = (column[order] for column in (owner, first, count, at))
    chain = chain[order]
    before = np.cumsum(count) - count
    starts = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), owner[1:] != owner[:-1])))[: len(owner)]
    within = before - np.repeat(before[starts], np.diff(np.concatenate((starts, [len(owner)]))))
    count = np.clip(MAX_POINTERS - within, 0, count)
    source, part = _runs(first, count), np.repeat(np.arange(len(owner)), count)
    base = len(lists.offset)
    new_first, new_count = lists.first.copy(), lists.count.copy()
    totals = np.add.reduceat(count, starts) if len(starts) else count
    new_count[owner[starts]] = totals
    new_first[owner[starts]] = np.where(totals > 0, base + np.cumsum(totals) - totals, 0)
    return PointerLists(
        new_first,
        new_count,
        np.concatenate((lists.offset, lists.offset[source] + at[part])),
        np.concatenate((lists.kind, lists.kind[source])),
        np.concatenate((lists.step, np.where(chain[part], STEP_CHAIN, lists.step[source]))),
        np.concatenate((lists.target, lists.target[source])),
    )
