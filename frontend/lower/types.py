"""Go types as the program and the plan know them: by number, with what each one leads to.

Numbers are given to every type that a captured value can reach within its depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sey.frontend import bound
from sey.frontend.bound import Redaction
from sey.frontend.debuginfo.maps import map_layout, trie_layout
from sey.frontend.debuginfo.model import BUILTIN, DebugInfo, Field, GoType, Kind, MadeType, MapLayout
from sey.frontend.lower.known import is_chain, is_followed
from sey.frontend.lower.parts import Parts
from sey.frontend.redaction import Hole, Redactor
from sey.ir.plan import (
    FUNC_TYPE,
    HIDDEN_KIND,
    PART,
    POINTEE,
    REFERENCE_KINDS,
    STRING_TYPE,
    PlanEntry,
    PlanField,
    PlanType,
)
from sey.ir.typegraph import PlanTypes, columns_of, joined

if TYPE_CHECKING:
    from sey.frontend.lower.typegraph import RuntimeGraph

CLASS_VALUE = 0
CLASS_POINTER = 1
CLASS_STRING = 2
CLASS_SLICE = 3
CLASS_IFACE = 4
CLASS_EFACE = 5
CLASS_MAP = 6
CLASS_CHAN = 7
CLASS_FUNC = 8
CLASS_TRIE = 9
"""The root of an internal/sync.HashTrieMap, which is what a sync.Map is since Go 1.24."""
CLASS_REFLECT = 10
CLASS_HIDDEN = 12
"""A value of a redacted type: nothing of it is read."""
CLASS_RTYPE = 11
"""A description of a type, behind a reflect.Type: its name is all that is wanted."""

STEP_DEEPER = 0
STEP_CHAIN = 1
STEP_LEVEL = 2
"""What following a pointer costs: a level of depth; a step of a chain; nothing (a key that a map keeps by address)."""

ADDRESS = GoType(MadeType.ADDRESS, "uintptr", Kind.UINT, 8)
"""The type of `&x` as it is captured: the address itself, to join on."""
_HIDDEN = GoType(MadeType.HIDDEN, "redacted", Kind.UNKNOWN, 0)
"""The type that redacted fields have in a plan."""
_FUNC = GoType(MadeType.FUNC, "func()", Kind.FUNC, 8)
MAX_POINTERS = 4096
"""Pointers followed from one value; a value with more (a large array) is followed in its first ones."""
MAX_TYPES = 1 << 20
_CLOSURE_DEPTH = 3
"""Pointers behind what closures hold to types that the runtime doesn't describe."""
_INTEGERS = (Kind.INT, Kind.UINT)
RTYPES = ("reflect.rtype", "internal/abi.Type", "runtime._type")
REFLECT_VALUE = "reflect.Value"
SCALARS = (Kind.BOOL, Kind.INT, Kind.UINT, Kind.FLOAT, Kind.COMPLEX, Kind.STRING)
SPECIAL = {"time.Time": "time", "time.Duration": "duration"}
"""How types are shown that aren't by their kind, by name."""


@dataclass(frozen=True)
class Pointer:
    """A word at `offset` of a value that leads on: its class, the number of the type that its object has, and what the
    step costs (`STEP_DEEPER`, …)."""

    offset: int
    kind: int
    target: int
    step: int = STEP_DEEPER


