"""The bound spec: every name resolved against one binary, every expression typed, every implicit step explicit.

The binder (`bind/`) makes it from the AST and the debug information; lowering (`lower/`) reads nothing else of a
spec. Spans point into the spec's text.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from sey.frontend.debuginfo.model import Body, GlobalVariable, GoType
from sey.frontend.source import Source, Span


@dataclass(frozen=True)
class Limits:
    """Bounds of one captured value: bytes of a string, items of a slice or array, pointers followed."""

    max_string: int = 512
    max_items: int = 64
    depth: int = 3


@dataclass(frozen=True)
class Const:
    """A constant, already converted to `type`; `value` is None for `nil`.

    A string's value is its bytes decoded as UTF-8 with `surrogateescape`, since Go strings hold any bytes.
    """

    type: GoType
    value: bool | int | float | complex | str | None
    span: Span


@dataclass(frozen=True)
class Local:
    """The value of the variable `name` of the function at hand, whichever of that name is in scope at the pc."""

    type: GoType
    name: str
    span: Span


@dataclass(frozen=True)
class Instance:
    """The variable `local` of generic code with its type, which `word_of` its name tells, in front of it.

    `type` is of kind `Kind.SHARED`.
    """

    type: GoType
    local: Local
    span: Span


def word_of(name: str) -> str:
    """What stands in the types of a `Form` for the dictionary word that tells the type of a variable."""
    return f"{name}.(type)"


@dataclass(frozen=True)
class Global:
    """The value of a package-level variable."""

    type: GoType
    variable: GlobalVariable
    span: Span


@dataclass(frozen=True)
class Field:
    """Field `name` of a struct value, `offset` bytes into it. Promotion through embedded structs makes a chain."""

    type: GoType
    base: Expr
    name: str
    offset: int
    span: Span


@dataclass(frozen=True)
class Deref:
    """What a pointer points to; the binder puts one wherever Go follows a pointer by itself."""

    type: GoType
    base: Expr
    span: Span


@dataclass(frozen=True)
class Index:
    """Element `index` (of an integer type; a constant is >= 0) of an array, slice or string."""

    type: GoType
    base: Expr
    index: Expr
    span: Span


@dataclass(frozen=True)
class MapIndex:
    """The element of the map `base` under `key`, a constant of the map's key type; absent where it has none."""

    type: GoType
    base: Expr
    key: Const
    span: Span


@dataclass(frozen=True)
class Slice:
    """`base[low:high:most]` of a slice, string or array; bounds (of integer types) are None where they are left out."""

    type: GoType
    base: Expr
    low: Expr | None
    high: Expr | None
    most: Expr | None
    span: Span


@dataclass(frozen=True)
class Assertion:
    """`base.(type)`: what the interface `base` holds, absent where its dynamic type is another than `type`."""

    type: GoType
    base: Expr
    span: Span


@dataclass(frozen=True)
class Sought:
    """What is looked for along a chain of contexts: the nearest value with that dynamic type or, with `by_key`, whose
    key has it, and then is equal to the constant, or to what the package-level variable holds, where there is one."""

    type: GoType
    by_key: bool
    constant: Const | None = None
    variable: GlobalVariable | None = None


@dataclass(frozen=True)
class Carried:
    """The interface (of type `any`) with what the context.Context `base` carries, absent where it carries no such."""

    type: GoType
    base: Expr
    sought: Sought
    span: Span


@dataclass(frozen=True)
class Length:
    """`len(base)` or, with `capacity`, `cap(base)`; of a string, slice, array, map or channel. Type int."""

    type: GoType
    base: Expr
    capacity: bool
    span: Span


@dataclass(frozen=True)
class AddressOf:
    """`&base`: the address itself. Missing (`optimized_out`/`not_live`) when the value is not in memory.

    `type` is the pointer type; where the binary describes none, its id is of `POINTER_IDS`, and `elem` the binary's.
    """

    type: GoType
    base: Expr
    span: Span


@dataclass(frozen=True)
class Redacted:
    """An expression that looks at what the spec redacts: it has a type, and nothing is read for it."""

    type: GoType
    span: Span


@dataclass(frozen=True)
class Elapsed:
    """`duration` in a return event: how long the call took. Type time.Duration."""

    type: GoType
    span: Span


@dataclass(frozen=True)
class Unary:
    """`-x`, `+x`, `!x`, `^x`; `operator` is the Go token."""

    type: GoType
    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True)
class Binary:
    """A Go binary operation; operands have one type (after constant conversion), except shifts.

    Comparison and `&&`, `||` have type bool. A comparison with `nil` has a `Const` with value None on one side.
    """

    type: GoType
    operator: str
    left: Expr
    right: Expr
    span: Span


Expr = (
    Const
    | Local
    | Instance
    | Global
    | Field
    | Deref
    | Index
    | MapIndex
    | Slice
    | Assertion
    | Carried
    | Length
    | AddressOf
    | Redacted
    | Elapsed
    | Unary
    | Binary
)


