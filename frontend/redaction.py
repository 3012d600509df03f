"""What a spec redacts: which names, types and fields, and where in the memory of a value the bytes of these are.

A value of a hidden type, and a hidden field, is a *hole* of what holds it: programs emit its bytes as zeros and follow
nothing in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sey.frontend import globs
from sey.frontend.automaton import Automaton, automaton
from sey.frontend.bound import Redaction
from sey.frontend.debuginfo.closures import is_of_closure
from sey.frontend.debuginfo.maps import TRIE
from sey.frontend.debuginfo.model import BUILTIN, UNREADABLE_TAG, DebugInfo, Field, GoType, Kind, MapLayout, TypeId
from sey.ir.plan import PlanEntry

MAX_HOLES = 4096
"""A value with more holes is one hole."""
_CLOSED = ("reflect.Value", "reflect.rtype", "internal/abi.Type", "runtime._type")
KEYED = {
    "context.valueCtx": ("key", "val"),
    "internal/runtime/pprof/label.Label": ("Key", "Value"),
    "runtime/pprof.label": ("key", "value"),
    "bucket<string,string>": ("keys", "values"),
}
"""Structs with strings or interfaces beside keys, by the names of the fields: values of contexts, and pprof's labels,
which up to Go 1.23 are in the buckets of a map."""
_PAIR = re.compile(r'([^\s:"]+):"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_COMPILER_MADE = re.compile(r"\w+<")
"""Parts of maps and channels, which the linker names so: `bucket<string,int>`. No name in a program can be like it."""
_SHAPES = "go.shape."
_REFERRING = (Kind.POINTER, Kind.SLICE, Kind.ARRAY, Kind.CHAN)
"""Kinds of what is hidden because its elements are."""


@dataclass(frozen=True)
class Hole:
    """`size` bytes at `at` that are not emitted.

    With a `key` (a string or an interface at `key_at` beside it) only where that is a hidden name; then the word at
    `mark_at` becomes `HIDDEN_WORD`.
    """

    at: int
    size: int
    key: Kind | None = None
    key_is_any: bool = False
    key_at: int = 0
    mark_at: int = 0

    def moved(self, by: int) -> Hole:
        """The same hole of what has this value at `by`."""
        return replace(self, at=self.at + by, key_at=self.key_at + by, mark_at=self.mark_at + by)


@dataclass(frozen=True)
class Redactor:
    """A redaction applied to the types of one binary."""

    info: DebugInfo
    redaction: Redaction
    wholes: Mapping[TypeId, GoType] = field(default_factory=dict)
    """The types that those made for `type` statements are parts of: memory is redacted by all that is in it."""
    _types: dict[int, bool] = field(default_factory=dict)
    _counts: dict[int, int] = field(default_factory=dict)
    _holes: dict[int, tuple[Hole, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self._is_any

    @cached_property
    def _is_any(self) -> bool:
        return self.redaction != Redaction()

    @cached_property
    def _type_names(self) -> globs.Globs:
        return globs.Globs(self.redaction.types)

    @cached_property
    def keys(self) -> Automaton:
        """What tells the hidden ones among names, here and among the strings that a program meets."""
        return automaton(self.redaction.names)

    @cached_property
    def _tags(self) -> Automaton:
        """What tells the hidden ones among keys of tags, and keys with their values."""
        return automaton(self.redaction.tags)

    def _whole(self, go_type: GoType) -> GoType:
        return self.wholes.get(go_type.id) or (self.info.type(go_type.id) if go_type.part else go_type)

    def _type(self, type_id: TypeId) -> GoType:
        return self.wholes.get(type_id) or self.info.type(type_id)

    def name(self, name: str) -> bool:
        """Whether a variable, a field or a key of that name is hidden."""
        return self.keys.matches(_utf8(name))

    def type_name(self, name: str) -> bool:
        """Whether values of the type of that name are hidden, by its name. Predeclared types never are; where types are
        redacted, those of generic code are, since they may stand for any."""
        if (self.redaction.types or self.redaction.tags) and _SHAPES in name:
            return True
        return name not in BUILTIN and self._type_names.fit(name)

    def type(self, go_type: GoType) -> bool:
        """Whether values of a type are hidden: it is named, or what it is made of or leads to is."""
        if not self:
            return False
        known = self._types.get(go_type.id)
        if known is None:
            self._types[go_type.id] = False
            known = self._types[go_type.id] = self._is_hidden(self._whole(go_type))
        return known

    def _is_hidden(self, go_type: GoType) -> bool:
        if go_type.kind is Kind.SHARED:
            return False
        if self.type_name(go_type.name):
            return True
        if self.redaction.tags and self._may_be_tagged(go_type):
            return True
        if go_type.name in KEYED and None in _beside(go_type) and self.redaction.names:
            return True
        if go_type.kind in _REFERRING and go_type.elem is not None and self.type(self._type(go_type.elem)):
            return True
        return self._count(go_type) > min(MAX_HOLES, max(go_type.size, 1))

    def field(self, struct: GoType, name: str) -> bool:
        """Whether a field of a struct is hidden, whatever its type."""
        if is_closed(struct.name):
            return False
        return self.name(name) or (bool(self.redaction.tags) and self._is_tagged(struct, name))

    def _is_tagged(self, struct: GoType, name: str) -> bool:
        # Only what is described to the runtime has tags; the part of a type has no description of its own.
        described = self._description(self._whole(struct))
        if described is None:
            return False
        tags = [of.tag for of in described.fields if of.name == name]
        return not tags or any(map(self.tag, tags))

    def _description(self, struct: GoType) -> GoType | None:
        types = self.info.runtime_types
        row = types.row(struct.runtime_type) if struct.runtime_type is not None else None
        return None if row is None else types.at(row)

    def _may_be_tagged(self, struct: GoType) -> bool:
        """Whether nothing tells the tags of a struct of the program."""
        may_have = bool(struct.fields) and not is_of_closure(struct.id) and may_have_tags(struct.name, self.info)
        return may_have and self._description(struct) is None

    def tag(self, tag: str) -> bool:
        """Whether a field with that tag is hidden. One that can't be read is."""
        if not tag or not self.redaction.tags:
            return False
        return tag == UNREADABLE_TAG or any(self._tags.matches(_utf8(part)) for part in tag_parts(tag))

    def hides(self, struct: GoType, of: Field) -> bool:
        """Whether a field is hidden, for its name or its type."""
        if not self or is_closed(struct.name):
            return False
        return self.field(struct, of.name) or self.type(self._type(of.type))

    def _count(self, go_type: GoType) -> int:
        """How many holes a value has."""
        known = self._counts.get(go_type.id)
        if known is None:
            known = self._counts[go_type.id] = sum(1 for _ in self._keyed(go_type)) + sum(
                1 if self.hides(go_type, of) else self._count(self._type(of.type)) for of in _open_fields(go_type)
            )
            if go_type.kind is Kind.ARRAY and go_type.elem is not None:
                known = (go_type.length or 0) * self._count(self._type(go_type.elem))
            self._counts[go_type.id] = known
        return known

    def holes(self, go_type: GoType) -> tuple[Hole, ...]:
        """The holes of a value, by ascending offset."""
        if not self:
            return ()
        if go_type.id not in self._holes:
            found = (Hole(0, go_type.size),) if self.type(go_type) else tuple(self._found(self._whole(go_type)))
            self._holes[go_type.id] = tuple(hole for hole in found if hole.size or hole.key)
        return self._holes[go_type.id]

    def _found(self, go_type: GoType) -> Iterator[Hole]:
        if go_type.kind is Kind.ARRAY and go_type.elem is not None:
            elem = self._type(go_type.elem)
            held = self.holes(elem)
            for i in range((go_type.length or 0) if held else 0):
                yield from (hole.moved(i * elem.size) for hole in held)
        for of in _open_fields(go_type):
            inner = self._type(of.type)
            if self.hides(go_type, of):
                yield Hole(of.offset, inner.size)
            else:
                yield from (hole.moved(of.offset) for hole in self.holes(inner))
        yield from self._keyed(go_type)

    def _keyed(self, go_type: GoType) -> Iterator[Hole]:
        """Values beside keys that are known only in the process; those of maps are in `entry`."""
        if go_type.name not in KEYED or not self.redaction.names:
            return
        key, value = _beside(go_type)
        if key is None or value is None:
            return
        kind, step, many = self._type(key.type), 0, 1
        if kind.kind is Kind.ARRAY and kind.elem is not None:
            kind, many = self._type(kind.elem), kind.length or 0
            step = kind.size
        is_any = kind.kind is Kind.INTERFACE and kind.empty_interface
        for i in range(many if kind.kind in (Kind.STRING, Kind.INTERFACE) else 0):
            at = value.offset + i * step
            yield Hole(at, kind.size, kind.kind, is_any, key.offset + i * step, at)

    def is_key(self, go_type: GoType) -> bool:
        """Whether values of the type, as keys, may be names that are hidden."""
        is_text = go_type.kind in (Kind.STRING, Kind.INTERFACE)
        return is_text and bool(self.redaction.names) and not self.type(go_type)

    def entry(self, key: GoType, elem: GoType, layout: MapLayout, packed: PlanEntry) -> tuple[Hole, ...]:
        """The holes of an entry of a map as programs pack it."""
        elem_at, end = packed.elem_offset, packed.size - 8 * packed.marked
        key_part = (key, 0, layout.key_size, layout.indirect_key)
        elem_part = (elem, elem_at, layout.elem_size, layout.indirect_elem)
        found = list[Hole]()
        for of, at, stored, indirect in (key_part, elem_part):
            if self.type(of):
                found.append(Hole(at, stored))
            elif not indirect:
                found += (hole.moved(at) for hole in self.holes(of))
        if found or packed.marked:
            # Programs copy whole words, and with the last one what is behind.
            rests = ((layout.key_size, elem_at), (elem_at + layout.elem_size, end))
            found += (Hole(rest, to - rest) for rest, to in rests)
        if packed.marked:
            is_any = key.kind is Kind.INTERFACE and key.empty_interface
            found.append(Hole(elem_at, end - elem_at, key.kind, is_any, 0, end))
        return tuple(hole for hole in found if hole.size or hole.key)


