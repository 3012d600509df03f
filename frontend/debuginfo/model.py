"""What the rest of sey may know of a binary's debug information: types, functions, variables, locations.

All addresses are link-time virtual addresses of the file (a PIE's load bias is added at run time). All ranges
are half open, `lo <= pc < hi`. A type is known by `TypeId`, the offset of its DIE in `.debug_info`; types refer
to each other by id because they are recursive, and `DebugInfo.type` resolves one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from sey.frontend.debuginfo.runtimetypes import RuntimeTypes

TypeId = int
"""Offset of a type's DIE in `.debug_info`; negative for types that have none: those of `BUILTIN` and `MadeType`, and,
from each of the following numbers down, those that sey knows from elsewhere."""
RUNTIME_IDS = -(1 << 20)
"""Types that the binary describes to its runtime, by where (`runtimetypes`)."""
SHAPE_IDS = -(1 << 55)
"""Types of generic code in closures, by their DIE (`closures`)."""
SHARED_IDS = -(1 << 57)
"""Values of generic code behind the word that tells their type, by the id of their shape."""
CLOSURE_IDS = -(1 << 56)
"""What closures hold, by where their code begins (`closures`)."""
POINTER_IDS = -(1 << 58)
"""Pointers that the binary describes nowhere, by the id of what they point to."""

PART_IDS = -(1 << 60)
"""What `type` statements leave of types that a path goes through, in the order in which they are written."""


@enum.unique
class MadeType(enum.IntEnum):
    """Ids of single types that sey itself makes."""

    ADDRESS = -100
    FUNC = -101
    LABEL_BUCKETS = -102
    ANY = -103
    HIDDEN = -104
    UNKNOWN = -1000


POINTER_SHAPE = "go.shape.*uint8"
"""The type that stands for any pointer, in code that instantiations of a generic function share."""


class Kind(enum.Enum):
    """The kinds of Go types, as `reflect.Kind` knows them, with the sized integers folded together."""

    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    FLOAT = "float"
    COMPLEX = "complex"
    STRING = "string"
    ARRAY = "array"
    SLICE = "slice"
    STRUCT = "struct"
    POINTER = "pointer"
    MAP = "map"
    CHAN = "chan"
    FUNC = "func"
    INTERFACE = "interface"
    UNSAFE_POINTER = "unsafe.Pointer"
    SHARED = "shared"
    """A value of code that instantiations of a generic function share, as it is captured: the address of the runtime's
    description of its type, and behind it the value, whose shape is `elem`."""
    UNKNOWN = "unknown"
    """Debug information that describes no Go type that sey knows (C types of cgo, damaged entries)."""


UNREADABLE_TAG = "\0"


class Field(NamedTuple):
    """A struct field. `offset` in bytes from the start of the struct."""

    name: str
    type: TypeId
    offset: int
    embedded: bool
    tag: str = ""
    """Known only of what is described to the runtime; `UNREADABLE_TAG` where it has one that can't be read."""


class MapLayout(NamedTuple):
    """Where the runtime keeps the entries of a map type: groups of 8 (Go 1.24), or buckets of 8 with overflow.

    Key i of a group is at `key_at + i * key_step`, `key_size` bytes; its element likewise. Sizes are those stored: 8
    where the key or element is kept indirectly. The group's 8 control (or tophash) bytes are at its start.
    `overflow_at` is the offset of the pointer to the next bucket, -1 for Swiss groups.
    """

    group_size: int
    key_at: int
    key_step: int
    key_size: int
    elem_at: int
    elem_step: int
    elem_size: int
    overflow_at: int
    indirect_key: bool
    indirect_elem: bool


@dataclass(frozen=True)
class GoType:
    """One Go type.

    `name` is Go's spelling with the whole import path of its package (`*github.com/acme/shop.Item`, `[]int`,
    `map[string]main.T`). `size` is in bytes. `elem` is the element of arrays, slices, pointers (None for a
    pointer to nothing known), channels and the value type of maps; `key` the key type of maps. `length` is the
    length of arrays. `runtime_type` is DW_AT_go_runtime_type (facts §4), None where there is none.
    `empty_interface` is true for interfaces without methods (eface layout), false for iface layout.
    `layout` is, for maps and channels, the DIE of the struct that the value points to.
    `map` is the layout of a map type's entries, None where it isn't known.
    `part` is true for a struct of which a `type` statement keeps some fields: `fields` are these.
    `shape` is true for the `go.shape.*` types of generic code, whose readings are not trustworthy names.
    """

    id: TypeId
    name: str
    kind: Kind
    size: int
    fields: tuple[Field, ...] = ()
    elem: TypeId | None = None
    key: TypeId | None = None
    length: int | None = None
    runtime_type: int | None = None
    empty_interface: bool = False
    layout: TypeId | None = None
    shape: bool = False
    map: MapLayout | None = None
    part: bool = False


