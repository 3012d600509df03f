"""What closures hold, as structs: the words behind the code's address in the object that a func value points to.

Sources: cmd/compile/internal/ssagen (DW_AT_go_closure_offset), cmd/compile/internal/typecheck (ClosureType, and
MethodValueType: the struct of a method value is its code's address and its receiver `R`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo.captured import Captured, by_value, code_of
from sey.frontend.debuginfo.index import Index
from sey.frontend.debuginfo.model import BUILTIN, CLOSURE_IDS, SHAPE_IDS, Field, GoType, Kind, TypeId
from sey.frontend.debuginfo.names import source_name
from sey.frontend.debuginfo.runtimetypes import RuntimeTypes
from sey.frontend.debuginfo.types import UNKNOWN, Types

_WORD = 8
_METHOD_VALUE = "-fm"
_CODE = Field("_", BUILTIN["uintptr"].id, 0, False)
"""The code's address, which the name of the function tells already."""


class Closures:
    """The closures of one binary."""

    def __init__(self, index: Index, runtime: RuntimeTypes, types: Types, open_table: Callable[[], PclnTab]) -> None:
        self._index, self._runtime, self._types, self._open_table = index, runtime, types, open_table
        self._offsets = dict(zip(index.arrays["type_die"].tolist(), index.arrays["type_runtime"].tolist(), strict=True))
        self.unreadable: dict[TypeId, GoType] = {}
        """Types made for what generic code holds: what a shape really is, only the process knows."""

    def all(self) -> Mapping[int, GoType]:
        """The structs by where code begins; without those whose parts can't be read."""
        found = {}
        for pc in self._index.arrays["closure_pc"].tolist():
            held = self._held(pc, list(self._index.captured_of(pc)))
            if struct := _struct(pc, held):
                found[pc] = struct
        for pc, receiver in self._method_values():
            if struct := _struct(pc, [("R", receiver, _WORD)]):
                found[pc] = struct
        return found

    def _held(self, pc: int, parts: Sequence[tuple[str, TypeId, int]]) -> list[tuple[str, GoType | None, int]]:
        """Names, types and offsets of what a closure has, the address where it has no more."""
        own = [self._own(name, die) for name, die, _ in parts]
        captured = [Captured(die, at, name.startswith("&")) for (name, _, at), die in zip(parts, own, strict=True)]
        found = list[tuple[str, GoType | None, int]]()
        values = by_value(self._types, captured, code_of(self._open_table, pc))
        for (name, die, at), own_die, value in zip(parts, own, values, strict=True):
            kind = self._type(own_die if value else die)
            found.append((name, self._unread(die, kind) if kind and value is None else kind, at))
        return found

    def _own(self, name: str, die: TypeId) -> TypeId:
        """The type of a variable itself, whose entry may have that of its address."""
        if not name.startswith("&"):
            return die
        try:
            pointee = self._types.type(die).elem
        except KeyError:
            pointee = None
        return UNKNOWN.id if pointee is None else pointee

    def _unread(self, die: TypeId, kind: GoType) -> GoType:
        """A type that says that a variable isn't read."""
        id_ = SHAPE_IDS - die
        return self.unreadable.setdefault(id_, GoType(id_, kind.name, Kind.UNKNOWN, kind.size, shape=True))

    def _type(self, die: TypeId) -> GoType | None:
        row = self._runtime.row(self._offsets.get(die) or 0)
        try:
            found = self._types.type(die) if row is None else self._runtime.at(row)
        except KeyError:
            return None
        return self._unread(die, found) if found.shape else found

    def _method_values(self) -> Iterator[tuple[int, GoType]]:
        index = self._index
        for function, name in enumerate(index.functions.all()):
            if not name.endswith(_METHOD_VALUE) or "[" in name:
                continue
            receiver = index.find_type(_receiver(name))
            linkage = int(index.arrays["linkage_first"][function])
            if receiver is None:
                continue
            kind = self._type(receiver)
            for place in index.places(linkage) if kind else ():
                if kind and place.linkage == place.container:
                    yield place.physical.lo, kind


def _receiver(name: str) -> str:
    """The type whose method it is: `*main.T` of `main.(*T).Do-fm`, `main.T` of `main.T.Do-fm`."""
    owner = source_name(name.rpartition(".")[0])
    if owner.endswith(")") and ".(*" in owner:
        package, _, local = owner.rpartition(".(*")
        return f"*{package}.{local.removesuffix(')')}"
    return owner


def _struct(pc: int, held: list[tuple[str, GoType | None, int]]) -> GoType | None:
    fields, end = [_CODE], _WORD
    # What has no size comes before what is in the same place.
    for name, kind, at in sorted(held, key=lambda part: (part[2], part[1].size if part[1] else 0)):
        if kind is None or at < end:
            return None
        fields.append(Field(name.removeprefix("&"), kind.id, at, False))
        end = at + kind.size
    if len(fields) == 1:
        return None
    return GoType(CLOSURE_IDS - pc, "closure", Kind.STRUCT, -(-end // _WORD) * _WORD, tuple(fields))


def named_constants(index: Index) -> dict[str, tuple[tuple[int, str], ...]]:
    """See `DebugInfo.named_constants`."""
    names = dict(zip(index.arrays["type_die"].tolist(), index.types.all(), strict=True))
    found = {}
    for die, constants in index.constants_by_type().items():
        type_name = names.get(die, "")
        package, dot, _ = type_name.partition("[")[0].rpartition(".")
        if not dot:
            continue
        by_value: dict[int, set[str]] = {}
        for name, value in constants:
            owner, _, local = name.rpartition(".")
            if owner == package and local != "_":
                by_value.setdefault(value, set()).add(local)
        if chosen := tuple((value, min(own)) for value, own in sorted(by_value.items()) if len(own) == 1):
            found[type_name] = chosen
    return found


def is_of_closure(id_: TypeId) -> bool:
    """Whether an id is one that this module gives."""
    return id_ <= SHAPE_IDS
