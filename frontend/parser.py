"""Text to syntax tree, with every syntax problem of the text found in one go.

After a problem inside a `func` body parsing goes on with the next capture, elsewhere with the next statement.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedInput
from lark.parsers.lalr_interactive_parser import InteractiveParser

from sey.binary.errors import SeyError
from sey.frontend import ast
from sey.frontend.build import Builder
from sey.frontend.complaint import complain
from sey.frontend.diagnostics.base import Reject, SpannedProblem, SpecError
from sey.frontend.diagnostics.syntax import MoreProblems, NoEvent, NotText, TooLarge, Unclosed, Unreadable, Unterminated
from sey.frontend.layout import STATEMENTS, Layout, lay_out
from sey.frontend.source import Source, Span
from sey.frontend.tokens import Scan, Token, scan

MAX_BYTES = 256 << 10
"""Size of a spec, bounded so that checking any file ends within seconds."""
_MAX_PROBLEMS = 20


def read(path: str | Path) -> Source:
    """The spec in the file at `path`, with `\\n` as its only line ending and no byte order mark.

    Raises SeyError (Unreadable, TooLarge, NotText).
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
            size = max(len(data), file.seek(0, 2) if file.seekable() else 0)
    except OSError as error:
        raise SeyError(Unreadable(path=str(path), reason=error.strerror or str(error))) from None
    if size > MAX_BYTES:
        raise SeyError(TooLarge(path=str(path), size=size, limit=MAX_BYTES))
    return decode(str(path), data)