def _builtin(number: int, name: str, kind: Kind, size: int) -> GoType:
    return GoType(-number, name, kind, size)


BUILTIN: dict[str, GoType] = {
    t.name: t
    for t in (
        _builtin(1, "bool", Kind.BOOL, 1),
        _builtin(2, "int", Kind.INT, 8),
        _builtin(3, "int8", Kind.INT, 1),
        _builtin(4, "int16", Kind.INT, 2),
        _builtin(5, "int32", Kind.INT, 4),
        _builtin(6, "int64", Kind.INT, 8),
        _builtin(7, "uint", Kind.UINT, 8),
        _builtin(8, "uint8", Kind.UINT, 1),
        _builtin(9, "uint16", Kind.UINT, 2),
        _builtin(10, "uint32", Kind.UINT, 4),
        _builtin(11, "uint64", Kind.UINT, 8),
        _builtin(12, "uintptr", Kind.UINT, 8),
        _builtin(13, "float32", Kind.FLOAT, 4),
        _builtin(14, "float64", Kind.FLOAT, 8),
        _builtin(15, "string", Kind.STRING, 16),
        _builtin(16, "time.Duration", Kind.INT, 8),
        _builtin(17, "unsafe.Pointer", Kind.UNSAFE_POINTER, 8),
    )
}
"""Predeclared types by name: the types of `len(x)`, comparisons and constants, whatever the binary describes."""


class Range(NamedTuple):
    """A half-open range of link-time code addresses."""

    lo: int
    hi: int

    def holds(self, pc: int) -> bool:
        """Whether `pc` lies in the range."""
        return self.lo <= pc < self.hi


class Place(enum.Enum):
    """Where a piece of a variable is."""

    CFA = "cfa"
    """At canonical frame address + `value` (signed bytes)."""
    REGISTER = "register"
    """In the register with the DWARF number `value` (amd64: 0 rax, 1 rdx, 2 rcx, 3 rbx, 4 rsi, 5 rdi, 6 rbp, 7 rsp,
    8-15 r8-r15, 17-32 xmm0-15)."""
    ADDRESS = "address"
    """At link-time address `value`."""
    NOWHERE = "nowhere"
    """Not available: the compiler kept no place for it."""


class Piece(NamedTuple):
    """`size` bytes of a variable, starting at byte `offset` of its value, found at `place` + `value`."""

    place: Place
    value: int
    offset: int
    size: int


class LocationRange(NamedTuple):
    """Where a variable is while lo <= pc < hi; pieces in ascending `offset`, covering the type without overlap."""

    lo: int
    hi: int
    pieces: tuple[Piece, ...]


class Role(enum.Enum):
    """What a variable is to its function."""

    PARAMETER = "parameter"
    RESULT = "result"
    LOCAL = "local"
    CAPTURED = "captured"
    """A variable of the enclosing function that a closure holds (DW_AT_go_closure_offset)."""
    DICTIONARY = "dictionary"
    """No variable: the dictionary of generic code, where it tells the type of a variable."""


@dataclass(frozen=True)
class DictionaryWord:
    """Where a frame of generic code tells the type of a variable: word `index` of the dictionary that it was given,
    whose address is at `locations` (8 bytes). Each word is the address of the runtime's description of a type.

    Dictionaries are constant data, and a call has one, so its address counts wherever it is found, used or not.
    """

    index: int
    locations: tuple[LocationRange, ...]


class Held(NamedTuple):
    """A closure's variable before its code has loaded it: at `offset` in the closure, whose own address is in RDX while
    the pc is in `range`. There is the variable itself if `by_value`, else its address."""

    offset: int
    range: Range
    by_value: bool


