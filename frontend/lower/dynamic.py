"""What an interface holds: told by the address of the runtime's description of its dynamic type."""

from __future__ import annotations

from dataclasses import dataclass

from sey.frontend.debuginfo.model import DebugInfo, GoType, Kind
from sey.frontend.lower.places import Memory, MissingError, Place, load_word, offset_place, raise_status
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Type, Value
from sey.ir.plan import Status

_DIRECT = (Kind.POINTER, Kind.MAP, Kind.CHAN, Kind.FUNC, Kind.UNSAFE_POINTER)


@dataclass(frozen=True)
class DynamicTypes:
    """How a binary tells dynamic types: `types` is the link-time address that DW_AT_go_runtime_type counts from,
    `itab_type` where an itab keeps the type."""

    info: DebugInfo
    types: int
    itab_type: int

    def address(self, b: FunctionBuilder, go_type: GoType) -> Value:
        """The address of the type's description. Raises MissingError where there is none: nothing can hold the type."""
        if not go_type.runtime_type:
            raise MissingError(Status.ABSENT)
        return b.add(b.load(Type.I64, "in_bias"), self.types + go_type.runtime_type)

    def direct(self, go_type: GoType) -> bool:
        """Whether an interface holds a value of the type itself, not a pointer to it (types.IsDirectIface)."""
        if go_type.kind in _DIRECT:
            return True
        if go_type.kind is Kind.ARRAY and go_type.length == 1 and go_type.elem is not None:
            return self.direct(self.info.type(go_type.elem))
        if go_type.kind is Kind.STRUCT and len(go_type.fields) == 1:
            return self.direct(self.info.type(go_type.fields[0].type))
        return False


def held(b: FunctionBuilder, place: Place, interface: GoType, go_type: GoType, dynamic: DynamicTypes) -> Place:
    """The place of the value of `go_type` that the interface at a place holds; `absent` where it holds another's."""
    word = load_word(b, place, 0, 8)
    with b.if_(b.eq(word, 0)):
        raise_status(b, Status.NIL)
    found = word if interface.empty_interface else b.read(Type.I64, b.add(word, dynamic.itab_type))
    with b.if_(b.ne(found, dynamic.address(b, go_type))):
        raise_status(b, Status.ABSENT)
    if dynamic.direct(go_type):
        return offset_place(b, place, 8)
    return Memory(load_word(b, place, 8, 8))
