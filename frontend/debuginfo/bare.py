"""An executable without debug information, as far as a snapshot of goroutines and stacks needs to know it.

Addresses come from the symbol table that `-ldflags=-w` leaves, layouts of the runtime from a table of releases
(`binary.layouts`). It has no functions, variables and types of the program's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary, require_debug_info
from sey.binary.layouts import Layout, Shape, layout_of
from sey.binary.standard import is_standard
from sey.frontend.debuginfo.debugfile import debug_elf
from sey.frontend.debuginfo.model import (
    Body,
    Field,
    FunctionEntry,
    GlobalVariable,
    GoType,
    Kind,
    TypeId,
    Variable,
)
from sey.frontend.debuginfo.runtimetypes import NO_RUNTIME_TYPES, RuntimeTypes


def open_bare(binary: GoBinary, debug_file: str | None) -> BareInfo | None:
    """What is known of an executable without debug information; None where it or a separate file has some.

    Raises SeyError (DwarfStripped, SymbolsStripped) where too little is known of it.
    """
    if debug_file is not None or debug_elf(binary, None) is not None:
        return None
    try:
        require_debug_info(binary)
    except SeyError:
        layout = layout_of(binary.build.version) if binary.elf.has_symbols else None
        if layout is None:
            raise
        return BareInfo(binary, layout)
    return None


class BareInfo:
    """Serves as `model.DebugInfo` with the runtime's parts that the layout has, and nothing else."""

    def __init__(self, binary: GoBinary, layout: Layout) -> None:
        self.binary = binary
        self.path = binary.elf.path
        self.layout = layout
        self._types: dict[TypeId, GoType] = {}
        self._named = {name: self._add(shape) for name, shape in layout.types.items()}

    def _add(self, shape: Shape) -> TypeId:
        """Register a type and those inside of it."""
        fields = tuple(Field(name, self._add(inner), offset, False) for name, offset, inner in shape.fields)
        elem = self._add(shape.elem) if shape.elem else None
        number = len(self._types) + 1
        kind = Kind(shape.kind)
        self._types[number] = GoType(number, shape.name, kind, shape.size, fields, elem, length=shape.length)
        return number

    def function_names(self) -> Sequence[str]:
        """None."""
        return ()

    def function(self, name: str) -> FunctionEntry | None:
        """None."""
        return None

    def bodies(self, name: str) -> tuple[Body, ...]:
        """None."""
        return ()

    def variables(self, body: Body) -> tuple[Variable, ...]:
        """None."""
        return ()

    def type_names(self) -> Sequence[str]:
        """None that a spec could mean."""
        return ()

    def find_type(self, name: str) -> TypeId | None:
        """A type of the runtime that the layout has, or None."""
        return self._named.get(name)

    def type(self, type_id: TypeId) -> GoType:
        """The type with that id. Raises KeyError for an id that is not a type's."""
        return self._types[type_id]

    def global_names(self) -> Sequence[str]:
        """None that a spec could mean."""
        return ()

    def global_variable(self, name: str) -> GlobalVariable | None:
        """A variable of the runtime that the layout has, at the address of its symbol."""
        shape, symbol = self.layout.variables.get(name), self.binary.elf.symbol(name)
        return None if shape is None or symbol is None else GlobalVariable(name, self._add(shape), symbol.value)

    def types_by_runtime_offset(self, offsets: Iterable[int]) -> dict[int, TypeId]:
        """None."""
        return {}

    def closures(self) -> Mapping[int, GoType]:
        """None."""
        return {}

    def named_constants(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        """None."""
        return {}

    def is_standard(self, package: str) -> bool:
        """By the build information."""
        return is_standard(package, self.binary.build)

    @property
    def runtime_types(self) -> RuntimeTypes:
        """None: values are not captured here."""
        return NO_RUNTIME_TYPES

    def line_of(self, pc: int) -> tuple[str, int] | None:
        """None."""
        return None

    def source_files(self) -> Sequence[str]:
        """None."""
        return ()

    def statements(self, file: str) -> Mapping[int, Sequence[int]]:
        """None."""
        return {}

    def body_at(self, address: int) -> Body | None:
        """None."""
        return None
