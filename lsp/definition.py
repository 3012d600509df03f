"""Where what a name stands for is defined: in Go's source, in this spec, in a file that it imports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from sey.frontend.imports import located
from sey.frontend.source import Source, Span
from sey.lsp.binaries import Binary
from sey.lsp.meaning import Meaning, Sort
from sey.lsp.outline import Outline


@dataclass(frozen=True)
class Place:
    """A line (from 0) of a file, or a span of the spec with all that it imports."""

    path: str = ""
    line: int = 0
    span: Span | None = None


def definition(meaning: Meaning, binaries: Sequence[Binary], outline: Outline, file: Source) -> list[Place]:
    """Where it is defined, by the first of the binaries whose sources are here. `file` has the name."""
    match meaning.sort:
        case Sort.TABLE:
            table = outline.tables.get(meaning.name)
            return [Place(span=table.span)] if table is not None and table.span is not None else []
        case Sort.PROGRAM:
            span = outline.programs.get(meaning.name)
            return [Place(span=span)] if span is not None else []
        case Sort.IMPORT:
            path, _ = located(file, meaning.name)
            return [Place(path)] if "\0" not in path and os.path.isfile(path) else []
        case Sort.FUNCTION if meaning.cursor.last() != "GLOB":
            found = (_function(binary, meaning.name) for binary in binaries)
        case Sort.VARIABLE:
            found = (_variable(binary, meaning) for binary in binaries)
        case _:
            return []
    return next(([place] for place in found if place is not None), [])


def _function(binary: Binary, name: str) -> Place | None:
    """Where a function is declared, where that file is on this machine."""
    entry = binary.info.function(name)
    if entry is None or not entry.file or not os.path.isfile(entry.file):
        return None
    return Place(entry.file, max((entry.line or 1) - 1, 0))


def _variable(binary: Binary, meaning: Meaning) -> Place | None:
    """The line that declares a variable: that of its function where nothing says which."""
    function = meaning.cursor.function
    scope = binary.scope(*function) if function else None
    for body in scope.bodies if scope else ():
        place = _function(binary, body.function)
        lines = [v.decl_line for v in binary.info.variables(body) if v.name == meaning.name]
        if place is not None and lines:
            return Place(place.path, max(lines) - 1 if max(lines) else place.line)
    return None
