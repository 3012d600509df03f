"""`sey fmt`: a spec in the one canonical style, with its comments.

The style, in short (`spec/language.md` has it in full): two spaces of indent; a capture or rule on each line unless
the whole body was written on one; `as` aligned within a run of lines; at most one blank line in a row; header clauses
in the order `as`, `in`, `when`, `limit`, `for`, `sample`, `stack`. Literals and parentheses stay as written. A comment
stays before, after, or at the end of the line of what it was written at; one from the middle of something moves before
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sey.frontend import ast
from sey.frontend.parser import parse
from sey.frontend.printer import expression, type_name
from sey.frontend.source import Source, Span

WIDTH = 100
"""Columns that a line is kept within, where a break is possible."""
_INDENT = "  "
_ALIGN_UP_TO = 48
"""A longer expression doesn't push the `as` of its neighbours to the right."""


class _Spanned(Protocol):
    @property
    def span(self) -> Span:
        """Where it is written."""


Item = TypeVar("Item", bound=_Spanned)


def format_spec(source: Source) -> str:
    """The spec in canonical style, newline at the end; the empty string for an empty one. Raises SpecError."""
    spec = parse(source)
    layout = _Comments(spec)
    entries = layout.entries(spec.statements, Span(0, len(source.text)), _header_end)
    lines = _join(entries, lambda statement: _statement(statement, layout))
    return "".join(line + "\n" for line in lines)


@dataclass
class _Entry(Generic[Item]):
    """An item with the comments around it. `blank` and `comments[i][1]`: a blank line stands before."""

    item: Item | None
    blank: bool
    comments: list[tuple[str, bool]] = field(default_factory=list)
    trailing: str = ""

    def hoist(self, comments: Sequence[str]) -> None:
        """Puts comments from inside the item right before it."""
        for text in comments:
            self.comments.append((text, self.blank))
            self.blank = False


class _Comments:
    """Hands out the comments of a spec to the items they were written at."""

    def __init__(self, spec: ast.Spec) -> None:
        self.source = spec.source
        self._comments = spec.comments

    def line(self, offset: int) -> int:
        """The number of the line of an offset."""
        return self.source.position(offset)[0]

    def within(self, start: int, end: int) -> list[ast.Comment]:
        """The comments that begin in a range."""
        return [c for c in self._comments if start <= c.span.start < end]

    def entries(self, items: Sequence[Item], region: Span, end_of_head: Callable[[Item], int]) -> list[_Entry[Item]]:
        """The items of a region with their comments; a last entry without item holds comments after the last one.

        Comments inside an item up to `end_of_head` move before it; later ones are the item's own to print.
        """
        found: list[_Entry[Item]] = []
        at = region.start
        for i, item in enumerate(items):
            following = items[i + 1].span.start if i + 1 < len(items) else region.end
            entry = self._entry(item, at, self.within(at, item.span.start), first=i == 0)
            entry.hoist([c.text for c in self.within(item.span.start, end_of_head(item))])
            at = item.span.end
            trailing = self.within(at, following)
            if trailing and self.line(trailing[0].span.start) == self.line(at):
                entry.trailing = trailing[0].text
                at = trailing[0].span.end
            found.append(entry)
        rest = self.within(at, region.end)
        if rest:
            found.append(self._entry(None, at, rest, first=not items))
        return found

    def _entry(self, item: Item | None, at: int, before: list[ast.Comment], *, first: bool) -> _Entry[Item]:
        comments: list[tuple[str, bool]] = []
        for comment in before:
            comments.append((comment.text, self._blank_between(at, comment.span.start, first)))
            at, first = comment.span.end, False
        return _Entry(item, item is not None and self._blank_between(at, item.span.start, first), comments)

    def _blank_between(self, at: int, start: int, first: bool) -> bool:
        return not first and self.line(start) - self.line(at) > 1


def _header_end(statement: ast.Statement) -> int:
    if isinstance(statement, ast.Func | ast.Event | ast.Program | ast.Type | ast.Context):
        return statement.body.start
    return statement.span.end


