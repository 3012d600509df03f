"""Facts about a program's Go runtime by dotted path, from the program's own debug information.

Offsets in the runtime's structures differ between releases, and a wrong one reads garbage; so each is looked up in
the binary at hand, and a missing one is a problem that names it.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sey.binary.errors import SeyError
from sey.frontend.debuginfo.model import Field, GlobalVariable, GoType, Kind, TypeId
from sey.frontend.debuginfo.problems import RuntimeFactMissing


class Facts(Protocol):
    """What the look-ups need of a `DebugInfo`; `path` is for messages."""

    @property
    def path(self) -> str:
        """The executable."""

    def find_type(self, name: str) -> TypeId | None:
        """See `DebugInfo.find_type`."""

    def type(self, type_id: TypeId) -> GoType:
        """See `DebugInfo.type`."""

    def global_variable(self, name: str) -> GlobalVariable | None:
        """See `DebugInfo.global_variable`."""


class Slot(NamedTuple):
    """`size` bytes at `offset` in a structure."""

    offset: int
    size: int


def struct_type(info: Facts, type_name: str, *alternatives: str) -> GoType:
    """The first of these types that the program has. Raises SeyError naming the first where it has none."""
    for name in (type_name, *alternatives):
        found = info.find_type(name)
        if found is not None:
            return info.type(found)
    raise SeyError(RuntimeFactMissing(info.path, f"type {type_name}"))


def field_offset(info: Facts, type_name: str, path: str) -> Slot:
    """Where the field at a dotted path is: `field_offset(info, "runtime.g", "sched.pc")`. Raises SeyError.

    Steps go through structs held by value; a number steps into an array (`"funcs.0"`).
    """
    found = find_field(info, type_name, path)
    if found is None:
        raise SeyError(RuntimeFactMissing(info.path, f"field {path} in type {type_name}"))
    return found


def find_field(info: Facts, type_name: str, path: str) -> Slot | None:
    """As `field_offset`, but None where the type lacks the field. Raises SeyError where the type itself is missing."""
    kind, offset = struct_type(info, type_name), 0
    for name in path.split("."):
        step = _step(info, kind, name)
        if step is None:
            return None
        offset += step.offset
        kind = info.type(step.type)
    return Slot(offset, kind.size)


def _step(info: Facts, kind: GoType, name: str) -> Field | None:
    if kind.kind is Kind.ARRAY and name.isdigit() and kind.elem is not None and int(name) < (kind.length or 0):
        return Field(name, kind.elem, int(name) * info.type(kind.elem).size, False)
    return next((f for f in kind.fields if f.name == name), None)


def type_size(info: Facts, type_name: str) -> int:
    """Bytes of a type. Raises SeyError where the program lacks it."""
    return struct_type(info, type_name).size


def global_address(info: Facts, name: str) -> int:
    """Link-time address of a package-level variable of the runtime. Raises SeyError where the program lacks it."""
    found = info.global_variable(name)
    if found is None:
        raise SeyError(RuntimeFactMissing(info.path, f"variable {name}"))
    return found.address
