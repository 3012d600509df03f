"""SEY02xx: names that mean nothing, too much, or can't be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.frontend.diagnostics.base import Related, Severity, SpannedProblem, did_you_mean
from sey.frontend.source import Span


@dataclass(frozen=True, kw_only=True)
class _Nearest(SpannedProblem):
    nearest: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """What else is known."""
        return self.remarks

    def advice(self) -> str | None:
        """The nearest names that exist."""
        return did_you_mean(self.nearest)


@dataclass(frozen=True, kw_only=True)
class UnknownFunction(_Nearest):
    """The binary has no function of that name. Names are spelled as Go's stack traces print them:
    `main.(*server).GetInfo`, `main.main.func1`, `main.(*List[...]).Push`."""

    code: ClassVar[str] = "SEY0201"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "{binary} has no function `{name}`"

    binary: str
    name: str


@dataclass(frozen=True, kw_only=True)
class NothingFits(_Nearest):
    """No function of the binary fits the pattern. `*` stands for any run of characters, but for that of a receiver's
    type: `main.(*server).*` are the methods of `*server`."""

    code: ClassVar[str] = "SEY0219"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "{binary} has no function that fits `{pattern}`"

    binary: str
    pattern: str


@dataclass(frozen=True, kw_only=True)
class TooManyFunctions(SpannedProblem):
    """A pattern fits so many functions that the program could not be compiled in reasonable time."""

    code: ClassVar[str] = "SEY0220"
    title: ClassVar[str] = "`{pattern}` fits {count} functions, and {limit} at most can be captured by one block"
    help: ClassVar[str | None] = "narrow it; among them are {some}"

    pattern: str
    count: int
    limit: int
    some: str


@dataclass(frozen=True, kw_only=True)
class UnknownVariable(_Nearest):
    """The function has no parameter, result or local variable of that name."""

    code: ClassVar[str] = "SEY0202"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "`{function}` has no variable `{name}`"

    function: str
    name: str


@dataclass(frozen=True, kw_only=True)
class UnknownField(_Nearest):
    """The struct has no such field, neither its own nor one promoted from an embedded struct."""

    code: ClassVar[str] = "SEY0203"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "`{type}` has no field `{name}`"

    type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class UnknownType(_Nearest):
    """The binary has no type of that name. A type is written as in Go source, `*http.Request`, where one package of
    that name has it, else in quotes with its whole import path. The linker drops types that nothing uses."""

    code: ClassVar[str] = "SEY0221"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "the binary has no type `{name}`"

    name: str


@dataclass(frozen=True, kw_only=True)
class AmbiguousType(SpannedProblem):
    """Several packages of that name have a type of that name."""

    code: ClassVar[str] = "SEY0222"
    title: ClassVar[str] = "`{name}` can be {candidates}"

    name: str
    candidates: str

    def advice(self) -> str | None:
        """How to say which."""
        return "write the one you mean in quotes"


@dataclass(frozen=True, kw_only=True)
class UnknownGlobal(_Nearest):
    """The binary has no package-level variable of that name. The linker drops those that nothing uses."""

    code: ClassVar[str] = "SEY0204"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "{binary} has no package-level variable `{name}`"

    binary: str
    name: str


@dataclass(frozen=True, kw_only=True)
class UnknownProgram(_Nearest):
    """`in` names a `program` block of the same spec."""

    code: ClassVar[str] = "SEY0205"
    title: ClassVar[str] = "the spec has no program `{name}`"

    name: str


@dataclass(frozen=True, kw_only=True)
class Duplicate(SpannedProblem):
    """Two programs, tables, columns or globals of a spec have one name, or names that differ only in case."""

    code: ClassVar[str] = "SEY0206"
    title: ClassVar[str] = "there is already a {what} `{name}`"

    what: str
    name: str
    first: Span
    advice_text: str | None = None

    def related(self) -> tuple[Related, ...]:
        """The first of the name."""
        return (Related(self.first, "the first one is here"),)

    def advice(self) -> str | None:
        """How to tell them apart."""
        return self.advice_text


@dataclass(frozen=True, kw_only=True)
class BadName(SpannedProblem):
    """A name of a capture, table or column that isn't a lower-case SQL identifier."""

    code: ClassVar[str] = "SEY0207"
    title: ClassVar[str] = "`{name}` can't name a {what}: {reason}"
    help: ClassVar[str | None] = "choose a name: `{example}`"

    what: str
    name: str
    reason: str
    example: str


@dataclass(frozen=True, kw_only=True)
class ReservedName(SpannedProblem):
    """A name that is taken: by SQL's keywords, or by a table or column that every capture has."""

    code: ClassVar[str] = "SEY0208"
    title: ClassVar[str] = "`{name}` can't name a {what}: it is {taken}"
    help: ClassVar[str | None] = "choose another name: `{example}`"

    what: str
    name: str
    taken: str
    example: str


