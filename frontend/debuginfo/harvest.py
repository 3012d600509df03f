"""What a scan takes from the entries of all Go units, as columns; and which entries and attributes that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sey.frontend.debuginfo.dwarf import ADDRESS_INDEXES, REFERENCES_IN_UNIT, At, Form, Op, Tag
from sey.frontend.debuginfo.units import Die, Unit, Units, Value

U64Array = npt.NDArray[np.uint64]

WANTED: dict[int, tuple[int, ...]] = {
    Tag.SUBPROGRAM: (At.NAME, At.ABSTRACT_ORIGIN, At.LOW_PC, At.HIGH_PC),
    Tag.INLINED_SUBROUTINE: (At.ABSTRACT_ORIGIN,),
    Tag.VARIABLE: (At.NAME, At.LOCATION, At.TYPE),
    Tag.CONSTANT: (At.NAME, At.TYPE, At.CONST_VALUE),
}
"""What is kept of functions, variables and constants; types are kept by their attributes, see `wanted`."""
CAPTURED = (At.NAME, At.TYPE, At.GO_CLOSURE_OFFSET)
"""What is kept of a variable that a closure holds."""

_TYPE_ATTRIBUTES = (At.NAME, At.GO_RUNTIME_TYPE)
NOWHERE = (1 << 64) - 1
"""Stands for a number that doesn't fit into 64 bits; no address or entry is there."""


def wanted(tag: int, attributes: frozenset[int]) -> tuple[int, ...]:
    """The attributes to keep of entries with that tag and those attributes; empty for entries to skip.

    Only package-level variables are external; of others those that closures hold are kept (`CAPTURED`). Only types that
    exist for Go's runtime or compiler (and not the typedefs that merely name them again) have a kind or a runtime type.
    """
    if tag == Tag.VARIABLE and At.EXTERNAL not in attributes:
        return CAPTURED if At.GO_CLOSURE_OFFSET in attributes else ()
    if tag in WANTED:
        return WANTED[tag]
    return _TYPE_ATTRIBUTES if attributes & {At.GO_KIND, At.GO_RUNTIME_TYPE} and At.NAME in attributes else ()


def signed(value: int) -> int:
    """A number with a sign as a word of 64 bits."""
    return value & NOWHERE


def column(values: Sequence[int]) -> U64Array:
    """Numbers of entries as they come, any size and sign, as a column."""
    return np.array([v if 0 <= v < NOWHERE else NOWHERE for v in values], dtype=np.uint64)


@dataclass(frozen=True, eq=False)
class Harvest:
    """Columns of one scan, in the order of the entries. Addresses are link-time ones, the rest offsets of entries.

    Names are the bytes that the debug information has.
    """

    named_die: U64Array
    """Functions that have a name of their own, abstract ones included."""
    named: list[bytes]
    physical_die: U64Array
    """Out-of-line functions."""
    physical_origin: U64Array
    """For each the entry that has its name."""
    physical_lo: U64Array
    physical_hi: U64Array
    inlined_die: U64Array
    """Inlined instances: they are most of all that is kept."""
    inlined_origin: U64Array
    """The abstract function that each is an instance of."""
    type_die: U64Array
    type_runtime: U64Array
    """DW_AT_go_runtime_type, or 0."""
    type_names: list[bytes]
    variable_die: U64Array
    """Package-level variables."""
    variable_type: U64Array
    variable_address: U64Array
    variable_names: list[bytes]
    captured_die: U64Array
    """Variables that a closure holds, in the entry of its function."""
    captured_type: U64Array
    captured_at: U64Array
    """Where it is in the closure."""
    captured_names: list[bytes]
    """With an `&` in front where the closure has the address."""
    constant_die: U64Array
    constant_type: U64Array
    constant_value: U64Array
    """As words: negative ones are beyond 2^63."""
    constant_names: list[bytes]

    unit_rows: U64Array
    """All units: where each begins and ends, where its entries begin, its version, where its abbreviations are, and
    whether it is of Go."""

    def holders(self) -> npt.NDArray[np.int64]:
        """The number of the out-of-line function that holds each inlined instance, -1 where its unit has none before.

        That is the last one before it: entries of a function follow it.
        """
        starts = self.unit_rows[:, 0]
        if not len(starts) or not len(self.physical_die):
            return np.full(len(self.inlined_die), -1, dtype=np.int64)
        before = np.searchsorted(self.physical_die, self.inlined_die, side="right").astype(np.int64) - 1
        unit = np.searchsorted(starts, self.inlined_die, side="right").astype(np.int64) - 1
        own = self.physical_die[np.maximum(before, 0)] >= starts[np.maximum(unit, 0)]
        return np.where(own & (before >= 0), before, -1)


