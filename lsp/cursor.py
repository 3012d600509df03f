"""What stands before a place in a text that may be half typed: the tokens, the brackets around, the statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from sey.frontend.bound import Moment
from sey.frontend.layout import STATEMENTS, Layout, lay_out
from sey.frontend.parser import accepted_at
from sey.frontend.source import Span
from sey.frontend.tokens import Scan, Token, scan

_STATEMENTS = frozenset(STATEMENTS.values())
_OPENING = {"RPAR": "LPAR", "RBRACK": "LBRACK", "RBRACE": "LBRACE"}
_HERE = "HERE"
_NEVER_ENDS = re.compile(r'"""(?:(?!""").)*|`[^`]*|"(?:[^"\\\n]|\\[^\n])*\\?', re.DOTALL)


@dataclass(frozen=True)
class Cursor:
    """A place in a text. `start` is where the word or string (behind its quote) begins that is being typed there.

    `at` is the index in the tokens of `layout` of the place itself; `string`: the place is inside a string.
    """

    text: str
    start: int
    layout: Layout
    at: int
    string: bool

    @cached_property
    def before(self) -> list[Token]:
        """The tokens before the place, without the one that is being typed."""
        return self.layout.tokens[: self.at]

    def last(self, back: int = 1) -> str:
        """The terminal that many tokens before the place; empty where there is none."""
        return self.layout.tokens[self.at - back].type if self.at >= back else ""

    @cached_property
    def statement_at(self) -> int:
        """The index of the keyword of the statement around the place, -1 outside of any."""
        return next((i for i in range(self.at - 1, -1, -1) if self.before[i].type in _STATEMENTS), -1)

    @property
    def statement(self) -> str:
        """The terminal of the statement around the place; empty outside of any."""
        return self.before[self.statement_at].type if self.statement_at >= 0 else ""

    @cached_property
    def accepted(self) -> frozenset[str]:
        """The terminals that fit here; none where what stands before is wrong."""
        return accepted_at(self.layout, self.at)

    @cached_property
    def around(self) -> tuple[int, ...]:
        """The indices of the brackets that are open at the place, the outermost first."""
        found: list[int] = []
        for i in range(max(self.statement_at, 0), self.at):
            kind = self.before[i].type
            if kind in _OPENING.values():
                found.append(i)
            elif kind in _OPENING and found:
                found.pop()
        return tuple(found)

    @property
    def bracket(self) -> str:
        """The terminal of the innermost open bracket; empty outside of all."""
        return self.before[self.around[-1]].type if self.around else ""

    @cached_property
    def type_at(self) -> int:
        """The offset at which the type begins that the place is in, -1 where no type can stand."""
        if self.statement == "TYPE" and not self.around:
            return self.before[self.statement_at].span.end
        if self.bracket != "LPAR":
            return -1
        at = self.around[-1]
        of_context = self.statement == "CONTEXT" and all(t.type != "COMMA" for t in self.before[at:])
        return self.before[at].span.end if of_context or self.before[at - 1].type == "DOT" else -1

    @property
    def function(self) -> tuple[str, bool, Moment | None] | None:
        """The function that the `func` or `event` around is about, whether it is a pattern, and the moment."""
        if self.statement not in ("FUNC", "EVENT"):
            return None
        head = self.before[self.statement_at + 1 : self.statement_at + 6]
        moment = next((Moment(token.text) for token in head[2:3] if token.type in ("MOMENT", "LINE")), None)
        if self.statement == "EVENT" and moment is None:
            return None
        named = head if moment is None else head[3:]
        is_glob = bool(named) and named[0].type == "GLOB"
        name = next(iter(named[is_glob:]), None)
        return (str(name.value), is_glob, moment) if name is not None and name.type == "STRING" else None

    def chain(self, end: int) -> str:
        """The text of the operand (`a.b[0].c`) that ends before token `end`; empty where none does."""
        at = end - 1
        while at >= 0:
            kind = self.before[at].type
            if kind in ("RBRACK", "RPAR"):
                at = self._opening(at)
                if at <= 0 or (kind == "RPAR" and self.before[at - 1].type not in ("DOT", "NAME")):
                    break
                at -= 1
                if self.before[at].type == "DOT":
                    at -= 1
                elif kind == "RPAR":
                    break
            elif kind == "NAME" and at and self.before[at - 1].type == "DOT":
                at -= 2
            elif kind in ("NAME", "STRING"):
                break
            else:
                return ""
        if at < 0 or end < 1:
            return ""
        return self.text[self.before[at].span.start : self.before[end - 1].span.end]

    def _opening(self, closing: int) -> int:
        """The index of the bracket that token `closing` closes, -1 where there is none."""
        depth = 0
        for at in range(closing, -1, -1):
            kind = self.before[at].type
            depth += (kind in _OPENING) - (kind in _OPENING.values())
            if depth == 0:
                return at
        return -1


def cursor_at(text: str, offset: int) -> Cursor | None:
    """The place at an offset of a text; None inside a comment."""
    return _cursor(text, offset, scan(text[:offset]))


def _cursor(text: str, offset: int, found: Scan) -> Cursor | None:
    if found.comments and found.comments[-1].span.end == offset and "\n" not in text[offset - 1 : offset]:
        return None
    tokens = found.tokens[:-1]
    last = tokens[-1] if tokens and tokens[-1].span.end == offset else None
    start, string = offset, False
    if last is not None and last.type == "STRING" and _NEVER_ENDS.fullmatch(last.text):
        quotes = 3 if last.text.startswith('"""') else 1
        start, string = last.span.start + quotes, True
        tokens.pop()
    elif last is not None and last.type == "NAME":
        start = last.span.start
        tokens.pop()
    here = Token(_HERE, "", Span(start, start))
    layout = lay_out([*tokens, here, Token("$END", "", Span(offset, offset))])
    at = next((i for i, token in enumerate(layout.tokens) if token.type == _HERE), -1)
    return Cursor(text, start, layout, at, string) if at >= 0 else None


def token_at(text: str, offset: int) -> tuple[Token, Cursor] | None:
    """The name or string that an offset is in, or right behind, and the place where it begins."""
    touching = [t for t in scan(text).tokens if t.type in ("NAME", "STRING") and t.span.start <= offset <= t.span.end]
    if not touching:
        return None
    token = touching[-1]
    cursor = cursor_at(text, token.span.start)
    return None if cursor is None else (token, cursor)