class PointerRows:
    """Rows of the table `pointers`: what types lead to, each list of them once. `start` rows are there before."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.pointers: list[Pointer] = [] if start else [Pointer(0, CLASS_VALUE, 0)]
        self._first: dict[tuple[Pointer, ...], int] = {(): 0}

    def first(self, pointers: tuple[Pointer, ...]) -> int:
        """The row where these start."""
        at = self._first.get(pointers)
        if at is None:
            at = self._first[pointers] = self.start + len(self.pointers)
            self.pointers += pointers
        return at


class HoleRows:
    """Rows of the table `holes`, each list of them once; `lists` are the rows of `hole_lists`: first and count."""

    def __init__(self) -> None:
        self.holes: list[Hole] = [Hole(0, 0)]
        self.lists: list[tuple[int, int]] = [(0, 0)]
        self._known: dict[tuple[Hole, ...], int] = {(): 0}

    def row(self, holes: tuple[Hole, ...]) -> int:
        """The row of `hole_lists` with these; 0 without any."""
        at = self._known.get(holes)
        if at is None:
            at = self._known[holes] = len(self.lists)
            self.lists.append((len(self.holes), len(holes)))
            self.holes += holes
        return at


@dataclass
class _Entry:
    number: int
    type: GoType
    left: int
    """Pointers that may still be followed from a value of this type."""
    elem: int | None = None
    key: int | None = None


class TypeTable:
    """Numbers types on demand. `add` registers a type and everything within reach; the rest tells what came of it.

    With a `graph`, all types that the binary describes to its runtime are there from the start, with its numbers.
    """

    def __init__(
        self,
        info: DebugInfo,
        graph: RuntimeGraph | None = None,
        parts: Parts | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.info = info
        self.graph = graph
        self.parts = parts or Parts(info)
        self.redactor = redactor or Redactor(info, Redaction())
        self.hole_rows = HoleRows()
        self._in_graph = len(graph) if graph else 0
        self.rows = PointerRows(len(graph.held.offset) if graph else 0)
        """What the program reads of `pointers`; filled as it is asked for, so final once the program is made."""
        self._numbers: dict[int, int] = {}
        self._types: dict[int, GoType] = {}
        self._entries: list[_Entry] = []
        self.closures: dict[int, int] = {}
        """The numbers of closures' structs by where their code begins."""
        self._described: dict[int, _Entry] = {}
        self._pointers: dict[int, tuple[Pointer, ...]] = {}
        string = info.find_type("string")
        known = info.type(string) if string is not None else BUILTIN["string"]
        number = self._new(known, 0).number
        self._numbers[BUILTIN["string"].id] = number
        assert number == STRING_TYPE
        assert self._new(_FUNC, 0).number == FUNC_TYPE
        self._hidden = self._new(_HIDDEN, 0).number if self.redactor else 0

    def __len__(self) -> int:
        return len(self._entries) + self._in_graph

    def _new(self, go_type: GoType, left: int) -> _Entry:
        number = len(self._entries) + 1
        entry = _Entry(number if number <= FUNC_TYPE else number + self._in_graph, go_type, left)
        self._entries.append(entry)
        self._numbers[go_type.id] = entry.number
        return entry

    def _entry(self, number: int) -> _Entry:
        if number <= FUNC_TYPE:
            return self._entries[number - 1]
        if self.graph is None or not self.graph.holds(number):
            return self._entries[number - 1 - self._in_graph]
        found = self._described.get(number)
        if found is None:
            go_type = self.graph.type_at(number)
            found = self._described[number] = _Entry(number, go_type, 1)
            self._link(found)
        return found

    def _find(self, go_type: GoType) -> int | None:
        """The number of a type, if it has one."""
        known = self._numbers.get(go_type.id)
        if known is None and self.graph is not None and (row := self.graph.row_of(go_type)) is not None:
            known = self._numbers[go_type.id] = int(self.graph.numbers[row])
        return known

    def _find_id(self, type_id: int | None) -> int | None:
        if type_id is None:
            return None
        known = self._numbers.get(type_id)
        if known is None and self.graph is not None and (known := self._find(self._type(type_id))) is not None:
            self._numbers[type_id] = known
        return known

    def _type(self, type_id: int) -> GoType:
        """What is left of the type with that id, which is asked for again and again. Raises KeyError."""
        known = self._types.get(type_id)
        if known is None:
            known = self._types[type_id] = self.parts.type(type_id)
        return known

    @property
    def reaches_dynamic_types(self) -> bool:
        """Whether anything that has a number leads to a value whose type only the process knows."""
        return any(
            e.type.kind in (Kind.INTERFACE, Kind.FUNC, Kind.SHARED) or e.type.name == REFLECT_VALUE
            for e in self._entries[FUNC_TYPE:]
        )

    def add(self, go_type: GoType, depth: int) -> int:
        """Number of the type; everything within `depth` pointers of a value of it gets one too."""
        self._add_all([(self.parts.of(go_type), depth)])
        return self.number(go_type)

    def add_closures(self) -> None:
        """Number the structs of all closures, and remember which code has which."""
        closures = self.info.closures()
        self._add_all([(struct, _CLOSURE_DEPTH) for struct in closures.values()])
        self.closures = {pc: self.number(struct) for pc, struct in closures.items()}

    def _add_all(self, pending: list[tuple[GoType, int]]) -> None:
        while pending:
            current, left = pending.pop()
            known = self._find(current)
            if known is None:
                if len(self) >= MAX_TYPES:
                    continue
                entry = self._new(current, left)
            elif self.graph is not None and self.graph.holds(known):
                continue
            else:
                entry = self._entry(known)
                if entry.left >= left:
                    continue
            entry.left = max(entry.left, left)
            pending += self._expand(entry, left)
        for entry in self._entries:
            self._link(entry)
        self._pointers.clear()

    def _expand(self, entry: _Entry, left: int) -> list[tuple[GoType, int]]:
        go_type = entry.type
        if self.redactor.type(go_type):
            return []
        match go_type.kind:
            case Kind.STRUCT if (trie := trie_layout(self.info, go_type)) is not None:
                return [(self._type(inner), left) for inner in (trie.key, trie.elem)]
            case Kind.STRUCT:
                # A chain goes on whatever depth is left.
                return [
                    (self._type(f.type), max(left, 1) if self._is_chain(go_type, f) else left)
                    for f in go_type.fields
                    if not self.redactor.hides(go_type, f)
                ]
            case Kind.ARRAY | Kind.SLICE | Kind.MAP | Kind.CHAN:
                return [(self._type(inner), left) for inner in (go_type.key, go_type.elem) if inner is not None]
            case Kind.SHARED if go_type.elem is not None:
                return [(self._type(go_type.elem), left)]
            case Kind.POINTER if go_type.elem is not None and left > 0:
                return [(self._type(go_type.elem), left - 1)]
        return []

    def _is_chain(self, struct: GoType, field_: Field) -> bool:
        if self.parts.is_path(field_.type):
            return True
        return is_chain(struct.name, field_.name, self._type(field_.type).name, embedded=field_.embedded)

    def _link(self, entry: _Entry) -> None:
        if entry.type.kind in (Kind.ARRAY, Kind.SLICE, Kind.MAP, Kind.CHAN, Kind.SHARED) or (
            entry.type.kind is Kind.POINTER and entry.left > 0
        ):
            entry.elem, entry.key = self._find_id(entry.type.elem), self._find_id(entry.type.key)
        elif (trie := trie_layout(self.info, entry.type)) is not None:
            entry.elem, entry.key = self._find_id(trie.elem), self._find_id(trie.key)

    def number(self, go_type: GoType) -> int:
        """The number that a type already has. Raises KeyError."""
        found = self._find(go_type)
        if found is None:
            raise KeyError(go_type.name)
        return found

    def pointers(self, number: int) -> tuple[Pointer, ...]:
        """What a value of type `number` itself leads to, by ascending offset, at most `MAX_POINTERS`."""
        if number not in self._pointers:
            self._pointers[number] = tuple(islice(self._collect(self._entry(number)), MAX_POINTERS))
        return self._pointers[number]

    def _collect(self, entry: _Entry) -> Iterator[Pointer]:
        go_type = entry.type
        if self.redactor.type(go_type):
            return
        match go_type.kind:
            case Kind.STRING:
                yield Pointer(0, CLASS_STRING, STRING_TYPE)
            case Kind.SLICE if entry.elem is not None:
                yield Pointer(0, CLASS_SLICE, entry.number)
            case Kind.POINTER if entry.elem is not None:
                yield Pointer(0, CLASS_POINTER, self._pointee(entry.elem))
            case Kind.INTERFACE:
                yield Pointer(0, CLASS_EFACE if go_type.empty_interface else CLASS_IFACE, 0)
            case Kind.MAP if self.entry(entry.number) is not None:
                yield Pointer(0, CLASS_MAP, entry.number)
            case Kind.CHAN if entry.elem is not None:
                yield Pointer(0, CLASS_CHAN, entry.number)
            case Kind.FUNC:
                yield Pointer(0, CLASS_FUNC, FUNC_TYPE)
            case Kind.STRUCT if (trie := trie_layout(self.info, go_type)) is not None:
                yield Pointer(trie.root, CLASS_TRIE, entry.number)
            case Kind.STRUCT if go_type.name == REFLECT_VALUE:
                yield Pointer(0, CLASS_REFLECT, 0)
            case Kind.STRUCT:
                for f in go_type.fields:
                    number = self._find_id(f.type)
                    held = () if number is None else self.pointers(number)
                    if held and is_followed(go_type.name, f.name) and not self.redactor.hides(go_type, f):
                        yield from _moved(held, f.offset, chain=self._is_chain(go_type, f))
            case Kind.ARRAY if entry.elem is not None:
                held, size = self.pointers(entry.elem), self.size(entry.elem)
                for i in range((go_type.length or 0) if held else 0):
                    yield from _moved(held, i * size)

    def _pointee(self, number: int) -> int:
        kind = self._entry(number).type.kind
        return number | POINTEE if kind.value in REFERENCE_KINDS else number

    def layout(self, number: int) -> MapLayout | None:
        """Where the entries of a map type are, None for other types and where nothing tells."""
        entry = self._entry(number)
        if entry.key is None or entry.elem is None:
            return None
        trie = trie_layout(self.info, entry.type)
        return map_layout(self.info, entry.type) if trie is None else trie.entry

    def children_at(self, number: int) -> int:
        """Where a node of a trie type has its children; 0 for other types."""
        trie = trie_layout(self.info, self._entry(number).type)
        return 0 if trie is None else trie.children_at

    def entry(self, number: int) -> PlanEntry | None:
        """The layout of an entry of a map type in the object of a map."""
        layout, entry = self.layout(number), self._entry(number)
        if layout is None or entry.elem is None:
            return None
        return plan_entry(layout, marked=self.is_marked(number))

    def is_marked(self, number: int) -> bool:
        """Whether entries of a map type say of themselves whether they are redacted."""
        key = self._entry(number).key
        return key is not None and self.redactor.is_key(self._entry(key).type)

    def holes(self, number: int) -> tuple[Hole, ...]:
        """What isn't emitted of a unit of what a word of type `number` leads to (see `unit`)."""
        entry, layout = self._entry(number), self.layout(number)
        if not self.redactor or self.redactor.type(entry.type):
            return self.redactor.holes(entry.type)
        if layout is not None and entry.key is not None and entry.elem is not None:
            packed = plan_entry(layout, marked=self.is_marked(number))
            parts = self._entry(entry.key).type, self._entry(entry.elem).type
            return self.redactor.entry(*parts, layout, packed)
        if entry.type.kind in (Kind.SLICE, Kind.CHAN) and entry.elem is not None:
            return self.redactor.holes(self._entry(entry.elem).type)
        return self.redactor.holes(entry.type)

    def unit(self, number: int) -> tuple[int, int, tuple[Pointer, ...]]:
        """What a word of type `number` leads to: its class, the size of the bytes, elements or entries that it is made
        of, and what each of these leads to itself; of other types the value."""
        entry = self._entry(number)
        elem = None if entry.elem is None else self._entry(entry.elem)
        if self.redactor.type(entry.type):
            return CLASS_HIDDEN, entry.type.size, ()
        match entry.type.kind:
            case Kind.STRING:
                return CLASS_STRING, 1, ()
            case Kind.SLICE if elem is not None:
                # Bytes are limited as a string is.
                is_bytes = elem.type.kind is Kind.UINT and elem.type.size == 1
                return CLASS_STRING if is_bytes else CLASS_SLICE, elem.type.size, self.pointers(elem.number)
            case Kind.MAP:
                layout = self.entry(number)
                return (CLASS_MAP, layout.size, self._entry_pointers(entry, layout)) if layout else (CLASS_VALUE, 8, ())
            case Kind.CHAN if elem is not None:
                return CLASS_CHAN, elem.type.size, self.pointers(elem.number)
            case Kind.FUNC:
                return CLASS_FUNC, 16, ()
            case Kind.STRUCT if (packed := self.entry(number)) is not None:
                return CLASS_TRIE, packed.size, self._entry_pointers(entry, packed)
            case Kind.STRUCT if entry.type.name in RTYPES:
                return CLASS_RTYPE, entry.type.size, ()
        return CLASS_VALUE, entry.type.size, self.pointers(number)

    def _entry_pointers(self, entry: _Entry, layout: PlanEntry) -> tuple[Pointer, ...]:
        assert entry.key is not None
        assert entry.elem is not None
        parts = ((entry.key, 0, layout.indirect_key), (entry.elem, layout.elem_offset, layout.indirect_elem))
        found: list[Pointer] = []
        for number, at, indirect in parts:
            if indirect and not self.redactor.type(self._entry(number).type):
                found.append(Pointer(at, CLASS_POINTER, self._pointee(number), STEP_LEVEL))
            elif indirect:
                continue
            else:
                found += (Pointer(at + p.offset, p.kind, p.target, p.step) for p in self.pointers(number))
        return tuple(found)

    def is_scalar(self, number: int) -> bool:
        """Whether a value is a number, a bool or a string: in an interface it is as near as in a struct."""
        return self._entry(number).type.kind in SCALARS

    def size(self, number: int) -> int:
        """Bytes of a value of type `number`."""
        return self._entry(number).type.size

    def plan_types(self) -> PlanTypes:
        """The plan's types, by number from 1."""
        own = [columns_of([self._plan_type(e) for e in part]) for part in (self._entries[:2], self._entries[2:])]
        described = [self.graph.plan_columns(self.info.named_constants(), self._hidden)] if self.graph else []
        return PlanTypes(joined([own[0], *described, own[1]]))

    def _plan_type(self, entry: _Entry) -> PlanType:
        go_type = entry.type
        if entry.number == self._hidden or self.redactor.type(go_type):
            return PlanType(entry.number, go_type.name, HIDDEN_KIND, go_type.size)
        return PlanType(
            id=entry.number,
            name=go_type.name,
            kind=go_type.kind.value,
            size=go_type.size,
            fields=tuple(
                PlanField(f.name, f.offset, number, f.embedded, chain=self._is_chain(go_type, f))
                for f in go_type.fields
                if (number := self._field_number(go_type, f)) is not None
            ),
            elem=entry.elem,
            length=go_type.length,
            empty_interface=go_type.empty_interface,
            special=None if go_type.name in SPECIAL and self.redactor.holes(go_type) else special(go_type),
            pointers=bool(self.pointers(entry.number)),
            key=entry.key,
            entry=self.entry(entry.number),
            constants=constants_of(go_type, self.info.named_constants()),
        )

    def _field_number(self, struct: GoType, of: Field) -> int | None:
        return self._hidden if self.redactor.hides(struct, of) else self._find_id(of.type)


