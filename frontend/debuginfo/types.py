"""Go types from their entries.

Go's compilers and linker describe types so (cmd/link/internal/ld/dwarf.go): a string or slice is a structure with a
DW_AT_go_kind; interfaces, maps and channels are typedefs with one; and every defined type has, besides the entry that
describes it, a bare typedef of the same name. Bare typedefs are looked through, so that a type has one id.
"""

from __future__ import annotations

from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.dwarf import At, Encoding, GoKind, Tag
from sey.frontend.debuginfo.model import BUILTIN, POINTER_SHAPE, Field, GoType, Kind, MadeType, TypeId
from sey.frontend.debuginfo.names import source_name
from sey.frontend.debuginfo.units import Die, Units

UNKNOWN = GoType(MadeType.UNKNOWN, "?", Kind.UNKNOWN, 0)
"""Stands for a type whose entry can't be read."""

_WORD = 8
_MAX_TYPEDEFS = 64
_MAX_NESTING = 200
_SCALARS: dict[int, Kind] = {
    Encoding.BOOLEAN: Kind.BOOL,
    Encoding.COMPLEX_FLOAT: Kind.COMPLEX,
    Encoding.FLOAT: Kind.FLOAT,
    Encoding.SIGNED: Kind.INT,
    Encoding.SIGNED_CHAR: Kind.INT,
    Encoding.UNSIGNED: Kind.UINT,
    Encoding.UNSIGNED_CHAR: Kind.UINT,
}
_TYPE_TAGS = frozenset({
    Tag.ARRAY_TYPE, Tag.POINTER_TYPE, Tag.STRUCTURE_TYPE, Tag.SUBROUTINE_TYPE, Tag.TYPEDEF, Tag.BASE_TYPE,
    Tag.UNSPECIFIED_TYPE,
})  # fmt: skip
_EFACE = "runtime.eface"
ATOMIC_POINTER = "sync/atomic.Pointer["
"""How the names of these types begin."""


