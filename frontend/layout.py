"""Which words are keywords, which newlines end a capture, and which bracket closes which.

All of it follows from the tokens before, so the grammar itself needs no context:

- A word is a keyword only where a name can't stand. Statement words count outside of braces, `glob` after `func`,
  `type` after `redact`, `on` after the name of an event and what follows it there, and the words of clauses after
  something that ends an operand. So variables may be called `when`, `as` or `func`.
- A newline counts only directly inside the braces of `func`, `event`, `type` and `context`, and not after an operator,
  `.`, `,` or `as`.
- A bracket that is never closed is closed here, where that is noticed, and reported; the parser then goes on with
  balanced brackets and the rest of the text is still checked.
"""

from __future__ import annotations

from typing import NamedTuple

from sey.frontend.diagnostics.base import SpannedProblem
from sey.frontend.diagnostics.syntax import TooDeep, Unclosed, Unopened
from sey.frontend.source import Span
from sey.frontend.tokens import Token

MAX_DEPTH = 64
"""Levels of brackets, and of nodes in an expression."""

_WORDS = ("program", "func", "event", "global", "table", "column", "link", "import", "type", "context", "redact")
STATEMENTS = {word: word.upper() for word in _WORDS}
_WITH_BODY = ("func", "event", "type", "context")
"""Statements in whose braces newlines count."""
_CLAUSES = {
    "func": {"as": "AS", "in": "IN", "when": "WHEN"},
    "event": {"in": "IN", "when": "WHEN", "limit": "LIMIT", "for": "FOR", "sample": "SAMPLE", "stack": "STACK"},
}
"""The words of the clauses that the header of a statement can have."""
_AFTER = {
    ("FUNC", "glob"): "GLOB",
    ("MOMENT", "glob"): "GLOB",
    ("REDACT", "type"): "BY",
    ("REDACT", "tag"): "BY",
    ("ON", "entry"): "MOMENT",
    ("ON", "return"): "MOMENT",
    ("ON", "line"): "LINE",
}
"""Words that are keywords right after one token, by that."""
_CLOSING = {"LPAR": "RPAR", "LBRACK": "RBRACK", "LBRACE": "RBRACE"}
_ENDS_OPERAND = frozenset({"NAME", "INT", "FLOAT", "RUNE", "STRING", "DURATION", "SIZE", "RPAR", "RBRACK"})
_PREFIX = frozenset({"SIGN", "STAR", "NOT"})
_CONTINUES = frozenset({"OR", "AND", "COMPARE", "SIGN", "BAR", "STAR", "TIMES", "NOT", "EQUAL", "DOT", "COMMA", "AS"})
"""Tokens after which a capture goes on although the line ends."""


class Layout(NamedTuple):
    """Tokens for the parser, the `func` body each stands in, and what is wrong with the brackets.

    `bodies[i]` is the index of the `{` that opens the body around token i (-1 outside of bodies), `depths[i]` how many
    brackets are open after token i. `broken` are the ranges of brackets that are never closed: syntax errors in there
    follow from that.
    """

    tokens: list[Token]
    bodies: list[int]
    depths: list[int]
    broken: list[Span]
    problems: list[SpannedProblem]


class _Open(NamedTuple):
    token: Token
    at: int


