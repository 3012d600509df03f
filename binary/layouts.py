"""Layouts of Go's runtime by release, for executables that don't describe their own (`-ldflags=-w`).

Whatever has debug information is read by its own. The table beside this module, `layouts.json`, was made by
`tools/layouts.py` from the debug information of a small program built with the first and the last patch release of each
minor one, and with more where these differ (1.23 has changed in the middle); it holds what the walk reads and nothing
more. It serves releases by their plain names alone, and what it says of a process is checked against the process before
it is used.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sey.binary.buildinfo import GoVersion

FILE = "layouts.json"
_RELEASE = re.compile(r"go(\d+\.\d+)(?:\.\d+)?")


@dataclass(frozen=True)
class Shape:
    """A type: `kind` is a word of the debug-information model's kinds; `fields` are (name, offset, shape).

    A struct has only those of its fields that are of use. `elem` is an array's or slice's, `length` an array's.
    """

    name: str
    kind: str
    size: int
    fields: tuple[tuple[str, int, Shape], ...] = ()
    elem: Shape | None = None
    length: int | None = None

    def offset(self, path: str) -> int | None:
        """Where the field at a dotted path is, None where the type has no such field."""
        found, shape = 0, self
        for step in path.split("."):
            at = next(((offset, inner) for name, offset, inner in shape.fields if name == step), None)
            if at is None:
                return None
            found, shape = found + at[0], at[1]
        return found


@dataclass(frozen=True)
class Layout:
    """What is known of some patch releases of a minor one (`1.26`): types by name, variables by name with their type.

    `sampled` are the patch numbers that were looked at, ascending, which agree.
    """

    minor: str
    sampled: tuple[int, ...]
    types: Mapping[str, Shape]
    variables: Mapping[str, Shape]


def layout_of(version: GoVersion) -> Layout | None:
    """The layout for programs of that release; None for one that the table doesn't have.

    A patch release newer than all that were looked at is taken to be like the last. Release candidates, development
    versions and experiments (`go1.27.3 X:…`) aren't what was sampled: None.
    """
    plain = _RELEASE.fullmatch(version.text)
    known = _table().get(plain[1], ()) if plain else ()
    return next((layout for layout in reversed(known) if layout.sampled[0] <= version.patch), None)


@functools.cache
def _table() -> Mapping[str, tuple[Layout, ...]]:
    stored = json.loads(files(__package__).joinpath(FILE).read_text())
    return {minor: tuple(_layout(minor, entry) for entry in entries) for minor, entries in stored.items()}


def _layout(minor: str, entry: dict[str, Any]) -> Layout:
    types, variables = ({name: _shape(shape) for name, shape in entry[part].items()} for part in ("types", "variables"))
    return Layout(minor, tuple(entry["sampled"]), types, variables)


def _shape(stored: dict[str, Any]) -> Shape:
    elem = stored.get("elem")
    return Shape(
        stored.get("name", ""),
        stored.get("kind", "uint"),
        stored["size"],
        tuple((name, offset, _shape(inner)) for name, offset, inner in stored.get("fields", ())),
        _shape(elem) if elem else None,
        stored.get("length"),
    )
