"""The syntax tree of a spec: what was written, nothing resolved.

Spans don't take part in comparison, so two trees are equal when they say the same. `height` of an expression is
how many levels of nodes it has; the parser bounds it, so that walking a tree by recursion is safe.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass, field
from fractions import Fraction

from sey.frontend.source import Source, Span


class LiteralKind(enum.Enum):
    """Kinds of literals."""

    INT = "integer"
    FLOAT = "floating-point number"
    RUNE = "rune"
    STRING = "string"
    DURATION = "duration"
    SIZE = "size"


@dataclass(frozen=True)
class Ident:
    """A name where only a name can stand."""

    name: str
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Literal:
    """A literal: its value (nanoseconds of a duration, bytes of a size) and the text as written.

    The value of a string is its bytes decoded as UTF-8 with `surrogateescape`, since Go strings hold any bytes.
    """

    kind: LiteralKind
    value: int | Fraction | str
    text: str
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Name:
    """A variable of the function, or `true`, `false`, `nil`."""

    name: str
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class PackageVariable:
    """The package-level variable at the root of a `global` statement, named in full by a string."""

    name: Literal
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Select:
    """`base.field`."""

    base: Expr
    field: Ident
    span: Span = dataclasses.field(compare=False)
    height: int = dataclasses.field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Index:
    """`base[index]`."""

    base: Expr
    index: Expr
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Bounds:
    """What stands in the brackets of a slice: `low:high` or `low:high:most`, each None where it is left out."""

    low: Expr | None
    high: Expr | None
    most: Expr | None
    span: Span = field(compare=False)

    @property
    def given(self) -> tuple[Expr, ...]:
        """Those that are there, in order."""
        return tuple(expr for expr in (self.low, self.high, self.most) if expr is not None)


@dataclass(frozen=True)
class Slice:
    """`base[bounds]`."""

    base: Expr
    bounds: Bounds
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class TypeName:
    """A type as it is written: `*http.Request`, or in full by a string (then `quoted`)."""

    text: str
    quoted: Literal | None
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Assertion:
    """`base.(type)`."""

    base: Expr
    type: TypeName
    span: Span = dataclasses.field(compare=False)
    height: int = dataclasses.field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Call:
    """`len(argument)` or `cap(argument)`."""

    function: Ident
    argument: Expr
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Unary:
    """A prefix operator: one of `+ - ! ^ * &`."""

    operator: str
    operand: Expr
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Binary:
    """An infix operator of Go's five levels."""

    operator: str
    left: Expr
    right: Expr
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Paren:
    """`(inner)`, kept so that formatting leaves the author's parentheses."""

    inner: Expr
    span: Span = field(compare=False)
    height: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Carried:
    """What a context carries: `value(type)`, `key(type)`, `key(type, constant)` or, with `variable` instead of a type,
    `key(global "package.Variable")`."""

    function: Ident
    type: TypeName | None
    constant: Expr | None
    variable: Literal | None
    span: Span = dataclasses.field(compare=False)
    height: int = dataclasses.field(default=1, compare=False, repr=False)


Expr = Literal | Name | PackageVariable | Carried | Select | Index | Slice | Assertion | Call | Unary | Binary | Paren


@dataclass(frozen=True)
class Limit:
    """One bound of a captured value: `max_string 4KiB`."""

    name: Ident
    value: Literal
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Capture:
    """`expr as name { limits }`."""

    expr: Expr
    name: Ident | None
    limits: tuple[Limit, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Rule:
    """One rule of a `program` block."""

    kind: Ident
    value: Literal
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Program:
    """`program name { rules }`; `body` spans the braces."""

    name: Ident
    rules: tuple[Rule, ...]
    span: Span = field(compare=False)
    body: Span = field(compare=False)


@dataclass(frozen=True)
class Func:
    """`func "function" as name in program when condition { captures }`; `body` spans the braces.

    With `glob`, `function` is a pattern that functions fit (`func glob "pattern" …`).
    """

    function: Literal
    name: Ident | None
    program: Ident | None
    when: Expr | None
    captures: tuple[Capture, ...]
    span: Span = field(compare=False)
    body: Span = field(compare=False)
    glob: bool = False


@dataclass(frozen=True)
class Rate:
    """`count/window`: so many in each `window_ns`; `window` is as written."""

    count: Literal
    window: str
    window_ns: int
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Event:
    """`event name on moment "target" in program when condition … { captures }`; `body` spans the braces.

    `moment` is `entry`, `return` or `line`; with `glob`, `target` is a pattern that functions fit. Of `sample 1/N` and
    `stack N` the numbers are kept, of `for` the duration.
    """

    name: Ident
    moment: str
    target: Literal
    program: Ident | None
    when: Expr | None
    limit: Rate | None
    period: Literal | None
    sample: Literal | None
    stack: Literal | None
    captures: tuple[Capture, ...]
    span: Span = field(compare=False)
    body: Span = field(compare=False)
    glob: bool = False


@dataclass(frozen=True)
class Global:
    """`global "package.Variable".path as name { limits }`."""

    expr: Expr
    name: Ident | None
    limits: tuple[Limit, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Table:
    """`table name = "sql"`."""

    name: Ident
    sql: Literal
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Column:
    """`column table.name type = "sql"`; `type` is a DuckDB type with its words separated by one space."""

    table: Ident
    name: Ident
    type: str
    sql: Literal
    span: Span = field(compare=False)


@dataclass(frozen=True)
class LinkSide:
    """`table(columns)`, a side of a link."""

    table: Ident
    columns: tuple[Ident, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Link:
    """`link name: source = target "title"`."""

    name: Ident
    source: LinkSide
    target: LinkSide
    title: Literal | None
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Import:
    """`import "path"`: the statements of that file are the spec's too."""

    path: Literal
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Part:
    """A path of fields in a `type` statement: `mu.processing`."""

    fields: tuple[Ident, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Type:
    """`type name { parts }`: the fields that are kept of values of the type; `body` spans the braces."""

    type: TypeName
    parts: tuple[Part, ...]
    span: Span = field(compare=False)
    body: Span = field(compare=False)


@dataclass(frozen=True)
class Context:
    """`context { captures }`: what every function that has a context captures of it; `body` spans the braces."""

    captures: tuple[Capture, ...]
    span: Span = field(compare=False)
    body: Span = field(compare=False)


@dataclass(frozen=True)
class Redact:
    """`redact "name", …`, `redact type "name", …` or `redact tag "key", …`; `by` is the word before the patterns."""

    by: str | None
    patterns: tuple[Literal, ...]
    span: Span = field(compare=False)


Statement = Program | Func | Event | Global | Table | Column | Link | Import | Type | Context | Redact


@dataclass(frozen=True)
class Comment:
    """A comment from its `#` to the end of its line."""

    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Spec:
    """A whole spec, and after its own statements those of what it imports; `comments` are in the order of the text."""

    statements: tuple[Statement, ...]
    source: Source = field(compare=False)
    comments: tuple[Comment, ...] = field(default=(), compare=False)
