"""What a context carries: the walk along its parents, as a function of the program for each thing that is sought."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from sey.frontend import bound
from sey.frontend.contexts import Link, links
from sey.frontend.debuginfo.model import Kind
from sey.frontend.lower.comparing import bytes_equal
from sey.frontend.lower.dynamic import DynamicTypes
from sey.frontend.lower.places import INT_TYPES, Memory, MissingError, Place, load_word, raise_status
from sey.ir.builder import FunctionBuilder
from sey.ir.nodes import Column, Function, Table, Type, Value
from sey.ir.plan import CONTEXT_LINKS, Status

_TYPE, _DATA, _FOUND = 0, 8, 16
"""Words of the buffer `carrying`: dynamic type and data word of the context at hand; where the value is."""
_PARTS = ("hop", "parent", "key", "value")
_NOWHERE = (1 << 32) - 1
"""In the table `contexts`: there is no such part."""


@dataclass(frozen=True)
class ContextWalks:
    """Finds what contexts carry; each thing that is sought has a function of its own, by number."""

    dynamic: DynamicTypes
    _numbers: dict[bound.Sought, int] = field(default_factory=dict)

    def carried(self, b: FunctionBuilder, context: Place, sought: bound.Sought) -> Memory:
        """Where the interface with the value is that the context at a place carries.

        `absent` at the end of the chain, `nil` without a context, `type_unknown` behind one of a type that may answer
        anything, `depth` after `CONTEXT_LINKS`.
        """
        if not sought.type.runtime_type:
            raise MissingError(Status.ABSENT)
        number = self._numbers.setdefault(sought, len(self._numbers))
        itab, data = load_word(b, context, 0, 8), load_word(b, context, 8, 8)
        found = b.call_value(Type.I64, f"context_{number}", itab, data)
        with b.if_(b.eq(found, 0)):
            raise_status(b, Status.ABSENT)
        return Memory(found)

    def functions(self) -> list[Function]:
        """The functions that were asked for so far."""
        return [self._function(number, sought) for sought, number in self._numbers.items()]

    @cached_property
    def _links(self) -> dict[int, Link]:
        return links(self.dynamic.info, self.dynamic.info.runtime_types)

    def tables(self) -> list[Table]:
        """The table `contexts`: by offset of the runtime's description of a type, how a chain goes on from a context of
        it (`frontend.contexts.Link`). Row 0 is no type's."""
        if not self._numbers:
            return []
        rows = [(0, Link()), *sorted(self._links.items())]
        parts = {name: tuple(_column(getattr(link, name)) for _, link in rows) for name in _PARTS}
        offsets = Column("offset", Type.I64, tuple(offset for offset, _ in rows), sorted=True)
        return [Table("contexts", (offsets, *(Column(name, Type.I32, column) for name, column in parts.items())))]

    def _function(self, number: int, sought: bound.Sought) -> Function:
        """`context_<number>(itab, data)`: the address of the interface with what is sought, 0 where there is none."""
        b = FunctionBuilder(f"context_{number}", [("itab", Type.I64), ("data", Type.I64)], Type.I64)
        itab, data = b.parameters
        b.store("carrying", b.const(0), imm=_FOUND)
        self._goes_on(b, itab, data)
        with b.loop(b.const(CONTEXT_LINKS + 1), CONTEXT_LINKS + 1) as step:
            with b.if_(b.eq(step, CONTEXT_LINKS)):
                raise_status(b, Status.DEPTH)
            self._step(b, sought)
        return b.finish(b.load(Type.I64, "carrying", imm=_FOUND))

    def _goes_on(self, b: FunctionBuilder, itab: Value, data: Value) -> None:
        """Let the walk stand at the context that an interface holds."""
        with b.if_(b.eq(itab, 0)):
            raise_status(b, Status.NIL)
        b.store("carrying", b.read(Type.I64, b.add(itab, self.dynamic.itab_type)), imm=_TYPE)
        b.store("carrying", data, imm=_DATA)

    def _step(self, b: FunctionBuilder, sought: bound.Sought) -> None:
        """Look at the context at hand, and go on to its parent; leaves the loop at the end, or with what is sought."""
        base = b.add(b.load(Type.I64, "in_bias"), self.dynamic.types)
        offset = b.sub(b.load(Type.I64, "carrying", imm=_TYPE), base)
        row = b.search("contexts", "offset", offset)
        with b.if_(b.ne(b.table_get(Type.I64, "contexts", "offset", row), offset)):
            raise_status(b, Status.TYPE_UNKNOWN)
        hop, parent, key, value = (b.zext(Type.I64, b.table_get(Type.I32, "contexts", name, row)) for name in _PARTS)
        with b.if_(b.eq(parent, _NOWHERE)):
            b.break_()
        at = self._object(b, hop)
        with b.if_(b.ne(key, _NOWHERE)):
            place = b.add(at, value)
            with b.if_(self._is_sought(b, sought, b.add(at, key) if sought.by_key else place)):
                b.store("carrying", place, imm=_FOUND)
                b.break_()
        up = b.add(at, parent)
        self._goes_on(b, b.read(Type.I64, up), b.read(Type.I64, b.add(up, 8)))

    def _object(self, b: FunctionBuilder, hop: Value) -> Value:
        """Where the struct is that has the parent: the context's own, or one that it points to."""
        data = b.load(Type.I64, "carrying", imm=_DATA)
        with b.if_else(b.eq(hop, _NOWHERE), Type.I64) as choice:
            with choice.then():
                choice.yield_(data)
            with choice.otherwise():
                choice.yield_(b.read(Type.I64, b.add(data, hop)))
        with b.if_(b.eq(choice.result, 0)):
            raise_status(b, Status.NIL)
        return choice.result

    def _is_sought(self, b: FunctionBuilder, sought: bound.Sought, interface: Value) -> Value:
        """Whether the interface (of type `any`) at an address is what is sought (i1)."""
        same = b.eq(b.read(Type.I64, interface), self.dynamic.address(b, sought.type))
        if sought.constant is None and sought.variable is None:
            return same
        with b.if_else(same, Type.I1) as choice:
            with choice.then():
                choice.yield_(self._equals(b, sought, b.read(Type.I64, b.add(interface, 8))))
            with choice.otherwise():
                choice.yield_(b.const(0, Type.I1))
        return choice.result

    def _equals(self, b: FunctionBuilder, sought: bound.Sought, data: Value) -> Value:
        """Whether the key whose interface has this data word is the one that is sought (i1)."""
        size = sought.type.size
        if sought.variable is not None:
            kept = b.read(INT_TYPES[size], b.add(b.load(Type.I64, "in_bias"), sought.variable.address))
            return b.eq(data if self.dynamic.direct(sought.type) else b.read(INT_TYPES[size], data), kept)
        assert sought.constant is not None
        value = sought.constant.value
        if sought.type.kind is not Kind.STRING:
            assert isinstance(value, int)
            return b.eq(b.read(INT_TYPES[size], data), b.const(value & (1 << 8 * size) - 1, INT_TYPES[size]))
        text = str(value).encode("utf-8", "surrogateescape")
        with b.if_else(b.eq(b.read(Type.I64, b.add(data, 8)), len(text)), Type.I1) as choice:
            with choice.then():
                choice.yield_(bytes_equal(b, b.read(Type.I64, data), text) if text else b.const(1, Type.I1))
            with choice.otherwise():
                choice.yield_(b.const(0, Type.I1))
        return choice.result


def _column(at: int | None) -> int:
    return _NOWHERE if at is None else at
