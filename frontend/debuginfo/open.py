"""Opens the debug information of a Go binary: the `DebugInfo` of `model.py`, index loaded and details on demand."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sey.binary.cachedir import cache_root
from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary, open_go, require_debug_info
from sey.binary.identity import identity
from sey.binary.pclntab import PclnTab, open_pclntab
from sey.binary.standard import is_standard
from sey.frontend.debuginfo import cache, problems
from sey.frontend.debuginfo.closures import Closures, is_of_closure, named_constants
from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.debugfile import debug_elf
from sey.frontend.debuginfo.frame import StackObjects
from sey.frontend.debuginfo.functions import Functions
from sey.frontend.debuginfo.generics import Generics
from sey.frontend.debuginfo.index import Index, build_index
from sey.frontend.debuginfo.lines import Lines
from sey.frontend.debuginfo.locator import Locator
from sey.frontend.debuginfo.model import Body, FunctionEntry, GlobalVariable, GoType, TypeId, Variable
from sey.frontend.debuginfo.names import stack_name
from sey.frontend.debuginfo.returns import Returns
from sey.frontend.debuginfo.runtimetypes import (
    NO_RUNTIME_TYPES,
    RUNTIME_TYPES,
    RuntimeTypes,
    is_runtime_type,
    runtime_types_of,
)
from sey.frontend.debuginfo.scan import scan
from sey.frontend.debuginfo.sections import DwarfSections
from sey.frontend.debuginfo.statements import Statements
from sey.frontend.debuginfo.types import UNKNOWN, Types
from sey.frontend.debuginfo.units import Units, UnitTable
from sey.frontend.debuginfo.variables import Variables

T = TypeVar("T")


def open_debug_info(path: str, *, cache_dir: Path | None = None, debug_file: str | None = None) -> BinaryDebugInfo:
    """Open the debug information of the Go executable at `path`.

    `debug_file` is a separate debug file; without it, and where the executable has no debug information itself, one
    is sought by build id in the usual folders. The index is kept in `cache_dir`, by default the user's cache folder.
    Raises SeyError: not a Go executable for amd64, stripped, damaged, a debug file of another build.
    """
    binary = open_go(path)
    elf = debug_elf(binary, debug_file)
    if elf is None:
        require_debug_info(binary)
    folder = cache_dir if cache_dir is not None else cache_root()
    units = Units(DwarfSections(elf or binary.elf, folder))
    key = cache.cache_key(identity(binary.elf).key.encode(), units.sections.digest())
    index = _index(key, units, folder)
    units.use_table(UnitTable(index.units))
    return BinaryDebugInfo(binary, units, index, lambda info: _runtime_types(info, index, key, folder))


def kept_function_names(path: str) -> Sequence[str]:
    """The function names of a binary from its index in the user's cache; none where it isn't there. Raises SeyError."""
    binary = open_go(path)
    folder = cache_root()
    if folder is None:
        return ()
    units = Units(DwarfSections(debug_elf(binary, None) or binary.elf, folder))
    kept = cache.load(folder, cache.cache_key(identity(binary.elf).key.encode(), units.sections.digest()))
    return () if kept is None else kept.functions


def _index(key: bytes, units: Units, folder: Path | None) -> Index:
    found = cache.load(folder, key) if folder else None
    if found is not None:
        return found
    with _without_collector():
        index = _guarded(units, lambda: build_index(scan(units)))
    units.sections.let_go()
    if not index.functions:
        raise SeyError(problems.NoGoUnits(units.sections.path))
    if folder:
        cache.store(folder, key, index)
    return index


def _runtime_types(info: BinaryDebugInfo, index: Index, key: bytes, folder: Path | None) -> RuntimeTypes:
    found = cache.load_contents(folder, key, RUNTIME_TYPES) if folder else None
    if found is None:
        found = runtime_types_of(info, info.binary, info.pclntab.module, index.runtime_names)
        if folder:
            cache.store_contents(folder, key, RUNTIME_TYPES, found)
    return RuntimeTypes(*found)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """No garbage collection meanwhile: many objects are made, none in circles, and looking for them costs a quarter."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _guarded(units: Units, read: Callable[[], T]) -> T:
    """What `read` returns; damage that it meets as a problem of this file."""
    try:
        return read()
    except DamageError as damage:
        raise SeyError(problems.DebugInfoDamaged(units.sections.path, damage.place, damage.reason)) from damage