@dataclass(frozen=True)
class Variable:
    """A variable of one body of a function.

    `name` is the source name (for `&x` entries the `x`, with `by_reference` true: then the location holds a
    pointer to the value, and `type` is the type of the value itself). `scope` are the lexical ranges in which the
    name means this variable (the body's own ranges for parameters). `depth` is the lexical nesting, so that of two
    variables of a name whose scopes hold a pc the deeper one wins. `locations` are validated: pieces cover
    `type.size` exactly (or 8 bytes with `by_reference`); what was not believable is left out and described in
    `problem`. No locations and no problem means optimized out. `decl_line` is 0 when unknown.
    `starts` is the first pc at which the value is set, where the location itself cannot say (-N builds: one location
    for the whole function, garbage before the declaration), else None.
    `word` tells where its type is to be had if `type` is a shape, where that is known.
    `held` is where one that a closure captured is when it is called (Go 1.23 and newer).
    """

    name: str
    type: TypeId
    role: Role
    by_reference: bool
    scope: tuple[Range, ...]
    depth: int
    decl_line: int
    locations: tuple[LocationRange, ...]
    problem: str | None = None
    starts: int | None = None
    word: DictionaryWord | None = None
    held: Held | None = None


@dataclass(frozen=True)
class Body:
    """One place where a function's code is: its own out-of-line body, or one instance inlined into another body.

    `function` is the name as Go's stack traces print it (`main.(*L[...]).Put`), `linkage` DWARF's own name
    (with shapes). `container` is the linkage name of the physical (out-of-line) function whose frame this body runs
    in, equal to `linkage` when it is its own. `physical` is the range of that physical function. `inline_level` is 0
    for an out-of-line body, else how many inlined instances enclose this code, itself included. `die` is the offset
    of the DW_TAG_subprogram or DW_TAG_inlined_subroutine.
    """

    function: str
    linkage: str
    die: int
    ranges: tuple[Range, ...]
    physical: Range
    container: str
    inline_level: int
    call_file: str | None = None
    call_line: int | None = None


@dataclass(frozen=True)
class FunctionEntry:
    """A function of the index: its name in stack traces, where it is declared, how many places hold its code."""

    name: str
    linkages: tuple[str, ...]
    file: str | None
    line: int | None
    bodies: int


@dataclass(frozen=True)
class GlobalVariable:
    """A package-level variable: full name (`net/http.DefaultClient`), type, link-time address."""

    name: str
    type: TypeId
    address: int


class DebugInfo(Protocol):
    """Debug information of one binary, index loaded and details on demand.

    Names given and returned are Go's spelling with whole import paths.
    """

    def function_names(self) -> Sequence[str]:
        """All function names in stack-trace spelling, sorted, inlined-only functions included."""

    def function(self, name: str) -> FunctionEntry | None:
        """The function of that exact stack-trace name, or None."""

    def bodies(self, name: str) -> tuple[Body, ...]:
        """Every body of the function: all shapes of a generic one, all inlined instances; by address."""

    def variables(self, body: Body) -> tuple[Variable, ...]:
        """The variables of a body, parameters first, then as declared; pseudo-variables (with a dot) are hidden."""

    def type_names(self) -> Sequence[str]:
        """All named types, sorted."""

    def find_type(self, name: str) -> TypeId | None:
        """The type of that whole name (`*github.com/acme/shop.Item`), or None."""

    def type(self, type_id: TypeId) -> GoType:
        """The type with that id. Raises KeyError for an id that is not a type's."""

    def global_names(self) -> Sequence[str]:
        """All package-level variables, sorted."""

    def global_variable(self, name: str) -> GlobalVariable | None:
        """The package-level variable of that name, or None."""

    def types_by_runtime_offset(self, offsets: Iterable[int]) -> dict[int, TypeId]:
        """Type DIEs by DW_AT_go_runtime_type (address - moduledata.types); offsets without one are left out."""

    def closures(self) -> Mapping[int, GoType]:
        """By where a closure's code begins a struct of what it holds, behind the code's address (Go 1.23 and newer);
        what is held by reference is a pointer. Method values (`main.(*T).Do-fm`) hold their receiver."""

    def named_constants(self) -> Mapping[str, tuple[tuple[int, str], ...]]:
        """By name of a defined integer type the constants of its package: value and name, ascending, where one value
        has one name."""

    def is_standard(self, package: str) -> bool:
        """Whether the package of that import path is certain to be of Go's standard library."""

    @property
    def runtime_types(self) -> RuntimeTypes:
        """The types that the binary describes to its own runtime: all that may lie behind an interface."""

    def line_of(self, pc: int) -> tuple[str, int] | None:
        """Source file and line of an address by the line table, or None."""

    def source_files(self) -> Sequence[str]:
        """The source files of Go code, whole paths as the compiler wrote them, sorted. Raises SeyError."""

    def statements(self, file: str) -> Mapping[int, Sequence[int]]:
        """By line of a source file, ascending, the addresses at which a statement of it begins. Raises SeyError."""

    def body_at(self, address: int) -> Body | None:
        """The innermost body that has the code at an address, or None. Raises SeyError."""
