"""Syntax tree nodes from the parser's reductions: one method for each rule of `grammar.lark`.

Methods get what the rule matched, in order: tokens, and nodes of inner rules. A problem leaves as `Reject`; the
parser collects it and goes on after the statement or capture.
"""

# ruff: noqa: D102 - the methods are the grammar's rules, and grammar.lark says what each is

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lark import Transformer, v_args

from sey.frontend import ast
from sey.frontend.ast import LiteralKind
from sey.frontend.diagnostics.base import Reject
from sey.frontend.diagnostics.nearest import Names
from sey.frontend.diagnostics.syntax import (
    BadRate,
    BadRule,
    ClauseOutOfRange,
    LimitOutOfRange,
    LimitsOfType,
    NoHighBound,
    NotCallable,
    NotCarried,
    Repeated,
    TooDeep,
    UnknownLimit,
    UnknownRule,
)
from sey.frontend.layout import MAX_DEPTH
from sey.frontend.source import Span
from sey.frontend.tokens import Token

RULES = ("executable", "module", "command", "env", "pid")
LIMITS = {"max_string": (0, 64 << 10), "max_items": (0, 4096), "depth": (0, 16)}
"""Smallest and largest value of each limit: bytes, items, pointers followed."""
CLAUSES = {"limit": (1, 1_000_000), "sample": (1, 1_000_000_000), "stack": (1, 128)}
"""Smallest and largest number of each clause of an event that has one: rows, calls for one row, frames."""
_MS = 1_000_000
WINDOWS = {"ms": _MS, "s": 1000 * _MS, "m": 60_000 * _MS, "h": 3_600_000 * _MS}
"""Units of time that rows are limited by, in nanoseconds."""
DURATIONS = {"limit": (_MS, WINDOWS["h"]), "for": (_MS, 24 * WINDOWS["h"])}
"""Shortest and longest duration of each clause of an event that has one, in nanoseconds."""

_LINE = re.compile(r".*[^/]:[1-9][0-9]{0,8}", re.DOTALL)
_NO_LINE = "a line is named by its file, a colon and its number"

Node = TypeVar("Node", bound=ast.Expr)


@dataclass(frozen=True)
class _Clause:
    word: str
    value: ast.Ident | ast.Expr | ast.Rate
    span: Span


@dataclass(frozen=True)
class _Moment:
    word: str
    target: ast.Literal
    glob: bool


@dataclass(frozen=True)
class _Limits:
    items: tuple[ast.Limit, ...]
    span: Span


