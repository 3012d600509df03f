"""Where a map's entries are: from the structures that debug information gives each map type.

Swiss maps (Go 1.24, internal/runtime/maps): `map<K,V>` → dirPtr → `table<K,V>` → groups → data → the group, with
control bytes and then slots of key and element (or, by an experiment of 1.27, keys and then elements). Older ones
(runtime/map.go): `hash<K,V>` → buckets → the bucket, with tophash, keys, values and overflow.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sey.frontend.debuginfo.model import Field, GoType, Kind, MapLayout, TypeId

SLOTS = 8
"""Slots of a group or bucket (internal/abi.SwissMapGroupSlots, internal/abi.OldMapBucketCount)."""


class _Types(Protocol):
    def type(self, type_id: TypeId) -> GoType:
        """See `DebugInfo.type`."""


class _Finds(_Types, Protocol):
    def find_type(self, name: str) -> TypeId | None:
        """See `DebugInfo.find_type`."""


def map_layout(info: _Types, go_type: GoType) -> MapLayout | None:
    """The layout of a map type's entries; None where nothing tells, or where it is none that the runtime could use."""
    if go_type.map is not None:
        return go_type.map
    if go_type.kind is not Kind.MAP or go_type.layout is None or go_type.key is None or go_type.elem is None:
        return None
    found = _swiss(info, go_type) or _buckets(info, go_type)
    return found if found is not None and _is_sound(found) else None


def described_layout(info: _Types, go_type: GoType, group: GoType) -> MapLayout | None:
    """The layout of a map type whose group or bucket type the runtime describes, or None as `map_layout`.

    The compiler's names there are those of cmd/compile/internal/reflectdata/map.go.
    """
    if go_type.key is None or go_type.elem is None:
        return None
    is_bucket = _member(group, "topbits") is not None
    found = _parted(info, go_type, group, "keys", "elems") if is_bucket else _grouped(info, go_type, group)
    return found if found is not None and _is_sound(found) else None


class TrieLayout(NamedTuple):
    """A HashTrieMap[K,V] (internal/sync/hashtriemap.go): where its root, a node's children, an entry's parts are.

    `key` and `elem` are K and V. An entry hangs from the one before it with the same hash at `entry.overflow_at`.
    """

    root: int
    children_at: int
    entry: MapLayout
    key: TypeId
    elem: TypeId


TRIE = "internal/sync.HashTrieMap["


def trie_layout(info: _Finds, go_type: GoType) -> TrieLayout | None:
    """The layout of a HashTrieMap; None for other types, and where nothing describes its parts."""
    if go_type.kind is not Kind.STRUCT or not go_type.name.startswith(TRIE):
        return None
    arguments = _arguments(go_type.name.removeprefix(TRIE).removesuffix("]"))
    found = [info.find_type(name) for name in arguments]
    node = info.find_type(go_type.name.replace(".HashTrieMap[", ".indirect[", 1))
    root, children = _member(go_type, "root"), _member(None if node is None else info.type(node), "children")
    if len(found) != 2 or found[0] is None or found[1] is None or root is None or children is None:
        return None
    key, elem = info.type(found[0]).size, info.type(found[1]).size
    # struct { isEntry bool; overflow *entry; key K; value V }
    key_at, overflow_at = 16, 8
    elem_at = key_at + -(-key // 8) * 8
    entry = MapLayout(elem_at + -(-elem // 8) * 8, key_at, 0, key, elem_at, 0, elem, overflow_at, False, False)
    # Smaller parts could lie closer together, and larger ones are more than a group can be.
    fits = key % 8 == 0 and elem % 8 == 0 and entry.group_size <= 256
    return TrieLayout(root.offset, children.offset, entry, found[0], found[1]) if fits else None


def _arguments(text: str) -> list[str]:
    """Type arguments, parted by the commas that aren't within brackets or braces."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[{(") - (sign in "]})")
        parts = [*parts, ""] if sign == "," and not depth else [*parts[:-1], parts[-1] + sign]
    return parts


def _swiss(info: _Types, go_type: GoType) -> MapLayout | None:
    return _grouped(info, go_type, _along(info, go_type.layout, "dirPtr", "*", "*", "groups", "data", "*"))


def _grouped(info: _Types, go_type: GoType, group: GoType | None) -> MapLayout | None:
    """A Swiss group."""
    slots, control = _member(group, "slots"), _member(group, "ctrl")
    if group is None or control is None or control.offset:
        return None
    if slots is None:
        return _parted(info, go_type, group, "keys", "elems")
    array = info.type(slots.type)
    slot = None if array.elem is None else info.type(array.elem)
    key, elem = _member(slot, "key"), _member(slot, "elem")
    if slot is None or key is None or elem is None or array.length != SLOTS:
        return None
    return _layout(info, go_type, group, (slots.offset + key.offset, slot.size, info.type(key.type)),
                   (slots.offset + elem.offset, slot.size, info.type(elem.type)))  # fmt: skip


def _buckets(info: _Types, go_type: GoType) -> MapLayout | None:
    bucket = _along(info, go_type.layout, "buckets", "*")
    return None if _member(bucket, "tophash") is None else _parted(info, go_type, bucket, "keys", "values")


def _parted(info: _Types, go_type: GoType, group: GoType | None, keys: str, elems: str) -> MapLayout | None:
    """A group with all its keys before all its elements."""
    parts = []
    for name in (keys, elems):
        member = _member(group, name)
        array = None if member is None else info.type(member.type)
        if member is None or array is None or array.elem is None or array.length != SLOTS:
            return None
        of = info.type(array.elem)
        parts.append((member.offset, of.size, of))
    return None if group is None else _layout(info, go_type, group, *parts)


def _layout(
    info: _Types, go_type: GoType, group: GoType, key: tuple[int, int, GoType], elem: tuple[int, int, GoType]
) -> MapLayout | None:
    assert go_type.key is not None
    assert go_type.elem is not None
    overflow = _member(group, "overflow")
    return MapLayout(
        group_size=group.size,
        key_at=key[0],
        key_step=key[1],
        key_size=key[2].size,
        elem_at=elem[0],
        elem_step=elem[1],
        elem_size=elem[2].size,
        overflow_at=-1 if overflow is None else overflow.offset,
        indirect_key=_is_kept_by_address(key[2], info.type(go_type.key)),
        indirect_elem=_is_kept_by_address(elem[2], info.type(go_type.elem)),
    )


def _is_kept_by_address(stored: GoType, own: GoType) -> bool:
    return stored.kind is Kind.POINTER and stored.id != own.id and stored.elem == own.id and own.size > SLOTS


def _along(info: _Types, start: TypeId | None, *steps: str) -> GoType | None:
    """The type at the end of a path: `*` is what a pointer points to, else a field's."""
    current = start
    for step in steps:
        if current is None:
            return None
        kind = info.type(current)
        if step == "*":
            current = kind.elem
        else:
            member = _member(kind, step)
            current = None if member is None else member.type
    return None if current is None else info.type(current)


def _member(kind: GoType | None, name: str) -> Field | None:
    return None if kind is None else next((f for f in kind.fields if f.name == name), None)


def _is_sound(layout: MapLayout) -> bool:
    """Whether the parts are inside of the group."""
    last = SLOTS - 1
    keys = layout.key_at + last * layout.key_step + layout.key_size
    elems = layout.elem_at + last * layout.elem_step + layout.elem_size
    return min(layout.key_at, layout.elem_at) >= SLOTS and max(keys, elems) <= layout.group_size <= 4096