def constants_of(go_type: GoType, named: Mapping[str, tuple[tuple[int, str], ...]]) -> tuple[tuple[int, str], ...]:
    """The named constants of an integer type; of other types none."""
    known = named.get(go_type.name, ())
    # Those of an unsigned type that have its highest bit of 64 are negative as words, which a plan can't have.
    return tuple(c for c in known if c[0] >= 0 or go_type.kind is Kind.INT) if go_type.kind in _INTEGERS else ()


def _moved(pointers: Iterable[Pointer], by: int, *, chain: bool = False) -> Iterator[Pointer]:
    """What a part leads to, for the whole around it; `chain` where the part is a field that a chain goes on in."""
    for p in pointers:
        yield Pointer(p.offset + by, p.kind, p.target, STEP_CHAIN if chain else p.step)


def plan_entry(layout: MapLayout, *, marked: bool) -> PlanEntry:
    """How the program packs an entry of a map with that layout; see `PlanEntry` for `marked`."""
    elem_at = -(-layout.key_size // 8) * 8
    size = elem_at + -(-layout.elem_size // 8) * 8 + 8 * marked
    return PlanEntry(max(size, 8), elem_at, layout.indirect_key, layout.indirect_elem, marked)


def captured_type(expr: bound.Expr) -> GoType:
    """The type that a captured expression has in the plan."""
    return ADDRESS if isinstance(expr, bound.AddressOf) else expr.type


def special(go_type: GoType) -> str | None:
    """How a type is shown, if not by its kind: `time`, `duration`, `address` or `part`."""
    if go_type.id == ADDRESS.id:
        return "address"
    if go_type.part:
        return PART
    return SPECIAL.get(go_type.name)
