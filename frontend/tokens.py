"""Text to tokens and comments. Words are not told apart yet and newlines are all still there: `layout` does that."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from sey.frontend import literals
from sey.frontend.ast import Comment, LiteralKind
from sey.frontend.diagnostics.base import SpannedProblem
from sey.frontend.diagnostics.syntax import BadCharacter, BadLiteral, Unterminated
from sey.frontend.literals import LiteralError
from sey.frontend.source import Span


class Token(NamedTuple):
    """A token: terminal of the grammar, text as written, its place, and the value of a literal."""

    type: str
    text: str
    span: Span
    value: int | Fraction | str = ""


class Scan(NamedTuple):
    """Everything the scanner found; `tokens` has `NL` for every newline and ends with `$END`."""

    tokens: list[Token]
    comments: list[Comment]
    problems: list[SpannedProblem]


OPERATORS = {
    "||": "OR",
    "&&": "AND",
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), "COMPARE"),
    "|": "BAR",
    **dict.fromkeys("+-^", "SIGN"),
    **dict.fromkeys("*&", "STAR"),
    **dict.fromkeys(("/", "%", "<<", ">>", "&^"), "TIMES"),
    "!": "NOT",
    "=": "EQUAL",
    ".": "DOT",
    ",": "COMMA",
    ":": "COLON",
    "(": "LPAR",
    ")": "RPAR",
    "[": "LBRACK",
    "]": "RBRACK",
    "{": "LBRACE",
    "}": "RBRACE",
}
"""Terminals by text. `SIGN` and `STAR` are both prefix and infix operators, `BAR` and `TIMES` infix only."""

_SYMBOLS = "|".join(re.escape(op) for op in sorted(OPERATORS, key=len, reverse=True))
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\r]+)
    | (?P<newline>\n)
    | (?P<comment>\#[^\n]*)
    | (?P<word>[^\W\d]\w*)
    | (?P<number>\.?[0-9](?:0?[eEpP][+-](?=[0-9])|[\w.])*)
    | (?P<triple>\"\"\")
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*"?)
    | (?P<raw>`[^`]*`?)
    | (?P<rune>'(?:[^'\\\n]|\\[^\n])*'?)
    | (?P<result>~\w+)
    | (?P<symbol>{_SYMBOLS})
    """,
    re.VERBOSE,
)
_MAX_PROBLEMS = 20


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.comments: list[Comment] = []
        self.problems: list[SpannedProblem] = []

    def run(self) -> Scan:
        handlers: dict[str, Callable[[str, Span], int | None]] = {
            "word": self._word,
            "symbol": self._symbol,
            "newline": self._newline,
            "comment": self._comment,
            "number": self._number,
            "triple": self._triple,
            "string": self._string,
            "raw": self._raw,
            "rune": self._rune,
            "result": self._result,
        }
        at, end = 0, len(self.text)
        while at < end and len(self.problems) < _MAX_PROBLEMS:
            found = _TOKEN.match(self.text, at)
            if found is None:
                at = self._bad_character(at)
                continue
            span = Span(at, found.end())
            handler = handlers.get(str(found.lastgroup))
            # A handler answers where to go on where that isn't the end of the match.
            at = (handler(found[0], span) if handler else None) or found.end()
        self._add("$END", "", Span(end, end))
        return Scan(self.tokens, self.comments, self.problems)

    def _add(self, kind: str, text: str, span: Span, value: int | Fraction | str = "") -> None:
        self.tokens.append(Token(kind, text, span, value))

    def _word(self, text: str, span: Span) -> None:
        self._add("NAME", text, span)

    def _symbol(self, text: str, span: Span) -> None:
        self._add(OPERATORS[text], text, span)

    def _newline(self, text: str, span: Span) -> None:
        self._add("NL", text, span)

    def _comment(self, text: str, span: Span) -> None:
        self.comments.append(Comment(text.rstrip(), span))

    def _number(self, text: str, span: Span) -> int | None:
        if re.fullmatch(r"0[xX][0-9a-fA-F_]*[eE][+-][0-9]\w*", text):
            # In Go, 0xe+1 is a sum: only p begins the exponent of a hexadecimal number.
            cut = max(text.rfind("+"), text.rfind("-"))
            text, span = text[:cut], Span(span.start, span.start + cut)
        try:
            kind, value = literals.number(text)
        except LiteralError as error:
            self._bad_literal(text, span, error)
            kind, value = LiteralKind.INT, 0
        self._add(kind.name, text, span, value)
        return span.end

    def _triple(self, _text: str, span: Span) -> int:
        close = self.text.find('"""', span.end)
        if close < 0:
            self.problems.append(Unterminated(span=span, what="string", quote='`"""`'))
            close = len(self.text)
        end = min(close + 3, len(self.text))
        self._add("STRING", self.text[span.start : end], Span(span.start, end), self.text[span.end : close])
        return end

    def _string(self, text: str, span: Span) -> None:
        if len(text) < 2 or not text.endswith('"') or not _TERMINATED_STRING.fullmatch(text):
            self.problems.append(Unterminated(span=span, what="string", quote='`"`'))
            self._add("STRING", text, span, text[1:])
            return
        try:
            value = literals.interpreted(text[1:-1])
        except LiteralError as error:
            self._bad_literal(text, span, error)
            value = text[1:-1]
        self._add("STRING", text, span, value)

    def _raw(self, text: str, span: Span) -> None:
        if len(text) < 2 or not text.endswith("`"):
            opening = Span(span.start, span.start + 1)
            self.problems.append(Unterminated(span=opening, what="raw string", quote="a backtick"))
        self._add("STRING", text, span, text.strip("`").replace("\r", ""))

    def _rune(self, text: str, span: Span) -> None:
        if len(text) < 2 or not _TERMINATED_RUNE.fullmatch(text):
            self.problems.append(Unterminated(span=span, what="rune", quote="`'`"))
            self._add("RUNE", text, span, 0)
            return
        try:
            value = literals.rune(text[1:-1])
        except LiteralError as error:
            self._bad_literal(text, span, error)
            value = 0
        self._add("RUNE", text, span, value)

    def _result(self, text: str, span: Span) -> None:
        if _RESULT.fullmatch(text) is None:
            self.problems.append(BadLiteral(span=span, text=text, reason="unnamed results are `~r0`, `~r1`, …"))
        self._add("NAME", text, span)

    def _bad_literal(self, text: str, span: Span, error: LiteralError) -> None:
        shown = text if len(text) <= 40 else text[:40] + "…"
        self.problems.append(BadLiteral(span=span, text=shown, reason=str(error)))

    def _bad_character(self, at: int) -> int:
        """Reports a run of characters that begin nothing, once, and answers where it ends."""
        end = at + 1
        while end < len(self.text) and end - at < 1000 and _TOKEN.match(self.text, end) is None:
            end += 1
        char = self.text[at]
        shown = f"`{char}`" if char.isprintable() else f"U+{ord(char):04X}"
        self.problems.append(BadCharacter(span=Span(at, end), shown=shown, advice_text=_CHARACTER_ADVICE.get(char)))
        return end


_RESULT = re.compile(r"~r\d+")
_TERMINATED_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_TERMINATED_RUNE = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_CHARACTER_ADVICE = {
    ";": "a newline or a comma ends a capture",
    "“": 'strings stand in straight quotes: `"`',
    "”": 'strings stand in straight quotes: `"`',
    "‘": "runes stand in straight quotes: `'`",
    "’": "runes stand in straight quotes: `'`",
    "~": "bitwise not is `^` in Go",
    "\ufeff": "a byte order mark can stand only at the very start",
}


def scan(text: str, base: int = 0) -> Scan:
    """Tokens of a file whose first character is at offset `base`; lexical problems are collected, and tokens go on
    after each.

    Bounded: after 20 problems the rest of the text isn't scanned (binary data has thousands).
    """
    found = _Scanner(text).run()
    if not base:
        return found
    return Scan(
        [token._replace(span=token.span.moved(base)) for token in found.tokens],
        [replace(comment, span=comment.span.moved(base)) for comment in found.comments],
        [replace(problem, span=problem.span.moved(base)) for problem in found.problems],
    )