@v_args(inline=True)
class Builder(Transformer[Any, Any]):
    """Callbacks named after rules and their aliases."""

    def start(self, *statements: ast.Statement) -> tuple[ast.Statement, ...]:
        return statements

    # Statements

    def program(self, word: Token, name: Token, opening: Token, *rest: Token | ast.Rule) -> ast.Program:
        rules = tuple(r for r in rest if isinstance(r, ast.Rule))
        closing = rest[-1].span
        if not rules:
            what = f"program `{name.text}` has no rules, so it would match every process"
            help_ = 'say which it is: executable "*/server", module "github.com/acme/shop", …'
            raise Reject(BadRule(span=opening.span.to(closing), what=what, advice_text=help_))
        return ast.Program(_ident(name), rules, word.span.to(closing), opening.span.to(closing))

    def import_(self, word: Token, path: Token) -> ast.Import:
        return ast.Import(_literal(path), word.span.to(path.span))

    def rule(self, name: Token, value: Token) -> ast.Rule:
        if name.text not in RULES:
            nearest = Names(RULES).nearest(name.text)
            raise Reject(UnknownRule(span=name.span, word=name.text, known=RULES, nearest=nearest))
        if name.text == "pid" and not str(value.value).isdecimal():
            raise Reject(BadRule(span=value.span, what="a pid is a whole number", advice_text="pid 1234"))
        if name.text != "pid" and (value.type != "STRING" or not value.value):
            example = f'{name.text} "…"'
            raise Reject(BadRule(span=value.span, what=f"`{name.text}` takes a string", advice_text=example))
        return ast.Rule(_ident(name), _literal(value), name.span.to(value.span))

    def func(self, word: Token, function: Token, *rest: Any) -> ast.Func:
        glob = function.type == "GLOB"
        if glob:
            function, *rest = rest  # type: ignore[assignment]
        clauses = _clauses([r for r in rest if isinstance(r, _Clause)])
        opening, captures, closing = rest[-3:]
        return ast.Func(
            _literal(function),
            clauses.get("as"),
            clauses.get("in"),
            clauses.get("when"),
            captures,
            word.span.to(closing.span),
            opening.span.to(closing.span),
            glob,
        )

    def as_clause(self, word: Token, name: Token) -> _Clause:
        return _Clause("as", _ident(name), word.span.to(name.span))

    def in_clause(self, word: Token, name: Token) -> _Clause:
        return _Clause("in", _ident(name), word.span.to(name.span))

    def when_clause(self, word: Token, condition: ast.Expr) -> _Clause:
        return _Clause("when", condition, word.span.to(condition.span))

    def event(self, word: Token, name: Token, _on: Token, moment: _Moment, *rest: Any) -> ast.Event:
        clauses = _clauses([r for r in rest if isinstance(r, _Clause)])
        opening, captures, closing = rest[-3:]
        return ast.Event(
            _ident(name),
            moment.word,
            moment.target,
            clauses.get("in"),
            clauses.get("when"),
            clauses.get("limit"),
            clauses.get("for"),
            clauses.get("sample"),
            clauses.get("stack"),
            captures,
            word.span.to(closing.span),
            opening.span.to(closing.span),
            moment.glob,
        )

    def moment(self, word: Token, *rest: Token) -> _Moment:
        target = rest[-1]
        if word.type == "LINE" and _LINE.fullmatch(str(target.value)) is None:
            raise Reject(BadRule(span=target.span, what=_NO_LINE, advice_text='on line "server/auth.go:120"'))
        return _Moment(word.text, _literal(target), len(rest) > 1)

    def rate_clause(self, word: Token, count: Token, _per: Token, window: Token) -> _Clause:
        length = int(window.value) if window.type == "DURATION" else WINDOWS.get(window.text)
        if length is None:
            raise Reject(BadRate(span=window.span, unit=window.text, known=tuple(WINDOWS)))
        _check_duration(word.text, window, length)
        span = count.span.to(window.span)
        return _Clause("limit", ast.Rate(_number(word.text, count), window.text, length, span), word.span.to(span))

    def for_clause(self, word: Token, period: Token) -> _Clause:
        _check_duration(word.text, period, int(period.value))
        return _Clause("for", _literal(period), word.span.to(period.span))

    def sample_clause(self, word: Token, kept: Token, _per: Token, of: Token) -> _Clause:
        if kept.value != 1:
            raise Reject(BadRule(span=kept.span, what="`sample` keeps one of so many", advice_text="sample 1/100"))
        return _Clause("sample", _number(word.text, of), word.span.to(of.span))

    def stack_clause(self, word: Token, frames: Token) -> _Clause:
        return _Clause("stack", _number(word.text, frames), word.span.to(frames.span))

    def body(self, captures: Sequence[Any] = (), _comma: Token | None = None) -> tuple[Any, ...]:
        return tuple(captures)

    def captures(self, first: Any, _separator: Token | None = None, last: Any = None) -> list[ast.Capture]:
        if last is None:
            return [first]
        # A list that grows: copying at each step would make large bodies quadratic.
        first.append(last)
        return first  # type: ignore[no-any-return]

    def capture(self, expr: ast.Expr, *rest: ast.Ident | _Limits) -> ast.Capture:
        name, limits, span = _suffix(expr.span, rest)
        return ast.Capture(expr, name, limits, span)

    def as_name(self, _word: Token, name: Token) -> ast.Ident:
        return _ident(name)

    def limits(self, opening: Token, *rest: Token | ast.Limit) -> _Limits:
        items = tuple(item for item in rest if isinstance(item, ast.Limit))
        first: dict[str, ast.Limit] = {}
        for item in items:
            if item.name.name in first:
                earlier = first[item.name.name].span
                raise Reject(Repeated(span=item.span, word=item.name.name, first=earlier))
            first[item.name.name] = item
        return _Limits(items, opening.span.to(rest[-1].span))

    def limit(self, name: Token, value: Token) -> ast.Limit:
        if name.text not in LIMITS:
            known = tuple(LIMITS)
            nearest = Names(known).nearest(name.text)
            raise Reject(UnknownLimit(span=name.span, word=name.text, known=known, nearest=nearest))
        low, high = LIMITS[name.text]
        if not low <= int(value.value) <= high:
            number = int(value.value)
            raise Reject(LimitOutOfRange(span=value.span, word=name.text, low=low, high=high, value=number))
        return ast.Limit(_ident(name), _literal(value), name.span.to(value.span))

    def global_(self, word: Token, expr: ast.Expr, *rest: ast.Ident | _Limits) -> ast.Global:
        name, limits, span = _suffix(word.span.to(expr.span), rest)
        return ast.Global(expr, name, limits, span)

    def type_statement(
        self, word: Token, type_: ast.TypeName, opening: Token, parts: tuple[ast.Part, ...], closing: Token
    ) -> ast.Type:
        return ast.Type(type_, parts, word.span.to(closing.span), opening.span.to(closing.span))

    def context(self, word: Token, opening: Token, captures: tuple[ast.Capture, ...], closing: Token) -> ast.Context:
        return ast.Context(captures, word.span.to(closing.span), opening.span.to(closing.span))

    def carried(self, function: Token, _opening: Token, type_: ast.TypeName, *rest: Token | ast.Expr) -> ast.Carried:
        constant = next((part for part in rest if not isinstance(part, Token)), None)
        if function.text not in ("value", "key") or (function.text == "value" and constant is not None):
            raise Reject(NotCarried(span=function.span, word=function.text))
        closing = rest[-1].span
        height = 1 if constant is None else _above(constant)
        return _bounded(ast.Carried(_ident(function), type_, constant, None, function.span.to(closing), height))

    def carried_by_variable(
        self, function: Token, _opening: Token, word: Token, variable: Token, closing: Token
    ) -> ast.Carried:
        if function.text != "key" or word.text != "global":
            raise Reject(NotCarried(span=function.span, word=function.text))
        return ast.Carried(_ident(function), None, None, _literal(variable), function.span.to(closing.span))

    def part(self, *pieces: Token | _Limits) -> ast.Part:
        limits = pieces[-1]
        if isinstance(limits, _Limits):
            raise Reject(LimitsOfType(span=limits.span))
        names = tuple(_ident(piece) for piece in pieces if isinstance(piece, Token) and piece.type == "NAME")
        return ast.Part(names, names[0].span.to(names[-1].span))

    def table(self, word: Token, name: Token, _equal: Token, sql: Token) -> ast.Table:
        return ast.Table(_ident(name), _literal(sql), word.span.to(sql.span))

    def column(
        self, word: Token, table: Token, _dot: Token, name: Token, type_: str, _equal: Token, sql: Token
    ) -> ast.Column:
        return ast.Column(_ident(table), _ident(name), type_, _literal(sql), word.span.to(sql.span))

    def link(
        self, word: Token, name: Token, _colon: Token, source: ast.LinkSide, _equal: Token, *rest: ast.LinkSide | Token
    ) -> ast.Link:
        target, title = rest[0], rest[1:]
        assert isinstance(target, ast.LinkSide)
        literal = _literal(title[0]) if title and isinstance(title[0], Token) else None
        return ast.Link(_ident(name), source, target, literal, word.span.to(literal.span if literal else target.span))

    def link_side(self, table: Token, *rest: Token) -> ast.LinkSide:
        names = tuple(_ident(token) for token in rest if token.type == "NAME")
        return ast.LinkSide(_ident(table), names, table.span.to(rest[-1].span))

    def redact(self, word: Token, *rest: Token) -> ast.Redact:
        by = rest[0].text if rest[0].type == "BY" else None
        patterns = tuple(_literal(token) for token in rest if token.type == "STRING")
        return ast.Redact(by, patterns, word.span.to(rest[-1].span))

    def sql_type(self, *parts: Token | str) -> str:
        words = " ".join(p.text for p in parts if isinstance(p, Token))
        return words + "".join(p for p in parts if isinstance(p, str))

    def sql_sizes(self, *tokens: Token) -> str:
        return f"({', '.join(t.text for t in tokens if t.type == 'INT')})"

    def sql_array(self, *tokens: Token) -> str:
        return "".join(t.text for t in tokens)

    # Expressions

    def binary(self, left: ast.Expr, operator: Token, right: ast.Expr) -> ast.Expr:
        span = left.span.to(right.span)
        return _bounded(ast.Binary(operator.text, left, right, span, _above(left, right)))

    def unary_operator(self, operator: Token, operand: ast.Expr) -> ast.Expr:
        return _bounded(ast.Unary(operator.text, operand, operator.span.to(operand.span), _above(operand)))

    def select(self, base: ast.Expr, _dot: Token, field: Token) -> ast.Expr:
        return _bounded(ast.Select(base, _ident(field), base.span.to(field.span), _above(base)))

    def index(self, base: ast.Expr, _opening: Token, index: ast.Expr, closing: Token) -> ast.Expr:
        return _bounded(ast.Index(base, index, base.span.to(closing.span), _above(base, index)))

    def bounds(self, *parts: Token | ast.Expr) -> ast.Bounds:
        given: list[ast.Expr | None] = [None]
        for part in parts:
            if isinstance(part, Token):
                given.append(None)
            else:
                given[-1] = part
        low, high, most, *_ = *given, None
        if len(given) > 2 and high is None:
            raise Reject(NoHighBound(span=parts[-1].span))
        return ast.Bounds(low, high, most, parts[0].span.to(parts[-1].span))

    def slice(self, base: ast.Expr, _opening: Token, bounds: ast.Bounds, closing: Token) -> ast.Expr:
        return _bounded(ast.Slice(base, bounds, base.span.to(closing.span), _above(base, *bounds.given)))

    def assertion(self, base: ast.Expr, _dot: Token, _opening: Token, type_: ast.TypeName, closing: Token) -> ast.Expr:
        return _bounded(ast.Assertion(base, type_, base.span.to(closing.span), _above(base)))

    def type(self, *tokens: Token) -> ast.TypeName:
        first, last = tokens[0], tokens[-1]
        for token in tokens:
            if token.text == "&":
                raise Reject(BadRule(span=token.span, what="a type has no `&`", advice_text="a pointer to T is `*T`"))
        quoted = _literal(first) if first.type == "STRING" else None
        text = str(quoted.value) if quoted else "".join(token.text for token in tokens)
        return ast.TypeName(text, quoted, first.span.to(last.span))

    def call(self, function: Token, _opening: Token, argument: ast.Expr, closing: Token) -> ast.Expr:
        if function.text not in ("len", "cap"):
            raise Reject(NotCallable(span=function.span, function=function.text))
        return _bounded(ast.Call(_ident(function), argument, function.span.to(closing.span), _above(argument)))

    def paren(self, opening: Token, inner: ast.Expr, closing: Token) -> ast.Expr:
        return _bounded(ast.Paren(inner, opening.span.to(closing.span), _above(inner)))

    def name(self, word: Token) -> ast.Expr:
        return ast.Name(word.text, word.span)

    def literal(self, token: Token) -> ast.Expr:
        return _literal(token)

    def package_variable(self, name: Token) -> ast.Expr:
        return ast.PackageVariable(_literal(name), name.span)


