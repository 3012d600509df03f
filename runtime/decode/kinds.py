"""What the decoder knows of Go types by their kind or name."""

from __future__ import annotations

from collections.abc import Mapping

from sey.ir.plan import PlanField, PlanType

REFLECT_VALUE = "reflect.Value"
"""Shown like an interface: its fields `typ_`, `ptr` and `flag` say what it holds (reflect/value.go)."""
REFLECT_INDIRECT = 1 << 7
"""flagIndir of reflect/value.go: `ptr` leads to the value; else it is the value."""

_TYPE_DESCRIPTIONS = frozenset({"reflect.rtype", "internal/abi.Type", "runtime._type"})

SCALARS = ("bool", "int", "uint", "float", "complex", "string")
"""Kinds that are no deeper in an interface than in a struct."""

WITH_ADDRESS = frozenset({"pointer", "slice", "string", "map", "chan", "func", "interface", "unsafe.Pointer"})
"""Kinds whose values are, or begin with, the address of what they lead to."""

CHANNEL_FIELDS = ("len", "cap", "closed", "elements", "receivers", "senders")
FUNC_FIELDS = ("func", "captured")

NAME_SUFFIX = "__name"
"""Of the column or member that stands beside a value whose type has named constants."""


def trie_root(kind: PlanType) -> int | None:
    """Where an internal/sync.HashTrieMap, whose entries programs pack like a map's, has the word that leads to them;
    None for other types."""
    if kind.kind != "struct" or kind.entry is None:
        return None
    return next((item.offset for item in kind.fields if item.name == "root"), None)


def is_type_description(kind: PlanType) -> bool:
    """Whether the type is the runtime's description of a type (what a reflect.Type points to)."""
    return kind.name in _TYPE_DESCRIPTIONS


def shown_fields(kind: PlanType) -> list[PlanField]:
    """The fields of a struct that have names."""
    return [item for item in kind.fields if item.name != "_"]


def has_names(kind: PlanType) -> bool:
    """Whether values of the type are shown with the names of constants: not durations, which say enough."""
    return bool(kind.constants) and kind.special is None and kind.kind in ("int", "uint")


def name_fields(kind: PlanType, types: Mapping[int, PlanType]) -> frozenset[str]:
    """The fields of a struct beside which the names of their constants stand."""
    taken = {item.name.lower() for item in kind.fields}
    return frozenset(
        item.name
        for item in shown_fields(kind)
        if has_names(types[item.type]) and (item.name + NAME_SUFFIX).lower() not in taken
    )


def is_one_pointer(kind: PlanType, types: Mapping[int, PlanType]) -> bool:
    """Whether a value is nothing but a pointer: a pointer, or a struct or array around just one."""
    while kind.size == 8:
        match kind.kind:
            case "pointer":
                return True
            case "struct":
                sized = [item for item in kind.fields if types[item.type].size]
                if len(sized) != 1:
                    return False
                kind = types[sized[0].type]
            case "array" if kind.length == 1 and kind.elem is not None:
                kind = types[kind.elem]
            case _:
                return False
    return False