_COLUMNS = (
    ("named_die",),
    ("physical_die", "physical_origin", "physical_lo", "physical_hi"),
    ("inlined_die", "inlined_origin"),
    ("type_die", "type_runtime"),
    ("variable_die", "variable_type", "variable_address"),
    ("captured_die", "captured_type", "captured_at"),
    ("constant_die", "constant_type", "constant_value"),
)
"""The columns of each kind of thing, the entry's own offset first."""
_NAMES = {
    "named_die": "named",
    **{f"{kind}_die": f"{kind}_names" for kind in ("type", "variable", "captured", "constant")},
}


def merge(parts: Sequence[Harvest], units: Units, go_units: Sequence[Unit]) -> Harvest:
    """One harvest of several, in the order of the entries again."""
    columns: dict[str, U64Array] = {}
    names: dict[str, list[bytes]] = {}
    for kind in _COLUMNS:
        key = _NAMES.get(kind[0])
        texts = [name for part in parts for name in getattr(part, key)] if key else []
        whole = {c: np.concatenate([np.empty(0, np.uint64), *(getattr(p, c) for p in parts)]) for c in kind}
        dies = whole[kind[0]]
        if np.any(dies[1:] < dies[:-1]):
            order = np.argsort(dies, kind="stable")
            whole = {c: values[order] for c, values in whole.items()}
            texts = [texts[i] for i in order.tolist()] if key else []
        columns |= whole
        if key:
            names[key] = texts
    return Harvest(**columns, **names, unit_rows=_unit_rows(units, go_units))  # type: ignore[arg-type]


def _unit_rows(units: Units, go_units: Sequence[Unit]) -> U64Array:
    own = {unit.offset for unit in go_units}
    rows = [(u.offset, u.end, u.entries, u.version, u.abbrev_offset, u.offset in own) for u in units.all]
    return np.array(rows, dtype=np.uint64).reshape(-1, 6)


