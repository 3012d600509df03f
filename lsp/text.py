"""Places in a text as editors count them: lines from 0, characters in units of an encoding, mostly UTF-16."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

Width = Callable[[str], int]

WIDTHS: dict[str, Width] = {
    "utf-8": lambda char: len(char.encode()),
    "utf-16": lambda char: 1 + (char > "\uffff"),
    "utf-32": lambda char: 1,
}
"""How many units a character has, by the encoding's name in the protocol."""


class Position(NamedTuple):
    """Line and character as the protocol has them."""

    line: int
    character: int


def normalized(text: str) -> str:
    """An editor's text as the scanner takes it: `\\n` as the line ending, and no halves of surrogate pairs."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text) if _broken(text) else text


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class Lines:
    """The lines of a text, for counting to and fro."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self._text = text
        self._width = WIDTHS[encoding]

    @cached_property
    def _starts(self) -> list[int]:
        # A `\r` alone ends a line for editors, though not for specs.
        return [0, *(i + 1 for i, char in enumerate(self._text) if char in "\n\r")]

    def position(self, offset: int) -> Position:
        """Where the character at an offset is; the end of the text where it lies beyond."""
        offset = max(0, min(offset, len(self._text)))
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        return Position(line, sum(map(self._width, self._text[start:offset])))

    def offset(self, line: int, character: int) -> int:
        """The offset of a place; one beyond its line is the line's end, one beyond the text the text's."""
        if line >= len(self._starts):
            return len(self._text)
        at = self._starts[max(line, 0)]
        while character > 0 and at < len(self._text) and self._text[at] not in "\n\r":
            character -= self._width(self._text[at])
            # In the middle of a character counts as before it.
            at += character >= 0
        return at
