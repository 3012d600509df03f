"""The words that Go's compiler takes a value apart into, when it keeps the value in registers.

A location list has one piece for each such word, in order, without a word on the padding between them, and none at
all for words that the function never uses. So a piece means nothing until it is matched with its leaf.
Sources: CanSSA in cmd/compile/internal/ssa/value.go, cmd/compile/internal/ssa/decompose.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sey.frontend.debuginfo.model import GoType, Kind, TypeId
from sey.frontend.debuginfo.types import Types

_WORD = 8
_MAX_FIELDS = 4
_MAX_SIZE = 4 * _WORD
_MAX_DEPTH = 32
_MOST_LEAVES = 64
_WORDS = {Kind.STRING: 2, Kind.INTERFACE: 2, Kind.SLICE: 3}
_POINTERS = {Kind.STRING: (0,), Kind.INTERFACE: (1,), Kind.SLICE: (0,)}
_POINTER_KINDS = (Kind.POINTER, Kind.MAP, Kind.CHAN, Kind.FUNC, Kind.UNSAFE_POINTER)


class Leaf(NamedTuple):
    """`size` bytes at `offset` of a value that one register holds: a float register if `floating`.

    `room` is the size with the padding behind it up to the next word, `padding` what follows of it (a field without a
    size at the end of a struct costs a word). `pointer` says that the garbage collector follows it.
    """

    offset: int
    size: int
    floating: bool
    pointer: bool
    room: int
    padding: int = 0


def leaves_of(types: Types, type_id: TypeId) -> tuple[Leaf, ...] | None:
    """The leaves of a type in order; None for types that nothing takes apart, arrays of several elements among them.

    A type that the compiler keeps in memory (`kept_whole`) may have leaves too: it may come in registers.
    """
    kind = types.type(type_id)
    try:
        found = list(_flatten(types, kind, 0, 0))
    except _InMemoryError:
        return None
    if len(found) > _MOST_LEAVES:
        return None
    ends = [*(leaf.offset for leaf in found[1:]), kind.size][: len(found)]
    return tuple(_padded(leaf, end) for leaf, end in zip(found, ends, strict=True))


def _padded(leaf: Leaf, end: int) -> Leaf:
    word_end = min(end, -(-(leaf.offset + leaf.size) // _WORD) * _WORD)
    return leaf._replace(room=word_end - leaf.offset, padding=end - word_end)


def kept_whole(types: Types, type_id: TypeId, depth: int = 0) -> bool:
    """Whether the compiler keeps variables of a type in memory, as a whole."""
    kind = types.type(type_id)
    if kind.size > _MAX_SIZE or depth > _MAX_DEPTH:
        return True
    match kind.kind:
        case Kind.ARRAY:
            several = (kind.length or 0) > 1
            return several or (kind.elem is not None and kept_whole(types, kind.elem, depth + 1))
        case Kind.STRUCT:
            # A struct that is one pointer is a pointer to the compiler, whatever fields without a size it has.
            parts = [f.type for f in kind.fields if types.type(f.type).size]
            one_word = kind.size == _WORD and len(parts) == 1
            many = len(kind.fields) > _MAX_FIELDS and not one_word
            return many or any(kept_whole(types, f.type, depth + 1) for f in kind.fields)
    return kind.kind is Kind.UNKNOWN


class _InMemoryError(Exception):
    """The type has a part that nothing takes apart."""


def _flatten(types: Types, kind: GoType, offset: int, depth: int) -> Iterator[Leaf]:
    match kind.kind:
        case Kind.STRUCT:
            if depth > _MAX_DEPTH:
                raise _InMemoryError
            for field in kind.fields:
                yield from _flatten(types, types.type(field.type), offset + field.offset, depth + 1)
        case Kind.ARRAY:
            if (kind.length or 0) > 1 or depth > _MAX_DEPTH:
                raise _InMemoryError
            if kind.length and kind.elem is not None:
                yield from _flatten(types, types.type(kind.elem), offset, depth + 1)
        case Kind.STRING | Kind.INTERFACE | Kind.SLICE:
            for i in range(_WORDS[kind.kind]):
                yield Leaf(offset + _WORD * i, _WORD, False, i in _POINTERS[kind.kind], 0)
        case Kind.COMPLEX:
            half = kind.size // 2
            yield from (Leaf(offset + at, half, True, False, 0) for at in (0, half))
        case Kind.UNKNOWN:
            raise _InMemoryError
        case _ if kind.size:
            yield Leaf(offset, kind.size, kind.kind is Kind.FLOAT, kind.kind in _POINTER_KINDS, 0)


def alignment(types: Types, type_id: TypeId, depth: int = 0) -> int:
    """The alignment of a type in bytes."""
    kind = types.type(type_id)
    match kind.kind:
        case Kind.STRUCT if depth < _MAX_DEPTH:
            return max((alignment(types, f.type, depth + 1) for f in kind.fields), default=1)
        case Kind.ARRAY if kind.elem is not None and depth < _MAX_DEPTH:
            return alignment(types, kind.elem, depth + 1)
        case Kind.COMPLEX:
            return max(kind.size // 2, 1)
        case Kind.BOOL | Kind.INT | Kind.UINT | Kind.FLOAT:
            return max(kind.size, 1)
    return _WORD
