"""Go types as the program and the plan know them: by number, with the pointers that each one holds.

Numbers are given to every type that a captured value can reach within its depth. Interfaces, maps, channels and
funcs are ends: what lies behind them is not followed in this version.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sey.frontend import bound
from sey.frontend.debuginfo.model import BUILTIN, DebugInfo, GoType, Kind
from sey.ir.nodes import Column, Table, Type
from sey.ir.plan import FUNC_TYPE, POINTEE, REFERENCE_KINDS, STRING_TYPE, PlanField, PlanType

CLASS_VALUE = 0
CLASS_POINTER = 1
CLASS_STRING = 2
CLASS_SLICE = 3
CLASS_IFACE = 4
CLASS_EFACE = 5

_U32 = (1 << 32) - 1
ADDRESS = GoType(-100, "uintptr", Kind.UINT, 8)
"""The type of `&x` as it is captured: the address itself, to join on."""
_FUNC = GoType(-101, "func()", Kind.FUNC, 8)
MAX_POINTERS = 4096
"""Pointers followed from one value; a value with more (a large array) is followed in its first ones."""
MAX_TYPES = 1 << 20


@dataclass(frozen=True)
class Pointer:
    """A word at `offset` of a value that leads on: its class and the number of the type that its object has."""

    offset: int
    kind: int
    target: int


@dataclass
class _Entry:
    number: int
    type: GoType
    left: int
    """Pointers that may still be followed from a value of this type."""
    elem: int | None = None


@dataclass
class TypeTable:
    """Numbers types on demand. `add` registers a type and everything within reach; `freeze` the results after that."""

    info: DebugInfo
    _by_id: dict[int, _Entry] = field(default_factory=dict)
    _entries: list[_Entry] = field(default_factory=list)
    _pointers: dict[int, tuple[Pointer, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        string = self.info.find_type("string")
        known = self.info.type(string) if string is not None else BUILTIN["string"]
        entry = self._new(known, 0)
        self._by_id[BUILTIN["string"].id] = entry
        assert entry.number == STRING_TYPE
        assert self._new(_FUNC, 0).number == FUNC_TYPE

    def _new(self, go_type: GoType, left: int) -> _Entry:
        entry = _Entry(len(self._entries) + 1, go_type, left)
        self._entries.append(entry)
        self._by_id[go_type.id] = entry
        return entry

    def add(self, go_type: GoType, depth: int) -> int:
        """Number of the type; everything within `depth` pointers of a value of it gets one too."""
        pending = [(go_type, depth)]
        while pending:
            current, left = pending.pop()
            entry = self._by_id.get(current.id)
            if entry is None:
                if len(self._entries) >= MAX_TYPES:
                    continue
                entry = self._new(current, left)
            elif entry.left >= left:
                continue
            entry.left = max(entry.left, left)
            pending += self._expand(entry, left)
        self._link()
        self._pointers.clear()
        return self._by_id[go_type.id].number

    def _expand(self, entry: _Entry, left: int) -> list[tuple[GoType, int]]:
        go_type = entry.type
        if special(go_type) == "time":
            return []
        match go_type.kind:
            case Kind.STRUCT:
                return [(self.info.type(f.type), left) for f in go_type.fields]
            case Kind.ARRAY | Kind.SLICE if go_type.elem is not None:
                return [(self.info.type(go_type.elem), left)]
            case Kind.POINTER if go_type.elem is not None and left > 0:
                return [(self.info.type(go_type.elem), left - 1)]
        return []

    def _link(self) -> None:
        for entry in self._entries:
            elem = entry.type.elem
            kind = entry.type.kind
            follows = kind in (Kind.ARRAY, Kind.SLICE) or (kind is Kind.POINTER and entry.left > 0)
            if elem is not None and follows and elem in self._by_id:
                entry.elem = self._by_id[elem].number

    def number(self, go_type: GoType) -> int:
        """The number that a type already has. Raises KeyError."""
        return self._by_id[go_type.id].number

    def pointers(self, number: int) -> tuple[Pointer, ...]:
        """What a value of type `number` itself leads to, by ascending offset, at most `MAX_POINTERS`."""
        if number not in self._pointers:
            found: list[Pointer] = []
            self._collect(self._entries[number - 1], 0, found)
            self._pointers[number] = tuple(found)
        return self._pointers[number]

    def _collect(self, entry: _Entry, base: int, found: list[Pointer]) -> None:
        go_type = entry.type
        if len(found) >= MAX_POINTERS or special(go_type) == "time":
            return
        match go_type.kind:
            case Kind.STRING:
                found.append(Pointer(base, CLASS_STRING, STRING_TYPE))
            case Kind.SLICE if entry.elem is not None:
                found.append(Pointer(base, CLASS_SLICE, entry.number))
            case Kind.POINTER if entry.elem is not None:
                found.append(Pointer(base, CLASS_POINTER, self._pointee(entry.elem)))
            case Kind.INTERFACE:
                found.append(Pointer(base, CLASS_EFACE if go_type.empty_interface else CLASS_IFACE, 0))
            case Kind.STRUCT:
                for f in go_type.fields:
                    if f.type in self._by_id:
                        self._collect(self._by_id[f.type], base + f.offset, found)
            case Kind.ARRAY if go_type.elem in self._by_id:
                elem = self._by_id[go_type.elem]
                if not self.pointers(elem.number):
                    return
                for i in range(min(go_type.length or 0, MAX_POINTERS)):
                    self._collect(elem, base + i * elem.type.size, found)

    def _pointee(self, number: int) -> int:
        kind = self._entries[number - 1].type.kind
        return number | POINTEE if kind.value in REFERENCE_KINDS else number

    def first_pointer(self, number: int) -> int:
        """Row of the table `pointers` where those of a value of type `number` start; final once all types are added."""
        row = 0
        for entry in self._entries:
            if entry.number == number:
                return row
            held, own = self._object_pointers(entry, self.unit(entry.number)[0]), self.pointers(entry.number)
            row += len(held) + (len(own) if held != own else 0)
        raise KeyError(number)

    def unit(self, number: int) -> tuple[int, int]:
        """Class of an object of type `number` and the size of what it is made of: bytes, elements, or the value."""
        entry = self._entries[number - 1]
        match entry.type.kind:
            case Kind.STRING:
                return CLASS_STRING, 1
            case Kind.SLICE if entry.elem is not None:
                elem = self._entries[entry.elem - 1].type
                # Bytes are limited as a string is.
                is_bytes = elem.kind is Kind.UINT and elem.size == 1
                return CLASS_STRING if is_bytes else CLASS_SLICE, elem.size
        return CLASS_VALUE, entry.type.size

    def tables(self) -> tuple[Table, Table]:
        """The IR tables `types` (a row per number) and `pointers` that the chaser reads."""
        flat: list[Pointer] = []
        rows = [(0, 0, 0, 0, 0, 0, 0)]
        for entry in self._entries:
            kind, size = self.unit(entry.number)
            held, own = self._object_pointers(entry, kind), self.pointers(entry.number)
            first = len(flat)
            flat += held
            # What a string or slice holds has other pointers than the string or slice itself.
            own_first = len(flat) if held != own else first
            flat += own if held != own else ()
            rows.append((min(size, _U32), kind, first, len(held), min(entry.type.size, _U32), own_first, len(own)))
        if not flat:
            flat.append(Pointer(0, CLASS_VALUE, 0))
        names = ("size", "class", "first", "pointers", "value_size", "value_first", "value_pointers")
        types = Table(
            "types",
            tuple(
                Column(name, Type.I8 if name == "class" else Type.I32, column)
                for name, column in zip(names, zip(*rows, strict=True), strict=True)
            ),
        )
        pointers = Table(
            "pointers",
            (
                Column("offset", Type.I32, tuple(p.offset for p in flat)),
                Column("class", Type.I8, tuple(p.kind for p in flat)),
                Column("type", Type.I32, tuple(p.target for p in flat)),
            ),
        )
        return types, pointers

    def _object_pointers(self, entry: _Entry, kind: int) -> tuple[Pointer, ...]:
        if kind == CLASS_STRING:
            return ()
        if kind == CLASS_SLICE and entry.elem is not None:
            return self.pointers(entry.elem)
        return self.pointers(entry.number)

    def plan_types(self) -> tuple[PlanType, ...]:
        """The plan's types, by number from 1."""
        return tuple(self._plan_type(entry) for entry in self._entries)

    def _plan_type(self, entry: _Entry) -> PlanType:
        go_type = entry.type
        mark = special(go_type)
        fields = () if mark == "time" else go_type.fields
        return PlanType(
            id=entry.number,
            name=go_type.name,
            kind=go_type.kind.value,
            size=go_type.size,
            fields=tuple(
                PlanField(f.name, f.offset, self._by_id[f.type].number, f.embedded)
                for f in fields
                if f.type in self._by_id
            ),
            elem=entry.elem,
            length=go_type.length,
            empty_interface=go_type.empty_interface,
            special=mark,
            pointers=bool(self.pointers(entry.number)),
        )


def captured_type(expr: bound.Expr) -> GoType:
    """The type that a captured expression has in the plan."""
    return ADDRESS if isinstance(expr, bound.AddressOf) else expr.type


def special(go_type: GoType) -> str | None:
    """How a type is shown, if not by its kind: `time`, `duration` or `address`."""
    if go_type.id == ADDRESS.id:
        return "address"
    return {"time.Time": "time", "time.Duration": "duration"}.get(go_type.name)