# Keywords of Python: these rules' methods have to be attached under their names.
setattr(Builder, "global", Builder.global_)
setattr(Builder, "import", Builder.import_)


def _ident(token: Token) -> ast.Ident:
    return ast.Ident(token.text, token.span)


def _literal(token: Token) -> ast.Literal:
    return ast.Literal(LiteralKind[token.type], token.value, token.text, token.span)


def _number(word: str, token: Token) -> ast.Literal:
    """The number of a clause. Raises Reject where it is out of range."""
    low, high = CLAUSES[word]
    if not low <= int(token.value) <= high:
        raise Reject(LimitOutOfRange(span=token.span, word=word, low=low, high=high, value=int(token.value)))
    return _literal(token)


def _check_duration(word: str, token: Token, length: int) -> None:
    low, high = DURATIONS[word]
    if not low <= length <= high:
        shown = f"{low // WINDOWS['ms']}ms", f"{high // WINDOWS['h']}h"
        raise Reject(ClauseOutOfRange(span=token.span, word=word, low=shown[0], high=shown[1], value=token.text))


def _above(*children: ast.Expr) -> int:
    return 1 + max(child.height for child in children)


def _bounded(node: Node) -> Node:
    if node.height > MAX_DEPTH:
        raise Reject(TooDeep(span=node.span, limit=MAX_DEPTH))
    return node


def _clauses(given: Sequence[_Clause]) -> dict[str, Any]:
    found: dict[str, _Clause] = {}
    for clause in given:
        if clause.word in found:
            raise Reject(Repeated(span=clause.span, word=clause.word, first=found[clause.word].span))
        found[clause.word] = clause
    return {word: clause.value for word, clause in found.items()}


def _suffix(span: Span, rest: Sequence[ast.Ident | _Limits]) -> tuple[ast.Ident | None, tuple[ast.Limit, ...], Span]:
    """The optional `as name` and limits of a capture that so far covers `span`."""
    name: ast.Ident | None = None
    limits: tuple[ast.Limit, ...] = ()
    for part in rest:
        span = span.to(part.span)
        match part:
            case ast.Ident():
                name = part
            case _Limits(items):
                limits = items
    return name, limits, span