class _Layout:
    def __init__(self, tokens: list[Token]) -> None:
        self.input = tokens
        self.out: list[Token] = []
        self.bodies: list[int] = []
        self.depths: list[int] = []
        self.open: list[_Open] = []
        self.body = -1
        self.statement = ""
        self.prefixes = 0
        self.broken: list[Span] = []
        self.problems: list[SpannedProblem] = []

    def run(self) -> Layout:
        line_start = True
        for i, token in enumerate(self.input):
            self.prefixes = self.prefixes + 1 if token.type in _PREFIX else 0
            if self.prefixes > MAX_DEPTH or len(self.open) > MAX_DEPTH:
                self.problems.append(TooDeep(span=token.span, limit=MAX_DEPTH))
                return self._result()
            match token.type:
                case "NL":
                    line_start = True
                    self._newline(token)
                    continue
                case "NAME":
                    self._word(token, self.input[i + 1], line_start)
                case "LPAR" | "LBRACK" | "LBRACE":
                    self._opening(token)
                case "RPAR" | "RBRACK" | "RBRACE":
                    self._closing(token)
                case "$END":
                    self._force_close(0, token)
                    self._emit(token)
                case _:
                    self._emit(token._replace(type="PER") if self._is_rate(token) else token)
            line_start = False
        return self._result()

    def _result(self) -> Layout:
        return Layout(self.out, self.bodies, self.depths, self.broken, self.problems)

    def _previous(self, back: int = 1) -> str:
        return self.out[-back].type if len(self.out) >= back else ""

    def _emit(self, token: Token) -> None:
        self.out.append(token)
        self.bodies.append(self.body)
        self.depths.append(len(self.open))

    def _newline(self, token: Token) -> None:
        in_body = self.body >= 0 and self.open[-1].at == self.body
        after = self._previous()
        if in_body and after not in _CONTINUES and after not in ("NL", "LBRACE"):
            self._emit(token)

    def _word(self, token: Token, following: Token, line_start: bool) -> None:
        if line_start and self.open and _begins_statement(token, following):
            self._force_close(0, token)
        self._emit(token._replace(type=self._keyword(token.text)))

    def _keyword(self, word: str) -> str:
        after = self._previous()
        if not self.open and word in STATEMENTS and (after in _ENDS_OPERAND or after in ("", "RBRACE")):
            self.statement = word
            return STATEMENTS[word]
        if (after, word) in _AFTER:
            return _AFTER[after, word]
        if word == "on" and self._previous(2) == "EVENT":
            return "ON"
        if after not in _ENDS_OPERAND:
            return "NAME"
        if word == "as" and (self.open or self.statement != "event"):
            return "AS"
        return "NAME" if self.open else _CLAUSES.get(self.statement, {}).get(word, "NAME")

    def _is_rate(self, token: Token) -> bool:
        """Whether a token is the `/` of `limit 100/s` or `sample 1/100`."""
        return token.text == "/" and self._previous() == "INT" and self._previous(2) in ("LIMIT", "SAMPLE")

    def _opening(self, token: Token) -> None:
        self.open.append(_Open(token, len(self.out)))
        if token.type == "LBRACE" and len(self.open) == 1 and self.statement in _WITH_BODY:
            self.body = len(self.out)
        self._emit(token)

    def _closing(self, token: Token) -> None:
        wanted = [i for i, o in enumerate(self.open) if _CLOSING[o.token.type] == token.type]
        # A round or square bracket can't close one outside of the braces it stands in.
        walls = [i for i, o in enumerate(self.open) if o.token.type == "LBRACE"]
        if not wanted or (token.type != "RBRACE" and walls and wanted[-1] < walls[-1]):
            self.problems.append(Unopened(span=token.span, bracket=token.text))
            self.broken.append(token.span)
            return
        self._force_close(wanted[-1] + 1, token)
        self._close(token)

    def _close(self, token: Token) -> None:
        opening = self.open.pop()
        if token.type == "RBRACE" and self._previous() == "NL":
            self.out.pop()
            self.bodies.pop()
            self.depths.pop()
        self._emit(token)
        if opening.at == self.body:
            self.body = -1

    def _force_close(self, keep: int, noticed: Token) -> None:
        """Closes all but the `keep` outermost brackets, reporting the outermost of those closed."""
        if len(self.open) <= keep:
            return
        first = self.open[keep].token
        end = Span(noticed.span.start, noticed.span.start)
        related = noticed.span if noticed.type != "$END" else None
        self.problems.append(Unclosed(span=first.span, bracket=first.text, noticed=related))
        inner = [o.token.span.start for o in self.open[keep:] if o.token.type != "LBRACE"]
        self.broken.append(Span(min(inner, default=noticed.span.start), noticed.span.end))
        while len(self.open) > keep:
            kind = _CLOSING[self.open[-1].token.type]
            self._close(Token(kind, "", end))


def _begins_statement(token: Token, following: Token) -> bool:
    """Whether a line inside of brackets begins like a statement, as no capture does."""
    if token.text == "func" and following.text == "glob":
        return True
    if token.text in ("func", "global", "import", "type", "redact"):
        return following.type == "STRING"
    return (
        token.text in ("table", "program", "column", "link", "event")
        and following.type == "NAME"
        and following.text != "as"
    )


def lay_out(tokens: list[Token]) -> Layout:
    """Tokens as the grammar wants them. `tokens` are the scanner's, `$END` last.

    Where brackets or prefix operators nest too deeply the rest is left out, `$END` too, and a problem says so.
    """
    return _Layout(tokens).run()


KEYWORDS = tuple(
    dict.fromkeys(
        (
            *STATEMENTS.items(),
            *(pair for clauses in _CLAUSES.values() for pair in clauses.items()),
            *((word, terminal) for (_, word), terminal in _AFTER.items()),
            ("on", "ON"),
        )
    )
)
"""All words that are keywords somewhere, each with its terminal."""