class BinaryDebugInfo:
    """Debug information of one binary (see `model.DebugInfo`). Every method raises SeyError where it meets damage."""

    def __init__(
        self,
        binary: GoBinary,
        units: Units,
        index: Index,
        runtime_types: Callable[[BinaryDebugInfo], RuntimeTypes] = lambda _: NO_RUNTIME_TYPES,
    ) -> None:
        self.binary = binary
        self.path = binary.elf.path
        self._units = units
        self._index = index
        self._table: PclnTab | None = None
        self._types = Types(units)
        self._read_runtime_types = runtime_types
        self._runtime_types: RuntimeTypes | None = None
        self._closures: Mapping[int, GoType] | None = None
        self._constants: Mapping[str, tuple[tuple[int, str], ...]] | None = None
        self._made: dict[TypeId, GoType] = {}
        self._functions = Functions(units, index)
        self._statements = Statements(units, self._functions.files)
        self._lines = Lines(binary.elf, lambda: self.pclntab)
        locator = Locator(units, self._types, self._functions, StackObjects(lambda: self.pclntab), lambda: self.pclntab)
        returns = Returns(binary.elf, lambda: self.pclntab, self._types)
        generics = Generics(units, self._types, self._functions, locator, lambda: self.pclntab)
        self._variables = Variables(units, self._types, self._functions, self._lines, locator, returns, generics)
        self._bodies: dict[str, tuple[Body, ...]] = {}
        self._known: dict[Body, tuple[Variable, ...]] = {}

    @property
    def pclntab(self) -> PclnTab:
        """The binary's function table, opened when first asked for."""
        if self._table is None:
            self._table = open_pclntab(self.binary)
        return self._table

    def function_names(self) -> Sequence[str]:
        """All function names in stack-trace spelling, sorted, inlined-only functions included."""
        return self._index.functions

    def function(self, name: str) -> FunctionEntry | None:
        """The function of that exact stack-trace name, or None."""
        found = _guarded(self._units, lambda: self._functions.entry(name))
        if found is None or found.file is not None:
            return found
        return replace(found, file=self._file_of(name))

    def _file_of(self, name: str) -> str | None:
        """The file of a function, by its code: functions that can be inlined have no file in the debug information."""
        address = _guarded(self._units, lambda: self._functions.some_address(name))
        if address is None:
            return None
        try:
            frames = self.pclntab.frames_at(address, exact=True)
        except SeyError:
            return None
        return next((f.file for f in frames if stack_name(f.function) == name and f.file != "?"), None)

    def bodies(self, name: str) -> tuple[Body, ...]:
        """Every body of the function: all shapes of a generic one, all inlined instances; by address."""
        if name not in self._bodies:
            self._bodies[name] = _guarded(self._units, lambda: self._functions.bodies(name))
        return self._bodies[name]

    def variables(self, body: Body) -> tuple[Variable, ...]:
        """The variables of a body, parameters first, then as declared; pseudo-variables are hidden."""
        if body not in self._known:
            physical = self._index.physical_die(body.die, body.physical)
            found = () if physical is None else _guarded(self._units, lambda: self._variables.of(body, physical))
            self._known[body] = found
        return self._known[body]

    def type_names(self) -> Sequence[str]:
        """All named types, sorted: predeclared and defined ones."""
        return self._index.defined_types

    def find_type(self, name: str) -> TypeId | None:
        """The type of that whole name (`*github.com/acme/shop.Item`), or None."""
        return self._index.find_type(name)

    def type(self, type_id: TypeId) -> GoType:
        """The type with that id. Raises KeyError for an id that is not a type's."""
        if is_of_closure(type_id):
            return self._made[type_id]
        return self.runtime_types.type(type_id) if is_runtime_type(type_id) else self._types.type(type_id)

    def global_names(self) -> Sequence[str]:
        """All package-level variables, sorted."""
        return self._index.globals

    def global_variable(self, name: str) -> GlobalVariable | None:
        """The package-level variable of that name, or None."""
        found = self._index.find_global(name)
        if found is None:
            return None
        kind, address = found
        try:
            kind = self._types.canonical(kind)
        except DamageError:
            kind = UNKNOWN.id
        return GlobalVariable(name, kind, address)

    def types_by_runtime_offset(self, offsets: Iterable[int]) -> dict[int, TypeId]:
        """Type DIEs by DW_AT_go_runtime_type (address - moduledata.types); offsets without one are left out."""
        return self._index.types_by_runtime_offset(offsets)

    def closures(self) -> Mapping[int, GoType]:
        """Structs of what closures hold, by where their code begins."""
        if self._closures is None:
            held = Closures(self._index, self.runtime_types, self._types, lambda: self.pclntab)
            self._closures = held.all()
            self._made = {**held.unreadable, **{kind.id: kind for kind in self._closures.values()}}
        return self._closures

    def is_standard(self, package: str) -> bool:
        """Whether a package is certain to be Go's own, by the build information."""
        return is_standard(package, self.binary.build)

    def named_constants(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        """Constants of defined integer types, by the type's name."""
        if self._constants is None:
            self._constants = named_constants(self._index)
        return self._constants

    @property
    def runtime_types(self) -> RuntimeTypes:
        """The types that the binary describes to its runtime, read when first asked for."""
        if self._runtime_types is None:
            self._runtime_types = self._read_runtime_types(self)
        return self._runtime_types

    def line_of(self, pc: int) -> tuple[str, int] | None:
        """Source file and line of an address by the line table, or None."""
        return self._lines.at(pc)

    def source_files(self) -> Sequence[str]:
        """The source files of Go code, sorted."""
        return _guarded(self._units, lambda: sorted(self._statements.sources()))

    def statements(self, file: str) -> Mapping[int, Sequence[int]]:
        """By line of a source file where statements begin."""
        return _guarded(self._units, lambda: self._statements.of(file))

    def body_at(self, address: int) -> Body | None:
        """The innermost body that has the code at an address, or None."""
        frames = self.pclntab.frames_at(address, exact=True)
        if not frames:
            return None
        level, entry = len(frames) - 1, frames[0].entry
        for body in self.bodies(stack_name(frames[0].function)):
            same = body.inline_level == level and body.physical.lo == entry
            if same and any(r.holds(address) for r in body.ranges):
                return body
        return None