class Types:
    """Resolves type ids of one binary, each once."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._known: dict[TypeId, GoType] = {t.id: t for t in (*BUILTIN.values(), UNKNOWN)}
        self._canonical: dict[TypeId, TypeId] = {}
        self._checked: dict[TypeId, bool] = {}

    def type(self, type_id: TypeId) -> GoType:
        """The type with that id. Raises KeyError for an id that is not a type's."""
        try:
            found = self._described(self.canonical(type_id))
        except DamageError as damage:
            raise KeyError(f"{type_id} is not a type: {damage}") from damage
        if not self._believable(found, ()):
            return GoType(found.id, found.name, Kind.UNKNOWN, found.size, runtime_type=found.runtime_type)
        return found

    def canonical(self, offset: int) -> TypeId:
        """The id of the type that the entry at an offset means: bare typedefs looked through. Raises DamageError."""
        if offset in self._known:
            return offset
        found = self._canonical.get(offset)
        if found is None:
            found = self._canonical[offset] = self._follow(self._units.die(offset)).offset
        return found

    def reference(self, die: Die, name: int = At.TYPE) -> TypeId:
        """The type that an attribute refers to; UNKNOWN's id where that can't be read."""
        offset = die.number(name)
        if offset is None:
            return UNKNOWN.id
        try:
            return self._described(self.canonical(offset)).id
        except DamageError:
            return UNKNOWN.id

    def _follow(self, die: Die) -> Die:
        for _ in range(_MAX_TYPEDEFS):
            if die.tag not in _TYPE_TAGS:
                raise DamageError(f".debug_info at {die.offset:#x}", f"tag {die.tag:#x} where a type was expected")
            target = die.number(At.TYPE)
            if die.tag != Tag.TYPEDEF or At.GO_KIND in die.attributes or target is None:
                return die
            die = self._units.die(target)
        raise DamageError(f".debug_info at {die.offset:#x}", "typedefs in a circle")

    def _described(self, offset: TypeId) -> GoType:
        found = self._known.get(offset)
        if found is None:
            # Fields refer to types by id, so a recursive type finds its own placeholder here and nothing else of it.
            self._known[offset] = GoType(offset, "?", Kind.UNKNOWN, 0)
            try:
                found = self._known[offset] = self._describe(self._units.die(offset))
            except DamageError:
                del self._known[offset]
                raise
        return found

    def _describe(self, die: Die) -> GoType:
        match die.tag:
            case Tag.BASE_TYPE:
                return self._make(die, _SCALARS.get(die.number(At.ENCODING) or 0, Kind.UNKNOWN), self._size(die))
            case Tag.POINTER_TYPE:
                return self._pointer(die)
            case Tag.STRUCTURE_TYPE:
                return self._structure(die)
            case Tag.ARRAY_TYPE:
                return self._array(die)
            case Tag.SUBROUTINE_TYPE:
                return self._make(die, Kind.FUNC, _WORD)
            case Tag.TYPEDEF:
                return self._typedef(die)
        return self._make(die, Kind.UNKNOWN, die.number(At.BYTE_SIZE) or 0)

    def _make(
        self,
        die: Die,
        kind: Kind,
        size: int,
        *,
        fields: tuple[Field, ...] = (),
        elem: TypeId | None = None,
        key: TypeId | None = None,
        length: int | None = None,
        empty_interface: bool = False,
        layout: TypeId | None = None,
    ) -> GoType:
        name = source_name(die.name or "?")
        runtime = die.number(At.GO_RUNTIME_TYPE) or None
        shape = "go.shape." in name
        return GoType(die.offset, name, kind, size, fields, elem, key, length, runtime, empty_interface, layout, shape)

    def _size(self, die: Die) -> int:
        size = die.number(At.BYTE_SIZE)
        if size is None:
            raise DamageError(f".debug_info at {die.offset:#x}", "a type without a size")
        return size

    def _pointer(self, die: Die) -> GoType:
        if At.TYPE not in die.attributes:
            # The linker gives unsafe.Pointer, and types defined as it, no target; *T always has one.
            return self._make(die, Kind.UNSAFE_POINTER, _WORD)
        target = die.number(At.TYPE)
        elem = None
        # Pointers share the shape of *uint8, but where a constraint has methods that tell them apart (cmd/compile,
        # noder.shapify); what one points to, its dictionary knows.
        if target is not None and die.name != POINTER_SHAPE:
            try:
                elem = self.canonical(target)
            except DamageError:
                elem = UNKNOWN.id
        return self._make(die, Kind.POINTER, _WORD, elem=elem)

    def _structure(self, die: Die) -> GoType:
        match die.number(At.GO_KIND):
            case GoKind.STRING:
                return self._make(die, Kind.STRING, 2 * _WORD)
            case GoKind.SLICE:
                return self._make(die, Kind.SLICE, 3 * _WORD, elem=self._lazy(die, At.GO_ELEM))
        fields = tuple(self._field(child) for child in self._units.children(die) if child.tag == Tag.MEMBER)
        if (die.name or "").startswith(ATOMIC_POINTER):
            fields = self._typed(fields)
        return self._make(die, Kind.STRUCT, self._size(die), fields=fields)

    def _typed(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """The fields of an `atomic.Pointer[T]`: its word is an unsafe.Pointer, and `_ [0]*T` in front of it says T."""
        marks = [kind.elem for f in fields if (kind := self._described(f.type)).kind is Kind.ARRAY and kind.length == 0]
        if len(marks) != 1 or marks[0] is None:
            return fields
        words = (f.name == "v" and self._described(f.type).kind is Kind.UNSAFE_POINTER for f in fields)
        return tuple(f._replace(type=marks[0]) if is_word else f for f, is_word in zip(fields, words, strict=True))

    def _field(self, die: Die) -> Field:
        offset = die.number(At.DATA_MEMBER_LOCATION)
        if offset is None:
            raise DamageError(f".debug_info at {die.offset:#x}", "a field without an offset")
        return Field(die.name or "_", self._lazy(die, At.TYPE), offset, bool(die.number(At.GO_EMBEDDED_FIELD)))

    def _array(self, die: Die) -> GoType:
        counts = [c.number(At.COUNT) for c in self._units.children(die) if c.tag == Tag.SUBRANGE_TYPE]
        if len(counts) != 1 or counts[0] is None:
            raise DamageError(f".debug_info at {die.offset:#x}", "an array without a length")
        return self._make(die, Kind.ARRAY, self._size(die), elem=self._lazy(die, At.TYPE), length=counts[0])

    def _typedef(self, die: Die) -> GoType:
        match die.number(At.GO_KIND):
            case GoKind.INTERFACE:
                target = self._described(self._lazy(die, At.TYPE))
                return self._make(die, Kind.INTERFACE, 2 * _WORD, empty_interface=target.name == _EFACE)
            case GoKind.MAP:
                key, elem = self._lazy(die, At.GO_KEY), self._lazy(die, At.GO_ELEM)
                return self._make(die, Kind.MAP, _WORD, key=key, elem=elem, layout=self._layout(die))
            case GoKind.CHAN:
                return self._make(die, Kind.CHAN, _WORD, elem=self._lazy(die, At.GO_ELEM), layout=self._layout(die))
        return self._make(die, Kind.UNKNOWN, 0)

    def _layout(self, die: Die) -> TypeId | None:
        """A map or channel is a typedef of a pointer to the struct that the runtime keeps it in."""
        return self._described(self._lazy(die, At.TYPE)).elem

    def _lazy(self, die: Die, name: int) -> TypeId:
        """The id that an attribute refers to, without reading what the type is made of."""
        target = die.number(name)
        if target is None:
            return UNKNOWN.id
        try:
            return self.canonical(target)
        except DamageError:
            return UNKNOWN.id

    def _believable(self, kind: GoType, inside: tuple[TypeId, ...]) -> bool:
        """Whether all that a type holds by value fits into it; false for one that would hold itself."""
        known = self._checked.get(kind.id)
        if known is not None:
            return known
        if kind.id in inside or len(inside) > _MAX_NESTING:
            return False
        inside = (*inside, kind.id)
        fits = all(self._fits(kind, f.type, f.offset, 1, inside) for f in kind.fields)
        if kind.kind is Kind.ARRAY and kind.elem is not None:
            fits = fits and self._fits(kind, kind.elem, 0, kind.length or 0, inside)
        if kind.kind in (Kind.BOOL, Kind.INT, Kind.UINT, Kind.FLOAT, Kind.COMPLEX):
            fits = kind.size in (1, 2, 4, 8, 16)
        self._checked[kind.id] = fits
        return fits

    def _fits(self, outer: GoType, inner: TypeId, offset: int, count: int, inside: tuple[TypeId, ...]) -> bool:
        try:
            part = self._described(inner)
        except DamageError:
            return True  # Reading just this part will say so.
        return offset + count * part.size <= outer.size and self._believable(part, inside)
