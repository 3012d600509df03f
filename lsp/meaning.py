"""What a name or string of a spec stands for, by where it stands."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sey.frontend.tokens import Token
from sey.lsp.cursor import Cursor, token_at


class Sort(enum.Enum):
    """The sorts of things that names in specs stand for."""

    FUNCTION = enum.auto()
    GLOBAL = enum.auto()
    TYPE = enum.auto()
    IMPORT = enum.auto()
    VARIABLE = enum.auto()
    FIELD = enum.auto()
    COLUMN = enum.auto()
    TABLE = enum.auto()
    PROGRAM = enum.auto()


@dataclass(frozen=True)
class Meaning:
    """What a token stands for: `name` is that of the thing (a type's with its package and `*`s)."""

    sort: Sort
    name: str
    token: Token
    cursor: Cursor


_OF_STRINGS = {
    "FUNC": Sort.FUNCTION,
    "MOMENT": Sort.FUNCTION,
    "GLOB": Sort.FUNCTION,
    "GLOBAL": Sort.GLOBAL,
    "IMPORT": Sort.IMPORT,
}


def meaning_at(text: str, offset: int) -> Meaning | None:
    """The meaning of the name or string at an offset; None where there is none, or it has none."""
    found = token_at(text, offset)
    if found is None:
        return None
    token, cursor = found
    sort = _of_string(cursor) if token.type == "STRING" else _of_name(cursor)
    if sort is None:
        return None
    name = str(token.value) if token.type == "STRING" else token.text
    if sort is Sort.TYPE and token.type == "NAME":
        name = _whole_type(cursor, token)
    return Meaning(sort, name, token, cursor)


def _of_string(cursor: Cursor) -> Sort | None:
    return _OF_STRINGS.get(cursor.last(), Sort.TYPE if cursor.type_at >= 0 else None)


def _of_name(cursor: Cursor) -> Sort | None:
    if cursor.type_at >= 0:
        return Sort.TYPE
    match cursor.last(), cursor.statement:
        case "AS", "FUNC" | "EVENT":
            return Sort.COLUMN if cursor.around else Sort.TABLE
        case ("AS", _) | ("DOT", "COLUMN") | ("PER", _):
            return None
        case "IN", _:
            return Sort.PROGRAM
        case "DOT", _:
            return Sort.FIELD
        case ("COLUMN", "COLUMN") | (("COLON" | "EQUAL"), "LINK") | (("TABLE" | "LINK" | "EVENT"), _):
            return Sort.TABLE
        case "PROGRAM", _:
            return Sort.PROGRAM
        case _, "TYPE" if cursor.around:
            return Sort.FIELD
        case _, "FUNC" | "EVENT" if cursor.bracket != "LBRACE" or len(cursor.around) == 1:
            return Sort.VARIABLE
    return None


def _whole_type(cursor: Cursor, token: Token) -> str:
    """The text of the type that a name is part of: `*http.Request` for `Request`."""
    end = token.span.end
    while end < len(cursor.text) and (cursor.text[end].isalnum() or cursor.text[end] in "._"):
        end += 1
    return "".join(cursor.text[cursor.type_at : end].split())