class Sink:
    """Files kept entries one by one."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._named: list[tuple[int, bytes]] = []
        self._physical: list[tuple[int, int, int, int]] = []
        self._inlined_die: list[int] = []
        self._inlined_origin: list[int] = []
        self._types: list[tuple[int, int, bytes]] = []
        self._variables: list[tuple[int, int, int, bytes]] = []
        self._captured: list[tuple[int, int, int, bytes]] = []
        self._constants: list[tuple[int, int, int, bytes]] = []

    def _lists(self) -> tuple[list[Any], ...]:
        inlined = self._inlined_die, self._inlined_origin
        return self._named, self._physical, *inlined, self._types, self._variables, self._captured, self._constants

    def mark(self) -> tuple[int, ...]:
        """How far it is, for `undo`."""
        return tuple(map(len, self._lists()))

    def undo(self, mark: tuple[int, ...]) -> None:
        """Forget what came since."""
        for values, length in zip(self._lists(), mark, strict=True):
            del values[length:]

    def part(self) -> Harvest:
        """All of it, as columns, to be merged."""
        return Harvest(
            named_die=column([die for die, _ in self._named]),
            named=[name for _, name in self._named],
            physical_die=column([p[0] for p in self._physical]),
            physical_origin=column([p[1] for p in self._physical]),
            physical_lo=column([p[2] for p in self._physical]),
            physical_hi=column([p[3] for p in self._physical]),
            inlined_die=column(self._inlined_die),
            inlined_origin=column(self._inlined_origin),
            type_die=column([t[0] for t in self._types]),
            type_runtime=column([t[1] for t in self._types]),
            type_names=[t[2] for t in self._types],
            variable_die=column([v[0] for v in self._variables]),
            variable_type=column([v[1] for v in self._variables]),
            variable_address=column([v[2] for v in self._variables]),
            variable_names=[v[3] for v in self._variables],
            captured_die=column([c[0] for c in self._captured]),
            captured_type=column([c[1] for c in self._captured]),
            captured_at=column([c[2] for c in self._captured]),
            captured_names=[c[3] for c in self._captured],
            constant_die=column([c[0] for c in self._constants]),
            constant_type=column([c[1] for c in self._constants]),
            constant_value=np.array([c[2] for c in self._constants], dtype=np.uint64),
            constant_names=[c[3] for c in self._constants],
            unit_rows=np.empty((0, 6), dtype=np.uint64),
        )

    def die(self, die: Die) -> None:
        """File an entry, if it is one to keep."""
        if wanted(die.tag, frozenset(die.attributes)):
            self.take(die.unit, die.tag, die.offset, die.attributes, resolved=True)

    def take(self, unit: Unit, tag: int, offset: int, values: dict[int, tuple[int, Value]], *, resolved: bool) -> None:
        """File one entry. `resolved` says that addresses by number were looked up and references made absolute."""
        read = _Values(self._units, unit, values, resolved)
        match tag:
            case Tag.SUBPROGRAM:
                self._function(offset, read)
            case Tag.INLINED_SUBROUTINE:
                origin = read.reference(At.ABSTRACT_ORIGIN)
                if origin is not None:
                    self.inlined(offset, origin)
            case Tag.VARIABLE if At.GO_CLOSURE_OFFSET in values:
                self._held(self._captured, offset, read, At.GO_CLOSURE_OFFSET)
            case Tag.VARIABLE:
                self._variable(offset, read)
            case Tag.CONSTANT:
                self._held(self._constants, offset, read, At.CONST_VALUE)
            case _:
                runtime = values.get(At.GO_RUNTIME_TYPE, (0, 0))[1]
                if isinstance(runtime, int):
                    self.type(offset, read.name(), runtime)

    def type(self, offset: int, name: bytes, runtime: int) -> None:
        """File a type."""
        if name:
            self._types.append((offset, runtime, name))

    def inlined(self, offset: int, origin: int) -> None:
        """File an inlined instance."""
        self._inlined_die.append(offset)
        self._inlined_origin.append(origin)

    def _function(self, offset: int, read: _Values) -> None:
        if name := read.name():
            self._named.append((offset, name))
        low = read.address(At.LOW_PC)
        form, high = read.values.get(At.HIGH_PC, (0, None))
        if low is None or not isinstance(high, int):
            return
        origin = read.reference(At.ABSTRACT_ORIGIN)
        end = high if form == Form.ADDR else low + high
        self._physical.append((offset, offset if origin is None else origin, low, end))

    def _held(self, into: list[tuple[int, int, int, bytes]], offset: int, read: _Values, number: int) -> None:
        name, kind = read.name(), read.reference(At.TYPE)
        _, value = read.values.get(number, (0, b""))
        if name and kind is not None and isinstance(value, int):
            into.append((offset, kind, signed(value), name))

    def _variable(self, offset: int, read: _Values) -> None:
        name, kind = read.name(), read.reference(At.TYPE)
        location = read.values.get(At.LOCATION, (0, b""))[1]
        if name and isinstance(location, bytes) and kind is not None and len(location) == 9 and location[0] == Op.ADDR:
            self._variables.append((offset, kind, int.from_bytes(location[1:], "little"), name))


@dataclass(frozen=True)
class _Values:
    units: Units
    unit: Unit
    values: dict[int, tuple[int, Value]]
    resolved: bool

    def name(self) -> bytes:
        value = self.values.get(At.NAME, (0, b""))[1]
        return value if isinstance(value, bytes) else b""

    def reference(self, name: int) -> int | None:
        form, value = self.values.get(name, (0, None))
        if not isinstance(value, int):
            return None
        return value if self.resolved or form not in REFERENCES_IN_UNIT else value + self.unit.offset

    def address(self, name: int) -> int | None:
        form, value = self.values.get(name, (0, None))
        if not isinstance(value, int):
            return None
        return self.units.address(self.unit, value) if form in ADDRESS_INDEXES and not self.resolved else value