def _join(entries: Sequence[_Entry[Item]], lines_of: Callable[[Item], list[str]]) -> list[str]:
    """Lines of entries one below the other, with comments and blank lines."""
    lines: list[str] = []
    for entry in entries:
        for text, blank in entry.comments:
            lines += ["", text] if blank else [text]
        if entry.item is None:
            continue
        own = lines_of(entry.item)
        if entry.trailing:
            own[-1] += "  " + entry.trailing
        lines += ["", *own] if entry.blank else own
    return lines


def _statement(statement: ast.Statement, comments: _Comments) -> list[str]:
    match statement:
        case ast.Program():
            return _block([f"program {statement.name.name}"], statement, statement.rules, comments, _rule)
        case ast.Func():
            return _block(
                _header(_func_head(statement), statement.when, ""), statement, statement.captures, comments, _capture
            )
        case ast.Event():
            header = _header(_event_head(statement), statement.when, _bounds(statement))
            return _block(header, statement, statement.captures, comments, _capture)
        case ast.Context():
            return _block(["context"], statement, statement.captures, comments, _capture)
        case ast.Type():
            return _block([f"type {type_name(statement.type)}"], statement, statement.parts, comments, _part)
        case ast.Global():
            return ["global " + _plain(_cells(statement.expr, statement.name, statement.limits))]
        case ast.Table(name, sql):
            return [f"table {name.name} = {sql.text}"]
        case ast.Import(path):
            return [f"import {path.text}"]
        case ast.Column():
            head = f"column {statement.table.name}.{statement.name.name} {statement.type}"
            return [f"{head} = {statement.sql.text}"]
        case ast.Link(name, source, target, title):
            end = f" {title.text}" if title is not None else ""
            return [f"link {name.name}: {_side(source)} = {_side(target)}{end}"]
        case ast.Redact(by, patterns):
            head = f"redact {by} " if by else "redact "
            return [head + ", ".join(pattern.text for pattern in patterns)]


def _side(side: ast.LinkSide) -> str:
    return f"{side.table.name}({', '.join(column.name for column in side.columns)})"


def _func_head(func: ast.Func) -> str:
    head = f"func {'glob ' if func.glob else ''}{func.function.text}"
    if func.name is not None:
        head += f" as {func.name.name}"
    return head + _program(func.program)


def _event_head(event: ast.Event) -> str:
    head = f"event {event.name.name} on {event.moment} {'glob ' if event.glob else ''}{event.target.text}"
    return head + _program(event.program)


def _program(program: ast.Ident | None) -> str:
    return f" in {program.name}" if program is not None else ""


def _bounds(event: ast.Event) -> str:
    """The clauses of an event that bound it."""
    texts = [
        f"limit {event.limit.count.text}/{event.limit.window}" if event.limit else "",
        f"for {event.period.text}" if event.period else "",
        f"sample 1/{event.sample.text}" if event.sample else "",
        f"stack {event.stack.text}" if event.stack else "",
    ]
    return " ".join(text for text in texts if text)


def _header(head: str, when: ast.Expr | None, bounds: str) -> list[str]:
    """A header without its `{`. Where it is long, its condition, broken after `&&` and `||`, and its bounds get lines
    of their own."""
    condition = "" if when is None else f"when {expression(when)}"
    whole = " ".join(part for part in (head, condition, bounds) if part)
    if len(whole) + 2 <= WIDTH or whole == head:
        return [whole]
    lines = [head]
    if when is not None:
        first, *others = _alternatives(when)
        lines += [f"    when {first}", *(f"         {part}" for part in others)]
    return [*lines, f"    {bounds}"] if bounds else lines


def _alternatives(condition: ast.Expr) -> list[str]:
    """A condition cut after each of its outermost `&&` and `||`."""
    if not isinstance(condition, ast.Binary) or condition.operator not in ("&&", "||"):
        return [expression(condition)]
    left = _alternatives(condition.left)
    left[-1] += f" {condition.operator}"
    return left + _alternatives(condition.right)