def _beside(struct: GoType) -> list[Field | None]:
    """The fields of a struct of `KEYED`; None for one that it lacks."""
    fields = {of.name: of for of in struct.fields}
    return [fields.get(name) for name in KEYED[struct.name]]


def may_have_tags(name: str, info: DebugInfo) -> bool:
    """Whether the fields of a struct of that name may have tags that matter: not those of the standard library, nor of
    what the compiler makes; and the name of a struct without name spells them. Where nothing is certain, they may."""
    if name.startswith("struct {"):
        return '"' in name
    if _COMPILER_MADE.match(name):
        return False
    package, dot, _ = name.partition("[")[0].rpartition(".")
    return not dot or not info.is_standard(package)


def tag_parts(tag: str) -> Iterator[str]:
    """The keys of a tag, and each with its value behind a `:`, as `reflect.StructTag` takes it apart; of one that isn't
    written so, its words too."""
    rest = 0
    for found in _PAIR.finditer(tag):
        yield from tag[rest : found.start()].split()
        rest, value = found.end(), _ESCAPED.sub(r"\1", found[2])
        yield from (found[1], f"{found[1]}:{value}")
    yield from tag[rest:].split()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def last_name(name: str) -> str:
    """The name of a type or package-level variable without its package."""
    return name.rpartition("/")[2].partition(".")[2]


def is_closed(name: str) -> bool:
    """Whether the fields of the struct of that name are no values of the program."""
    return name in _CLOSED or name.startswith(TRIE)


def _open_fields(go_type: GoType) -> Iterable[Field]:
    return () if is_closed(go_type.name) else go_type.fields