def decode(path: str, data: bytes) -> Source:
    """The spec in the bytes `data`, as `read` does; `path` is what diagnostics call it. Raises SeyError (NotText)."""
    if (nul := data.find(b"\0")) >= 0:
        raise SeyError(NotText(path=path, offset=nul, what="NUL"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"0x{data[error.start]:02x}, which is not UTF-8"
        raise SeyError(NotText(path=path, offset=error.start, what=what)) from None
    return Source(path, text.replace("\r\n", "\n"))


def parse(source: Source) -> ast.Spec:
    """The syntax tree of a spec with all that it imports. Raises SpecError with the syntax problems of the first file
    that has any, in the order of the text.
    """
    statements: list[ast.Statement] = []
    comments: list[ast.Comment] = []
    for base, file in source.based():
        own, beside = _parse_file(source, file, base)
        statements += own
        comments += beside
    return ast.Spec(tuple(statements), source, tuple(comments))


def parse_event_clauses(source: Source) -> ast.Event:
    """The event of a text that begins behind the `on` of an `event` statement: then its name is empty.

    Its braces may be left out: then `body` spans nothing. Raises SpecError.
    """
    _check_text(source, source)
    found = scan(source.text)
    tokens = found.tokens
    if all(token.type in ("NL", "$END") for token in tokens) and not found.problems:
        raise SpecError(source, NoEvent(span=Span(0, len(source.text))))
    if tokens[0].text != "event":
        nowhere = Span(0, 0)
        words = (Token("NAME", word, nowhere) for word in ("event", "", "on"))
        tokens = [*words, *tokens]
    if all(token.type != "LBRACE" for token in tokens):
        end = tokens[-1].span
        tokens = [*tokens[:-1], Token("LBRACE", "", end), Token("RBRACE", "", end), tokens[-1]]
    statements = _parse_tokens(source, found._replace(tokens=tokens))
    match statements:
        case [ast.Event() as event]:
            return event
    raise SpecError(source, NoEvent(span=statements[-1].span if statements else Span(0, len(source.text))))


def _parse_file(source: Source, file: Source, base: int) -> tuple[Sequence[ast.Statement], Sequence[ast.Comment]]:
    _check_text(source, file)
    found = scan(file.text, base)
    return _parse_tokens(source, found), found.comments


def _check_text(source: Source, file: Source) -> None:
    if len(file.text) > MAX_BYTES:
        raise SpecError(source, TooLarge(path=file.path, size=len(file.text), limit=MAX_BYTES))
    if (nul := file.text.find("\0")) >= 0:
        raise SpecError(source, NotText(path=file.path, offset=len(file.text[:nul].encode()), what="NUL"))


def _parse_tokens(source: Source, found: Scan) -> Sequence[ast.Statement]:
    """The statements of tokens. Raises SpecError with all syntax problems."""
    layout = lay_out(found.tokens)
    problems = [*found.problems, *_own(layout.problems, found.problems)]
    if not layout.tokens or layout.tokens[-1].type != "$END":
        raise SpecError(source, *_in_order(problems))
    run = _Run(layout, found.problems)
    statements = run.parse()
    problems += run.problems
    if problems:
        raise SpecError(source, *_in_order(problems))
    return statements


def parts(source: Source) -> tuple[ast.Statement, ...]:
    """The statements of a text that parse on their own, whatever is wrong with the others; imports aren't followed."""
    layout = lay_out(scan(source.text).tokens)
    starts = [token.span.start for token in layout.tokens if token.type in _STATEMENT_START and token.text]
    found: list[ast.Statement] = []
    for start, end in pairwise([*starts, len(source.text)]):
        with suppress(SpecError):
            found += _parse_file(source, Source(source.path, source.text[start:end]), start)[0]
    return tuple(found)


def accepted_at(layout: Layout, at: int) -> frozenset[str]:
    """The terminals that fit where token `at` is; none where what stands before it is wrong."""
    return _Run(layout, ()).accepted_at(at)


def _in_order(problems: list[SpannedProblem]) -> list[SpannedProblem]:
    ordered = sorted(problems, key=lambda p: p.span)
    if len(ordered) <= _MAX_PROBLEMS:
        return ordered
    more = MoreProblems(span=ordered[_MAX_PROBLEMS].span, shown=_MAX_PROBLEMS)
    return [*ordered[:_MAX_PROBLEMS], more]


def _own(brackets: list[SpannedProblem], lexical: list[SpannedProblem]) -> list[SpannedProblem]:
    """Problems of brackets, but for those left open because a string that never ends swallowed the closing one."""
    swallowed = max((p.span.start for p in lexical if isinstance(p, Unterminated)), default=-1)
    return [p for p in brackets if not (isinstance(p, Unclosed) and p.span.start < swallowed)]


@cache
def _grammar() -> Lark:
    text = resources.files("sey.frontend").joinpath("grammar.lark").read_text()
    # The tokens are fed one by one (`_Run`), so Lark's own lexer has nothing to do.
    return Lark(text, parser="lalr", lexer="basic", transformer=Builder(), start="start", maybe_placeholders=False)


class _Run:
    """One parse: feeds the tokens, collects problems, and finds where to go on after each."""

    def __init__(self, layout: Layout, lexical: Sequence[SpannedProblem]) -> None:
        self.layout = layout
        self.lexical = sorted(problem.span.start for problem in lexical)
        self.problems: list[SpannedProblem] = []
        self.parser: InteractiveParser = _grammar().parse_interactive("")
        self.floor = 0
        """Height of the parser's stack right after the `{` of the body at hand."""

    def parse(self) -> tuple[ast.Statement, ...]:
        tokens = self.layout.tokens
        result: Any = ()
        at = 0
        while at < len(tokens) and len(self.problems) <= _MAX_PROBLEMS:
            try:
                result = self._feed(at)
                at += 1
            except UnexpectedInput:
                self._report(complain(self.layout, at, self._accepted()), at)
                at = self._resume(at)
            except Reject as reject:
                self.problems.append(reject.problem)
                at = self._resume(at)
        return tuple(result) if not self.problems else ()

    def _feed(self, at: int) -> Any:
        result = self.parser.feed_token(self.layout.tokens[at])  # type: ignore[arg-type]
        if self.layout.bodies[at] == at:
            self.floor = len(self._values)
        return result

    def accepted_at(self, end: int) -> frozenset[str]:
        """The terminals that fit in the place of token `end`, which is not of the grammar."""
        at = 0
        try:
            while at < end:
                try:
                    self._feed(at)
                    at += 1
                except (UnexpectedInput, Reject):
                    at = self._resume(at)
            return frozenset(self._accepted()) if at == end else frozenset()
        except Reject:
            return frozenset()

    def _report(self, problem: SpannedProblem, at: int) -> None:
        """Notes the problem of token `at`, unless it merely follows from an unclosed bracket or a bad character."""
        start = self.layout.tokens[at].span.start
        before = self.layout.tokens[at - 1].span.start if at else 0
        follows = bisect_left(self.lexical, before) < bisect_right(self.lexical, start)
        if not follows and not any(broken.start <= start <= broken.end for broken in self.layout.broken):
            self.problems.append(problem)

    def _resume(self, at: int) -> int:
        """The index of the token to go on with; the parser's stack is cut down to where that token fits."""
        tokens, bodies = self.layout.tokens, self.layout.bodies
        body = bodies[at]
        if body < 0 or body == at:
            while tokens[at].type not in _STATEMENT_START:
                at += 1
            self._cut_to_statements(tokens[at].type)
            return at
        while not self._ends_capture(at):
            at += 1
        # What was read of the broken capture is dropped; the list of those before it, if any, is kept.
        some = len(self._values) > self.floor and isinstance(self._values[self.floor], list)
        self._cut(self.floor + some)
        return at if some or tokens[at].type == "RBRACE" else at + 1

    def _ends_capture(self, at: int) -> bool:
        """Whether token `at`, inside a body, ends a capture of it."""
        match self.layout.tokens[at].type:
            case "NL":
                return True
            case "COMMA":
                return self.layout.depths[at] == 1
            case kind:
                return kind == "RBRACE" and self.layout.depths[at] == 0

    def _accepted(self) -> set[str]:
        """The terminals that fit next."""
        accepted: set[str] = self.parser.accepts()  # type: ignore[no-untyped-call]
        return accepted

    @property
    def _values(self) -> list[Any]:
        values: list[Any] = self.parser.parser_state.value_stack
        return values

    def _cut(self, height: int) -> None:
        """Forgets what the parser has read beyond `height` symbols."""
        del self.parser.parser_state.state_stack[height + 1 :]
        del self.parser.parser_state.value_stack[height:]

    def _cut_to_statements(self, wanted: str) -> None:
        """Forgets the statement that was being read; complete ones before it stay."""
        while self._values and wanted not in self._accepted():
            self._cut(len(self._values) - 1)


_STATEMENT_START = frozenset({*STATEMENTS.values(), "$END"})
