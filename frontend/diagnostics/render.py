"""Problems as text for people and as JSON for programs."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from sey.binary.errors import Exit, Problem
from sey.frontend.diagnostics.base import Severity, SpannedProblem
from sey.frontend.source import Source, Span

_TAB = 4
_WIDTH = 140
"""Columns of a source line that are shown; a longer one is cut around the place that matters."""


_KEPT = 200
_LONG_WORD = re.compile(r"\S{1000,}")


def render_text(problems: Iterable[Problem], source: Source | None = None) -> str:
    """Each problem with its place, its source line underlined, notes and help; newline at the end.

    `source` is the text that spans point into; without it (or for problems without a span) the place is left out.
    """
    return "".join(_text(problem, source) + "\n" for problem in problems)


def render_json(problems: Iterable[Problem], source: Source | None = None) -> str:
    """A JSON array with an object for each problem; lines and columns count characters from 1, ends are exclusive."""
    return json.dumps([as_object(problem, source) for problem in problems], indent=2, ensure_ascii=False) + "\n"


def as_object(problem: Problem, source: Source | None = None) -> dict[str, Any]:
    """A problem as the JSON form has it."""
    place: dict[str, Any] = dict.fromkeys(("path", "line", "column", "end_line", "end_column"))
    notes = list(problem.notes())
    if isinstance(problem, SpannedProblem) and source is not None:
        line, column = source.position(problem.span.start)
        end_line, end_column = source.position(problem.span.end)
        path = source.file_at(problem.span.start).path
        place = {"path": path, "line": line, "column": column, "end_line": end_line, "end_column": end_column}
        notes += [f"{_place(source, other.span)}: {other.text}" for other in problem.related()]
    elif isinstance(getattr(problem, "path", None), str):
        place["path"] = problem.path  # type: ignore[attr-defined]
    return {
        "code": problem.code,
        "severity": severity(problem).value,
        "message": problem.message(),
        **place,
        "notes": notes,
        "help": problem.advice(),
    }


def severity(problem: Problem) -> Severity:
    """The severity of a problem of any kind."""
    if isinstance(problem, SpannedProblem):
        return problem.effective_severity
    return Severity.WARNING if problem.exit_status is Exit.DONE else Severity.ERROR


def _text(problem: Problem, source: Source | None) -> str:
    head = f"{severity(problem).value}[{problem.code}]: {printable(problem.message())}"
    lines: list[str] = []
    notes = [f"  note: {printable(note)}" for note in problem.notes()]
    if isinstance(problem, SpannedProblem) and source is not None:
        lines.append(f"{_place(source, problem.span)}: {head}")
        lines += _snippet(source, problem.span)
        for other in problem.related():
            notes.append(f"  note: {_place(source, other.span)}: {printable(other.text)}")
            notes += _snippet(source, other.span)
    else:
        lines.append(head)
    advice = problem.advice()
    return "\n".join(lines + notes + ([f"  help: {printable(advice)}"] if advice else []))


def _place(source: Source, span: Span) -> str:
    number, line, column = source.place(span.start)
    return f"{printable(source.files[number].path)}:{line}:{column}"


def _snippet(source: Source, span: Span) -> list[str]:
    """The source line of the start of `span`, and below it carets under what the span covers of that line."""
    file, number, column = source.place(span.start)
    text = source.files[file].line(number)
    start = column - 1
    end = min(max(span.end - span.start, 1) + start, max(len(text), start + 1))
    text, start, end = _window(text, start, end)
    gutter = f"{number:>5}"
    shown = "".join(_cell(c) for c in text)
    before = sum(_columns(_cell(c)) for c in text[:start])
    under = sum(_columns(_cell(c)) for c in text[start:end]) or 1
    return [f"{gutter} | {shown}".rstrip(), f"{'':>5} | {' ' * before}{'^' * under}"]


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a long line around start..end, and where these are in it."""
    if len(text) <= _WIDTH:
        return text, start, end
    low = max(0, min(start - _WIDTH // 4, len(text) - _WIDTH))
    high = low + _WIDTH
    left, right = "…" if low else "", "…" if high < len(text) else ""
    shift = len(left) - low
    return left + text[low:high] + right, start + shift, min(end, high) + shift


def _cell(char: str) -> str:
    return " " * _TAB if char == "\t" else printable(char)


def printable(text: str) -> str:
    """Text without anything that could upset a terminal, or drown what else is said: very long words are cut."""
    return _escaped(_LONG_WORD.sub(lambda found: f"{found[0][:_KEPT]}…{found[0][-_KEPT:]}", text))


def _escaped(text: str) -> str:
    """`text` with control characters (and what UTF-8 can't carry) escaped, so that it can't upset a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _columns(text: str) -> int:
    return sum(_columns_of(c) for c in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
