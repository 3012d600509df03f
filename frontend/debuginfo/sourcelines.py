"""What is meant by `auth.go:120`: a file of the binary, its line, and the bodies of functions that have code of it."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from sey.frontend.debuginfo.model import Body, DebugInfo


@dataclass(frozen=True)
class LineTarget:
    """A line with code: the whole path of its file as debug information has it, and the bodies, inlined ones too."""

    file: str
    line: int
    bodies: tuple[Body, ...]


@dataclass(frozen=True)
class NoSuchFile:
    """No file's path ends like this; `similar` are paths that may have been meant."""

    file: str
    similar: tuple[str, ...]


@dataclass(frozen=True)
class SeveralFiles:
    """The paths of several files end like this."""

    file: str
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class NoCode:
    """A line without code; `next` is the next line of the file that has some, None behind the last."""

    file: str
    line: int
    next: int | None


LineProblem = NoSuchFile | SeveralFiles | NoCode


def find_line(info: DebugInfo, place: str) -> LineTarget | LineProblem:
    """The line meant by `path/file.go:123`; a path may lack its beginning, up to a slash. Raises SeyError."""
    path, _, number = place.rpartition(":")
    line, sources = int(number), info.source_files()
    files = _matching(sources, path)
    if not files:
        return NoSuchFile(path, _similar(sources, path))
    if len(files) > 1:
        return SeveralFiles(path, tuple(files))
    (file,) = files
    statements = info.statements(file)
    bodies = tuple(dict.fromkeys(b for at in statements.get(line, ()) if (b := info.body_at(at))))
    if bodies:
        return LineTarget(file, line, bodies)
    behind = (n for n in statements if n > line and any(info.body_at(at) for at in statements[n]))
    return NoCode(file, line, next(behind, None))


def _matching(files: Sequence[str], path: str) -> list[str]:
    """The file of that whole path, or those whose paths end with it."""
    return [path] if path in files else [file for file in files if file.endswith(f"/{path}")]


def _similar(files: Sequence[str], path: str) -> tuple[str, ...]:
    """Up to three files whose last names are close, those of the same name first."""
    names = dict[str, list[str]]()
    for file in files:
        names.setdefault(posixpath.basename(file), []).append(file)
    close = difflib.get_close_matches(posixpath.basename(path), names, n=3)
    return tuple(file for name in close for file in names[name])[:3]
