"""Results on stdout: aligned tables for people, JSON for programs."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_FIRST = 1000
"""Rows that decide how wide columns are; later ones may stick out, or are cut on a terminal."""
_NARROW = 10
"""Columns of a terminal that a value gets at least, where it needs them."""


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


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is a file or a pipe, whose lines are never cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Sequence[bool] = (),
    upright: bool | None = None,
    width: int | None = None,
) -> None:
    """Columns aligned below their names; those marked `right` (numbers) on their right side.

    Within a `width` (a terminal's) long values end in `…`; where there are too many columns even for that, or with
    `upright`, each row is printed with a line for each of its columns. `upright` False: never.
    """
    right = right or [False] * len(names)
    lines = ([cell(value) for value in row] for row in rows)
    first = list(itertools.islice(lines, _FIRST))
    widths = [max(map(_width, column)) for column in zip(names, *first, strict=True)]
    fitted = widths if width is None else _fitted(widths, width)
    if upright or (fitted is None and upright is None):
        _print_upright(names, itertools.chain(first, lines), width)
        return
    fitted = fitted or [min(each, _NARROW) for each in widths]
    for line in _chained([list(names)], first, lines):
        if width is not None:
            line = [_cut(text, room) for text, room in zip(line, fitted, strict=True)]
        padded = [_padded(text, room, to_right) for text, room, to_right in zip(line, fitted, right, strict=True)]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _fitted(widths: Sequence[int], width: int) -> list[int] | None:
    """The widths, the widest made narrower until a line fits; None where columns would get too narrow to read."""
    room = width - 2 * (len(widths) - 1)
    if sum(widths) <= room:
        return list(widths)
    if sum(min(each, _NARROW) for each in widths) > room:
        return None
    low, high = _NARROW, max(widths)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(each, middle) for each in widths) <= room else (low, middle - 1)
    fitted = [min(each, low) for each in widths]
    left = room - sum(fitted)
    for number, each in enumerate(widths):
        if each > fitted[number] and left > 0:
            fitted[number], left = fitted[number] + 1, left - 1
    return fitted


def _print_upright(names: Sequence[str], rows: Iterable[Sequence[str]], width: int | None) -> None:
    head = max(map(_width, names), default=0)
    room = None if width is None else max(width - head - 3, _NARROW)
    for number, row in enumerate(rows, start=1):
        title = f"─[ {number} ]"
        sys.stdout.write(title + "─" * (min(width or 60, 60) - len(title)) + "\n")
        for name, text in zip(names, row, strict=True):
            sys.stdout.write(
                f"{_padded(name, head, False)} │ {text if room is None else _cut(text, room)}".rstrip() + "\n"
            )


def _cut(text: str, room: int) -> str:
    """The text within so many columns of a terminal, with `…` where something is left out: at its end, or for a path
    or the name of a function, whose end tells more, at its beginning.
    """
    if _width(text) <= room:
        return text
    if "/" in text and " " not in text:
        return "…" + text[len(text) - _fitting(reversed(text), room - 1) :]
    return text[: _fitting(text, room - 1)] + "…"


def _fitting(text: Iterable[str], room: int) -> int:
    """How many characters, from the first on, have room."""
    taken = 0
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        taken += 1
    return taken


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
        case "NULL":
            return '"NULL"'  # the string, which is something
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