Cells = tuple[str, str, str]
"""A line of a body in columns: what is captured, its `as`, its limits."""


def _capture(capture: ast.Capture) -> Cells:
    return _cells(capture.expr, capture.name, capture.limits)


def _part(part: ast.Part) -> Cells:
    return ".".join(field.name for field in part.fields), "", ""


def _rule(rule: ast.Rule) -> Cells:
    return rule.kind.name, rule.value.text, ""


def _cells(expr: ast.Expr, name: ast.Ident | None, limits: Sequence[ast.Limit]) -> Cells:
    inside = ", ".join(f"{limit.name.name} {limit.value.text}" for limit in limits)
    return expression(expr), f"as {name.name}" if name else "", f"{{ {inside} }}" if limits else ""


def _plain(cells: Cells) -> str:
    return " ".join(cell for cell in cells if cell)


def _block(
    header: list[str],
    statement: ast.Func | ast.Event | ast.Program | ast.Type | ast.Context,
    items: Sequence[Item],
    comments: _Comments,
    cells_of: Callable[[Item], Cells],
) -> list[str]:
    """A header with its body in braces: on one line where it was and fits, else one item a line."""
    opening, end = statement.body.start + 1, statement.body.end - 1
    inner = comments.within(opening, end)
    one_line = comments.line(opening) == comments.line(end) and not inner
    if not items and not inner:
        one_line = True
    if one_line:
        body = ", ".join(_plain(cells_of(item)) for item in items)
        line = f"{header[-1]} {{ {body} }}" if items else f"{header[-1]} {{ }}"
        if len(line) <= WIDTH or not items:
            return [*header[:-1], line]
    after_brace = ""
    if inner and comments.line(inner[0].span.start) == comments.line(opening) and _is_first(inner[0], items):
        after_brace, opening = "  " + inner[0].text, inner[0].span.end
    entries = comments.entries(items, Span(opening, end), lambda item: item.span.end)
    return [*header[:-1], header[-1] + " {" + after_brace, *_body(entries, cells_of), "}"]


def _is_first(comment: ast.Comment, items: Sequence[_Spanned]) -> bool:
    return not items or comment.span.start < items[0].span.start


def _body(entries: Sequence[_Entry[Item]], cells_of: Callable[[Item], Cells]) -> list[str]:
    """The indented lines of a body. Blank lines and comments between lines separate what is aligned."""
    rows = [cells_of(entry.item) if entry.item is not None else ("", "", "") for entry in entries]
    texts: dict[int, str] = {}
    start = 0
    for i in range(len(entries) + 1):
        if i == len(entries) or (i > start and (entries[i].blank or entries[i].comments)):
            texts.update(_aligned(start, rows[start:i], [entry.trailing for entry in entries[start:i]]))
            start = i
    lines: list[str] = []
    for i, entry in enumerate(entries):
        for text, blank in entry.comments:
            lines += ["", _INDENT + text] if blank else [_INDENT + text]
        if entry.item is not None:
            lines += ["", _INDENT + texts[i]] if entry.blank else [_INDENT + texts[i]]
    return lines


def _aligned(first: int, rows: Sequence[Cells], trailing: Sequence[str]) -> dict[int, str]:
    """The lines of one run, numbered from `first`, second cells in one column and comments in one."""
    widths = [len(row[0]) for row in rows if row[1] and _can_align(row[0])]
    width = max(widths, default=0)
    lines = [_plain((row[0].ljust(width) if row[1] and _can_align(row[0]) else row[0], row[1], row[2])) for row in rows]
    commented = [len(line) for line, comment in zip(lines, trailing, strict=True) if comment and len(line) <= WIDTH]
    column = max(commented, default=0)
    return {
        first + i: f"{line.ljust(column)}  {comment}" if comment else line
        for i, (line, comment) in enumerate(zip(lines, trailing, strict=True))
    }


def _can_align(text: str) -> bool:
    return len(text) <= _ALIGN_UP_TO and "\n" not in text
