"""SEY01xx: text that is no spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem
from sey.frontend.diagnostics.base import Related, SpannedProblem, did_you_mean
from sey.frontend.source import Span


@dataclass(frozen=True, kw_only=True)
class NotText(Problem):
    """A spec is UTF-8 text. Binary data, other encodings and NUL bytes are refused before anything is parsed."""

    code: ClassVar[str] = "SEY0101"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "{path} is not a spec: byte {offset} is {what}"
    help: ClassVar[str | None] = "a spec is UTF-8 text; is this the right file?"

    path: str
    offset: int
    what: str


@dataclass(frozen=True, kw_only=True)
class TooLarge(Problem):
    """Specs are written by hand, so their size is bounded; this keeps checking one a matter of seconds."""

    code: ClassVar[str] = "SEY0102"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "{path} is too large for a spec: {size} bytes, at most {limit} are read"
    help: ClassVar[str | None] = "is this the right file? A large spec can be split into several"

    path: str
    size: int
    limit: int


@dataclass(frozen=True, kw_only=True)
class Unreadable(Problem):
    """The spec could not be read at all."""

    code: ClassVar[str] = "SEY0103"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "cannot read {path}: {reason}"

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EmptySpec(SpannedProblem):
    """A spec without any statement collects nothing, which is hardly what was meant."""

    code: ClassVar[str] = "SEY0104"
    title: ClassVar[str] = "the spec is empty"
    help: ClassVar[str | None] = 'write what to capture, as in: func "main.handle" {{ request }}'


@dataclass(frozen=True, kw_only=True)
class BadCharacter(SpannedProblem):
    """A character that begins nothing in the language."""

    code: ClassVar[str] = "SEY0105"
    title: ClassVar[str] = "unexpected character {shown}"

    shown: str
    advice_text: str | None = None

    def advice(self) -> str | None:
        """What was likely meant."""
        return self.advice_text


@dataclass(frozen=True, kw_only=True)
class Unterminated(SpannedProblem):
    """A string or rune literal that doesn't end. `"…"` and `'…'` end on their line; `` `…` `` and triple quotes may
    span lines."""

    code: ClassVar[str] = "SEY0106"
    title: ClassVar[str] = "the {what} never ends"
    help: ClassVar[str | None] = "end it with {quote}"

    what: str
    quote: str


@dataclass(frozen=True, kw_only=True)
class BadLiteral(SpannedProblem):
    """A number, rune or string literal that Go (or, for durations and sizes, sey) doesn't know."""

    code: ClassVar[str] = "SEY0107"
    title: ClassVar[str] = "`{text}` is not a literal: {reason}"

    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Unexpected(SpannedProblem):
    """Something stands where the grammar has no place for it."""

    code: ClassVar[str] = "SEY0108"
    title: ClassVar[str] = "unexpected {found}; expected {expected}"

    found: str
    expected: str
    advice_text: str | None = None

    def advice(self) -> str | None:
        """What was likely meant."""
        return self.advice_text


@dataclass(frozen=True, kw_only=True)
class Unclosed(SpannedProblem):
    """A bracket that is opened and never closed."""

    code: ClassVar[str] = "SEY0109"
    title: ClassVar[str] = "`{bracket}` is never closed"

    bracket: str
    noticed: Span | None = None

    def related(self) -> tuple[Related, ...]:
        """Where the closing bracket was missed."""
        return (Related(self.noticed, "it had to be closed before this"),) if self.noticed else ()


@dataclass(frozen=True, kw_only=True)
class Unopened(SpannedProblem):
    """A closing bracket without its opening one."""

    code: ClassVar[str] = "SEY0110"
    title: ClassVar[str] = "`{bracket}` closes nothing"

    bracket: str


@dataclass(frozen=True, kw_only=True)
class TooDeep(SpannedProblem):
    """Brackets, operators and field steps nest to a bounded depth, so that hostile text can't exhaust the checker."""

    code: ClassVar[str] = "SEY0111"
    title: ClassVar[str] = "nested too deeply: at most {limit} levels"
    help: ClassVar[str | None] = "capture the parts and combine them in SQL"

    limit: int


@dataclass(frozen=True, kw_only=True)
class OfEvents(SpannedProblem):
    """`limit`, `for`, `sample` and `stack` bound how often something is told. A `func` block tells of the frames that
    there are at one moment."""

    code: ClassVar[str] = "SEY0112"
    title: ClassVar[str] = "the clause `{word}` belongs to events; a `func` block has none"
    help: ClassVar[str | None] = 'to be told of calls, write: event NAME on entry "…" {word} …'

    word: str


@dataclass(frozen=True, kw_only=True)
class UnknownStatement(SpannedProblem):
    """A statement begins with `program`, `func`, `event`, `global`, `type`, `context`, `table`, `column`, `link`,
    `import` or `redact`."""

    code: ClassVar[str] = "SEY0113"
    title: ClassVar[str] = "no statement begins with `{word}`"

    word: str
    known: tuple[str, ...]
    nearest: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """The words there are."""
        return (f"statements begin with {', '.join(self.known)}",)

    def advice(self) -> str | None:
        """The nearest words."""
        return did_you_mean(self.nearest)


@dataclass(frozen=True, kw_only=True)
class Repeated(SpannedProblem):
    """A clause of a header or a limit that may be given once is given again."""

    code: ClassVar[str] = "SEY0114"
    title: ClassVar[str] = "`{word}` is given twice"

    word: str
    first: Span

    def related(self) -> tuple[Related, ...]:
        """Where it stands already."""
        return (Related(self.first, "first given here"),)