def parts(expr: Expr) -> Iterator[Expr]:
    """The expressions that an expression is made of, itself left out."""
    for each in fields(expr):
        part = getattr(expr, each.name)
        if isinstance(part, Expr):
            yield part


def walk(expr: Expr) -> Iterator[Expr]:
    """An expression and all in it."""
    yield expr
    for part in parts(expr):
        yield from walk(part)


@dataclass(frozen=True)
class Form:
    """One typing of an expression: valid where the variables named have the types named.

    Nearly every capture has one form. A function with several variables of one name and different types (a type
    switch's `x`), or shapes of a generic function, has one for each combination met.
    """

    types: Mapping[str, int]
    expr: Expr


@dataclass(frozen=True)
class Capture:
    """A column of a func block: its name, the expression's canonical text, its typings and limits.

    `forms` is empty where the column is to exist without values: the binary lacks what the expression names and that
    was allowed, or the block has no bodies.
    """

    column: str
    source: str
    forms: tuple[Form, ...]
    limits: Limits
    span: Span
    parameters: tuple[str, ...] | None = None
    """Of what a context carries, which has a form for each variable with a context: the function's parameters among
    these. The form of a live variable is taken: of a parameter, by their order, else of the innermost one."""


@dataclass(frozen=True)
class Func:
    """A `func` block bound to the bodies of its function in this binary.

    `bodies` is empty where the table is to exist without rows: the binary has no code of the function, or is not the
    program of `in`, or lacks the function or what `when` needs and that was allowed.
    """

    table: str
    function: str
    bodies: tuple[Body, ...]
    captures: tuple[Capture, ...]
    when: tuple[Form, ...]
    """The condition's typings; empty when there is no condition."""
    span: Span
    program: str | None = None
    """The program of its `in` clause: rows only in its processes. None: in every process."""
    glob: bool = False
    """Whether `function` is a pattern: the bodies are those of all functions that it fits. What only some of these have
    is `absent` in the rows of the others."""


class Moment(enum.Enum):
    """When an event happens."""

    ENTRY = "entry"
    RETURN = "return"
    LINE = "line"


@dataclass(frozen=True)
class Event:
    """An `event` block bound to the bodies of its functions in this binary.

    `target` is what is written: a function, a pattern where `glob`, or `file.go:123`; of a line `file` is the path of
    the file as debug information has it, and `line` the line that has code. `limit` rows are kept of each `window_ns`
    (0: all), for `for_ns` (0: until the end), of 1 in `sample`; `stack` frames of the stack come along. The rest is as
    in `Func`.
    """

    table: str
    moment: Moment
    target: str
    bodies: tuple[Body, ...]
    captures: tuple[Capture, ...]
    when: tuple[Form, ...]
    span: Span
    glob: bool = False
    limit: int = 0
    window_ns: int = 0
    for_ns: int = 0
    sample: int = 1
    stack: int = 0
    program: str | None = None
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class GlobalCapture:
    """A `global` statement: a value read once per snapshot."""

    name: str
    source: str
    expr: Expr
    limits: Limits
    span: Span


@dataclass(frozen=True)
class Part:
    """A field that is kept of a struct: whole where `inner` is empty, else these of its fields, through a pointer."""

    name: str
    inner: tuple[Part, ...] = ()


@dataclass(frozen=True)
class KeptType:
    """A `type` statement: what is kept of a value of the struct `type`, wherever one is reached."""

    type: GoType
    parts: tuple[Part, ...]
    span: Span


@dataclass(frozen=True)
class Rule:
    """One rule of a `program` block: `kind` is executable, module, command, env or pid."""

    kind: str
    value: str
    span: Span


@dataclass(frozen=True)
class Program:
    """A `program` block; its rules are ANDed."""

    name: str
    rules: tuple[Rule, ...]
    span: Span


@dataclass(frozen=True)
class SqlTable:
    """`table NAME = \"\"\"sql\"\"\"`."""

    name: str
    sql: str
    span: Span


@dataclass(frozen=True)
class SqlColumn:
    """`column TABLE.NAME TYPE = "sql"`."""

    table: str
    name: str
    type: str
    sql: str
    span: Span


@dataclass(frozen=True)
class LinkSide:
    """A side of a link: columns of a table whose rows belong to goroutines."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """`link NAME: SOURCE = TARGET "title"`; without a title it is empty. Both sides have as many columns."""

    name: str
    source: LinkSide
    target: LinkSide
    title: str
    span: Span


@dataclass(frozen=True)
class Redaction:
    """What never leaves the process: patterns of names and of tags of fields (in any case), and of types."""

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoundSpec:
    """Everything of a spec that concerns one binary."""

    source: Source
    programs: tuple[Program, ...] = ()
    funcs: tuple[Func, ...] = ()
    globals: tuple[GlobalCapture, ...] = ()
    tables: tuple[SqlTable, ...] = ()
    columns: tuple[SqlColumn, ...] = ()
    links: tuple[Link, ...] = ()
    kept_types: tuple[KeptType, ...] = ()
    types: Mapping[int, GoType] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)
    events: tuple[Event, ...] = ()
