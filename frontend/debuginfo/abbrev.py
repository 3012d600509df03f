"""Abbreviation tables: which tag and attributes the entries of a unit have, in which forms."""

from __future__ import annotations

from dataclasses import dataclass

from sey.frontend.debuginfo.data import Data
from sey.frontend.debuginfo.dwarf import Form

_MAX_ABBREVIATIONS = 1 << 16
_MAX_ATTRIBUTES = 1 << 10


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an abbreviation. `constant` is the value where the form is DW_FORM_implicit_const."""

    name: int
    form: int
    constant: int = 0


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """The shape of all entries that begin with `code`."""

    code: int
    tag: int
    children: bool
    attributes: tuple[Attribute, ...]


AbbreviationTable = dict[int, Abbreviation]


def read_abbreviations(data: Data, at: int) -> AbbreviationTable:
    """The table at an offset of `.debug_abbrev`. Raises DamageError."""
    table: AbbreviationTable = {}
    while True:
        code, at = data.uleb(at)
        if code == 0:
            return table
        tag, at = data.uleb(at)
        children = data.uint(at, 1)
        attributes, at = _read_attributes(data, at + 1)
        if code in table or len(table) >= _MAX_ABBREVIATIONS:
            raise data.damaged(at, f"abbreviation {code} for the second time")
        table[code] = Abbreviation(code, tag, bool(children), attributes)


def _read_attributes(data: Data, at: int) -> tuple[tuple[Attribute, ...], int]:
    attributes = list[Attribute]()
    while len(attributes) < _MAX_ATTRIBUTES:
        name, at = data.uleb(at)
        form, at = data.uleb(at)
        constant = 0
        if form == Form.IMPLICIT_CONST:
            constant, at = data.sleb(at)
        if name == form == 0:
            return tuple(attributes), at
        attributes.append(Attribute(name, form, constant))
    raise data.damaged(at, f"an abbreviation with more than {_MAX_ATTRIBUTES} attributes")