@dataclass(frozen=True, kw_only=True)
class UnknownTable(_Nearest):
    """`column` adds a column to a table of the spec or to a built-in one, `link` joins two of them."""

    code: ClassVar[str] = "SEY0209"
    title: ClassVar[str] = "there is no table `{name}`"

    name: str


@dataclass(frozen=True, kw_only=True)
class AmbiguousField(SpannedProblem):
    """Two embedded structs at one depth have the field, so Go refuses the short form too."""

    code: ClassVar[str] = "SEY0210"
    title: ClassVar[str] = "`{name}` of `{type}` is ambiguous"
    help: ClassVar[str | None] = "write it out: {paths}"

    type: str
    name: str
    paths: str


@dataclass(frozen=True, kw_only=True)
class BlankName(SpannedProblem):
    """Blank variables and fields (`_`) have no value that could be named."""

    code: ClassVar[str] = "SEY0211"
    title: ClassVar[str] = "`_` can't be captured"


@dataclass(frozen=True, kw_only=True)
class Predeclared(SpannedProblem):
    """`true`, `false` and `nil` are always the constants, also in a function that has a variable of that name."""

    code: ClassVar[str] = "SEY0212"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "`{name}` is the constant here, not the variable `{name}` of `{function}`"

    function: str
    name: str


@dataclass(frozen=True, kw_only=True)
class OptimizedOut(SpannedProblem):
    """The variable exists, but the compiler kept its value nowhere: the column will hold no values."""

    code: ClassVar[str] = "SEY0213"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "`{name}` of `{function}` is optimized out everywhere"

    function: str
    name: str
    reason: str | None

    def notes(self) -> tuple[str, ...]:
        """What the debug information says."""
        return (self.reason,) if self.reason else ()


@dataclass(frozen=True, kw_only=True)
class NoCode(SpannedProblem):
    """The function is known, but none of its code is left in this binary: there will be no rows."""

    code: ClassVar[str] = "SEY0214"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "no code of `{function}` is left in {binary}"

    function: str
    binary: str


@dataclass(frozen=True, kw_only=True)
class NoProgramFits(SpannedProblem):
    """The spec says which programs it is about, and this binary is none of them."""

    code: ClassVar[str] = "SEY0215"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "{binary} is none of the spec's programs ({programs})"

    binary: str
    programs: str


@dataclass(frozen=True, kw_only=True)
class NeverTogether(SpannedProblem):
    """An expression over variables of which no body of the function has all."""

    code: ClassVar[str] = "SEY0216"
    missing: ClassVar[bool] = True
    title: ClassVar[str] = "no place in the code of `{function}` has all of {names}"
    help: ClassVar[str | None] = "capture them one by one and combine the columns in SQL"

    function: str
    names: str


@dataclass(frozen=True, kw_only=True)
class ConditionMissing(SpannedProblem):
    """A `when` that this binary can't evaluate is never true: the table exists, without rows."""

    code: ClassVar[str] = "SEY0217"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "the condition can't be evaluated in {binary}, so `{table}` will have no rows"

    binary: str
    table: str


@dataclass(frozen=True, kw_only=True)
class MethodValue(SpannedProblem):
    """Methods are code: a probe only reads memory and calls nothing."""

    code: ClassVar[str] = "SEY0218"
    title: ClassVar[str] = "`{name}` is a method of `{type}`, not a field; methods can't be called"
    help: ClassVar[str | None] = "capture the fields that it would read"

    type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class NoVariables(SpannedProblem):
    """A `global` statement is about one package-level variable; an index in it can be computed from constants alone."""

    code: ClassVar[str] = "SEY0223"
    title: ClassVar[str] = "`{name}` can't be used here: a `global` statement has no variables but its own"

    name: str


@dataclass(frozen=True, kw_only=True)
class LibraryUnused(SpannedProblem):
    """A file of sey's library is about a package that the binary doesn't have, or not in a release that it knows."""

    code: ClassVar[str] = "SEY0224"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "{binary} has none of the functions of {path}: its tables will have no rows"

    binary: str
    path: str


@dataclass(frozen=True, kw_only=True)
class KeptTwice(SpannedProblem):
    """A `type` statement keeps a field whole and a part of it, or the same field twice."""

    code: ClassVar[str] = "SEY0226"
    title: ClassVar[str] = "`{path}` is kept already"
    help: ClassVar[str | None] = "leave one of the two out"

    path: str
    first: Span

    def related(self) -> tuple[Related, ...]:
        """The other one."""
        return (Related(self.first, "kept here"),)


@dataclass(frozen=True, kw_only=True)
class NoContext(SpannedProblem):
    """A `context` statement adds its columns to each `func` block whose function has a variable with a context: one of
    type context.Context, of a struct that embeds one, or an *http.Request. No block of the spec has any."""

    code: ClassVar[str] = "SEY0227"
    default_severity: ClassVar[Severity] = Severity.WARNING
    title: ClassVar[str] = "no function of the spec has a context: these columns are nowhere"
