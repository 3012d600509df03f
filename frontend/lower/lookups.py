"""Elements of maps by constant keys: what the prelude's `@map_find` is asked, and which map types it has to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sey.frontend import bound
from sey.frontend.debuginfo.maps import map_layout
from sey.frontend.debuginfo.model import GoType
from sey.frontend.lower.places import Memory, MissingError, Place, load_word, raise_status
from sey.frontend.lower.types import TypeTable
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Type
from sey.ir.plan import Status


@dataclass(frozen=True)
class MapLookups:
    """Finds elements of maps; `texts` numbers the strings that are looked for, from 1."""

    types: TypeTable
    texts: dict[bytes, int] = field(default_factory=dict)

    def register(self, expr: bound.Expr) -> None:
        """Number the types of the maps that an expression indexes."""
        for each in indexed(expr):
            self.types.add(each.base.type, 0)

    def element(self, b: FunctionBuilder, place: Place, map_type: GoType, key: bound.Const) -> Memory:
        """Where the element under a key of the map at a place is; `nil` of a nil map, `absent` without such a key."""
        layout = map_layout(self.types.info, map_type)
        if layout is None:
            raise MissingError(Status.UNSUPPORTED)
        header = load_word(b, place, 0, 8)
        with b.if_(b.eq(header, 0)):
            raise_status(b, Status.NIL)
        word, text = self._asked(b, key, layout.key_size)
        found = b.call_value(Type.I64, "map_find", header, self.types.number(map_type), word, text)
        with b.if_(b.eq(found, 0)):
            raise_status(b, Status.ABSENT)
        return Memory(b.read(Type.I64, found) if layout.indirect_elem else found)

    def _asked(self, b: FunctionBuilder, key: bound.Const, size: int) -> tuple[int, int]:
        """The word and the number of a key; the bytes of a string are where the prelude wants them."""
        if isinstance(key.value, int):
            return key.value & (1 << 8 * size) - 1, 0
        text = str(key.value).encode("utf-8", "surrogateescape")
        for at in range(0, len(text), 8):
            b.store("map_key", b.const(int.from_bytes(text[at : at + 8], "little")), imm=at)
        return len(text), self.texts.setdefault(text, len(self.texts) + 1)


def indexed(expr: bound.Expr) -> Iterator[bound.MapIndex]:
    """The elements of maps that an expression asks for."""
    return (each for each in bound.walk(expr) if isinstance(each, bound.MapIndex))
