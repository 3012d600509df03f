"""Results on stdout: aligned tables for people, JSON for programs."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_FIRST = 1000
"""Rows that decide how wide columns are; later ones may stick out."""


def json_option(command: Command) -> Command:
    """Add `--json` to a command, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def print_objects(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A JSON array of objects, a row a line, written as the rows come."""
    sys.stdout.write("[")
    count = 0
    for row in rows:
        text = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False)
        sys.stdout.write((",\n " if count else "\n ") + text)
        count += 1
    sys.stdout.write("\n]\n" if count else "]\n")


def print_table(names: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[bool] = ()) -> None:
    """Columns aligned below their names; those marked `right` (numbers) on their right side."""
    right = right or [False] * len(names)
    lines = ([cell(value) for value in row] for row in rows)
    first = list(itertools.islice(lines, _FIRST))
    widths = [max(map(_width, column)) for column in zip(names, *first, strict=True)]
    for line in _chained([list(names)], first, lines):
        padded = [_padded(text, width, to_right) for text, width, to_right in zip(line, widths, right, strict=True)]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _chained(*parts: Iterable[list[str]]) -> Iterator[list[str]]:
    return itertools.chain.from_iterable(parts)


def _padded(text: str, width: int, to_right: bool) -> str:
    room = " " * (width - _width(text))
    return room + text if to_right else text + room


def cell(value: Any) -> str:
    """A value as a cell of a table: on one line, and nothing in it that could upset a terminal."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case str():
            return printable(value)
        case float():
            return f"{value:.15g}" if float(f"{value:.15g}") == value else repr(value)
        case dict() | list():
            return printable(json.dumps(value, ensure_ascii=False))
        case _:
            return printable(str(value))


def printable(text: str) -> str:
    """Text with control characters written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
