"""What to say about a token that the grammar has no place for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sey.frontend.diagnostics.base import SpannedProblem, listing
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.diagnostics.syntax import NotCallable, OfEvents, Unexpected, UnknownStatement
from sey.frontend.layout import STATEMENTS, Layout
from sey.frontend.tokens import Token

_OF_EVENTS = frozenset({"limit", "for", "sample", "stack"})
"""Clauses that a block has no use for."""

_ELSEWHERE = {"exit": "return", "ret": "return", "enter": "entry", "call": "entry", "func": "entry"}
"""What other tracers call the moments."""

_OPERAND = frozenset({"NAME", "LPAR", "NOT"})
_GROUPS = (
    (frozenset({"OR", "AND", "COMPARE", "TIMES", "BAR"}), "an operator"),
    (frozenset({"INT", "SIZE"}), "a number or a size"),
)
_WORDS = {
    "NAME": "a name",
    "STRING": "a string",
    "GLOB": "`glob`",
    "BY": "`type` or `tag`",
    "INT": "a number",
    "AS": "`as`",
    "IN": "`in`",
    "WHEN": "`when`",
    "ON": "`on`",
    "MOMENT": "`entry`, `return`",
    "LINE": "`line`",
    "LIMIT": "`limit`",
    "FOR": "`for`",
    "SAMPLE": "`sample`",
    "STACK": "`stack`",
    "DURATION": "a duration",
    "PER": "`/`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACK": "`[`",
    "RBRACK": "`]`",
    "DOT": "`.`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "NL": "a new line",
    "$END": "the end",
}
_KEYWORDS = frozenset(STATEMENTS.values())
_LITERALS = frozenset({"INT", "FLOAT", "RUNE", "STRING", "DURATION", "SIZE"})


def complain(layout: Layout, at: int, accepted: Collection[str]) -> SpannedProblem:
    """The problem of token `at`, where the parser would take one of the terminals `accepted`."""
    token = layout.tokens[at]
    before = layout.tokens[at - 1] if at else None
    at_top = bool(accepted) and set(accepted) >= _KEYWORDS and (before is None or before.type != "WHEN")
    special = _known_mistake(token, before, at_top)
    if special is not None:
        return special
    if at_top and token.type == "NAME" and (before is None or before.type in ("RBRACE", "STRING")):
        known = tuple(STATEMENTS)
        return UnknownStatement(span=token.span, word=token.text, known=known, nearest=Names(known).nearest(token.text))
    at_event = "LIMIT" in accepted
    advice = _advice(token, before, layout.bodies[at] >= 0, at_event) or _quoted(layout.tokens[at:], before, accepted)
    return Unexpected(span=token.span, found=_found(token), expected=_expected(accepted), advice_text=advice)


def _known_mistake(token: Token, before: Token | None, at_top: bool) -> SpannedProblem | None:
    """Problems of what belongs elsewhere, or that Go has and a probe can't."""
    if before is None:
        return None
    if token.type == "NAME" and token.text in _OF_EVENTS and before.type in ("STRING", "NAME") and not at_top:
        return OfEvents(span=token.span, word=token.text)
    if token.type == "LPAR" and before.type in ("NAME", "RBRACK", "RPAR"):
        return NotCallable(span=before.span, function=before.text)
    return None


def _advice(token: Token, before: Token | None, in_body: bool, at_event: bool) -> str | None:
    after = before.type if before else ""
    if token.type == "EQUAL":
        return "to compare, write `==`"
    if in_body and token.type == "LBRACE" and after == "NL":
        return "limits stand on the line of their capture"
    if in_body and token.type == "DOT" and after == "NL":
        return "a newline ends a capture; leave the `.` at the end of the line before"
    if in_body and token.type in ("NAME", "STRING") and after == "NAME":
        return "a capture is named with `as`, and ends with a newline or a comma"
    if token.text == "on" and after == "EVENT":
        return "an event has a name, which is its table's: event NAME on …"
    if token.text == "as" and not in_body and after in ("STRING", "NAME") and at_event:
        return "an event is named before its `on`"
    return None


def _quoted(tokens: Sequence[Token], before: Token | None, accepted: Collection[str]) -> str | None:
    """What a name of Go's that stands bare should have been: quoted, and an event's behind its moment."""
    first, after = tokens[0], before.type if before else ""
    if after == "ON" and "MOMENT" in accepted and first.type in ("NAME", "STRING"):
        if other := _ELSEWHERE.get(first.text):
            return f"that is `{other}` here"
        on = before.text + " " if before is not None and before.span.start < before.span.end else ""
        return f"say when it happens: {on}entry " + (first.text if first.type == "STRING" else f'"{_run_of(tokens)}"')
    if first.type != "NAME" or before is None:
        return None
    match after:
        case "FUNC":
            return f'the name of a function stands in quotes: func "{_run_of(tokens)}"'
        case "MOMENT":
            return f'the name of a function stands in quotes: {before.text} "{_run_of(tokens)}"'
        case "GLOBAL":
            return f'the name of a variable stands in quotes: global "{_run_of(tokens)}"'
    return None


def _run_of(tokens: Sequence[Token]) -> str:
    """What is written from the first token on without a space: `github.com/a/b.(*T).f` is many tokens."""
    text = ""
    for token, following in zip(tokens, (*tokens[1:], None), strict=True):
        text += token.text
        if following is None or following.type in ("NL", "$END", "LBRACE") or following.span.start != token.span.end:
            break
    return text


def _found(token: Token) -> str:
    if token.type == "NL":
        return "end of the line"
    if token.type == "$END":
        return "end of the spec"
    if token.type in _LITERALS:
        shown = token.text if len(token.text) <= 30 and "\n" not in token.text else token.text[:30].split("\n")[0] + "…"
        return shown if token.type == "STRING" else f"`{shown}`"
    return f"`{token.text}`"


def _expected(accepted: Collection[str]) -> str:
    left = set(accepted)
    words: list[str] = []
    if left >= _KEYWORDS:
        left -= _KEYWORDS
        words.append("a statement")
    if left >= _OPERAND:
        left -= _OPERAND | _LITERALS | {"SIGN", "STAR"}
        words.append("an expression")
    for group, name in _GROUPS:
        if group <= left:
            left -= group | ({"SIGN", "STAR", "DOT", "LBRACK", "LPAR"} if name == "an operator" else frozenset())
            words.append(name)
    words += [text for kind, text in _WORDS.items() if kind in left]
    return listing(words) or "nothing more"