@dataclass(frozen=True, kw_only=True)
class NotCallable(SpannedProblem):
    """A probe only reads memory, so no function of the program can be called; `len` and `cap` are read."""

    code: ClassVar[str] = "SEY0115"
    title: ClassVar[str] = "`{function}` can't be called; only `len` and `cap` can"
    help: ClassVar[str | None] = "capture the variables and fields that it would read"

    function: str


@dataclass(frozen=True, kw_only=True)
class UnknownRule(SpannedProblem):
    """A rule of a `program` block has one of the known names."""

    code: ClassVar[str] = "SEY0116"
    title: ClassVar[str] = "there is no program rule `{word}`"

    word: str
    known: tuple[str, ...]
    nearest: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """The rules there are."""
        return (f"the rules are {', '.join(self.known)}",)

    def advice(self) -> str | None:
        """The nearest rules."""
        return did_you_mean(self.nearest)


@dataclass(frozen=True, kw_only=True)
class BadRule(SpannedProblem):
    """A program rule whose value can match nothing, or a program without rules."""

    code: ClassVar[str] = "SEY0117"
    title: ClassVar[str] = "{what}"

    what: str
    advice_text: str | None = None

    def advice(self) -> str | None:
        """What to write instead."""
        return self.advice_text


@dataclass(frozen=True, kw_only=True)
class UnknownLimit(SpannedProblem):
    """Limits of a value are `max_string`, `max_items` and `depth`."""

    code: ClassVar[str] = "SEY0118"
    title: ClassVar[str] = "there is no limit `{word}`"

    word: str
    known: tuple[str, ...]
    nearest: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """The limits there are."""
        return (f"the limits are {', '.join(self.known)}",)

    def advice(self) -> str | None:
        """The nearest limits."""
        return did_you_mean(self.nearest)


@dataclass(frozen=True, kw_only=True)
class LimitOutOfRange(SpannedProblem):
    """A limit has a smallest and a largest value, because everything a probe collects is bounded."""

    code: ClassVar[str] = "SEY0119"
    title: ClassVar[str] = "`{word}` can be {low} to {high}, not {value}"

    word: str
    low: int
    high: int
    value: int


@dataclass(frozen=True, kw_only=True)
class ClauseOutOfRange(SpannedProblem):
    """Durations in the clauses of an event have a shortest and a longest value."""

    code: ClassVar[str] = "SEY0126"
    title: ClassVar[str] = "the duration of `{word}` can be {low} to {high}, not {value}"

    word: str
    low: str
    high: str
    value: str


@dataclass(frozen=True, kw_only=True)
class BadRate(SpannedProblem):
    """A `limit` of an event is a number of rows in a time: `limit 100/s`, `limit 10/m`, `limit 5/250ms`."""

    code: ClassVar[str] = "SEY0127"
    title: ClassVar[str] = "`{unit}` is no unit of time"

    unit: str
    known: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """The units there are."""
        return (f"the units are {', '.join(self.known)}, and durations such as 250ms",)


@dataclass(frozen=True, kw_only=True)
class NoEvent(SpannedProblem):
    """An event on the command line is one `event` statement, whose beginning `event NAME on` may be left out."""

    code: ClassVar[str] = "SEY0128"
    title: ClassVar[str] = "this is not one event"
    help: ClassVar[str | None] = 'write, for example: return "main.handle" when duration > 10ms {{ request }}'


@dataclass(frozen=True, kw_only=True)
class MoreProblems(SpannedProblem):
    """So many problems that the rest isn't shown."""

    code: ClassVar[str] = "SEY0120"
    title: ClassVar[str] = "too many problems; the first {shown} are shown"

    shown: int


@dataclass(frozen=True, kw_only=True)
class NoHighBound(SpannedProblem):
    """`x[a:b:c]` needs the bound in its middle, as in Go; only the first can be left out."""

    code: ClassVar[str] = "SEY0121"
    title: ClassVar[str] = "the middle index of a 3-index slice is missing"


@dataclass(frozen=True, kw_only=True)
class ImportUnreadable(SpannedProblem):
    """A file that a spec imports isn't there, or is no text."""

    code: ClassVar[str] = "SEY0122"
    title: ClassVar[str] = "cannot import {written}: {reason}"

    written: str
    looked: str
    reason: str

    def notes(self) -> tuple[str, ...]:
        """Where it was looked for, where that isn't what is written."""
        return (f"looked for {self.looked}",) if self.looked and self.looked != self.written else ()


@dataclass(frozen=True, kw_only=True)
class TooManyImports(SpannedProblem):
    """The number of files that one spec leads to is bounded, so that checking it ends within seconds."""

    code: ClassVar[str] = "SEY0123"
    title: ClassVar[str] = "{path} is one file too many: a spec is at most {limit} files"

    path: str
    limit: int


@dataclass(frozen=True, kw_only=True)
class LimitsOfType(SpannedProblem):
    """Limits bound what is captured at once; all that lies behind a capture shares them. A field of a `type` statement
    is reached from many captures, so it can't have its own."""

    code: ClassVar[str] = "SEY0124"
    title: ClassVar[str] = "a field in a `type` statement can't have limits"
    help: ClassVar[str | None] = "set them at the captures that reach it"


@dataclass(frozen=True, kw_only=True)
class NotCarried(SpannedProblem):
    """A capture of a `context` statement begins with `value(type)`, the nearest value of that type in the chain of
    contexts, `key(type)` or `key(type, constant)`, the nearest value under a key of that type (and equal to the
    constant), or `key(global "package.Variable")`, that under the key that the variable holds."""

    code: ClassVar[str] = "SEY0125"
    title: ClassVar[str] = "`{word}` with these operands says nothing of a context"
    help: ClassVar[str | None] = (
        'write `value("*main.Span")`, `key("main.ctxKey")`, `key("main.ctxKey", 1)` or `key(global "main.userKey")`'
    )

    word: str
