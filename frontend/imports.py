"""What a spec imports: found, read, and put behind it in one source.

A path is looked for beside the file that names it; one that begins with `lib/` and isn't there is of the library that
comes with sey. Each file counts once, however often it is imported, so files may import each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

from sey.binary.errors import SeyError
from sey.frontend import ast
from sey.frontend.diagnostics.base import SpecError
from sey.frontend.diagnostics.syntax import ImportUnreadable, TooManyImports, Unreadable
from sey.frontend.parser import decode, parse, read
from sey.frontend.source import Source

MAX_FILES = 64
LIBRARY = "lib/"


def load(path: str) -> Source:
    """The spec in the file at `path` with all that it imports. Raises SeyError."""
    return with_imports(read(path))


def with_imports(source: Source, read: Callable[[str], Source] = read) -> Source:
    """A spec with all that it imports, the files in the order in which they are met. Raises SpecError.

    `read` gives the file at a path, or raises SeyError: an editor has some that aren't saved.
    """
    seen = {_identity(source)}
    done = 0
    while done < len(source.files):
        for statement in _imports_of(source, done):
            written = str(statement.path.value)
            found = _found(source, done, statement, read)
            if _identity(found) in seen:
                continue
            if len(source.files) == MAX_FILES:
                raise SpecError(source, TooManyImports(span=statement.span, limit=MAX_FILES, path=written))
            seen.add(_identity(found))
            source = replace(source, imports=(*source.imports, found))
        done += 1
    return source


def library_files() -> list[str]:
    """The paths by which the files of the library are imported."""
    return sorted(LIBRARY + file.name for file in resources.files("sey.lib").iterdir() if file.name.endswith(".sey"))


def _imports_of(source: Source, number: int) -> Iterator[ast.Import]:
    """The imports of a file. Raises SpecError where it has syntax problems, or one before it has."""
    if "import" not in source.files[number].text:
        return
    for statement in parse(source).statements:
        if isinstance(statement, ast.Import) and source.place(statement.span.start).file == number:
            yield statement


def _found(source: Source, importer: int, statement: ast.Import, read: Callable[[str], Source]) -> Source:
    """The file that an import names. Raises SpecError."""
    written = str(statement.path.value)
    path, of_library = located(source.files[importer], written)
    try:
        if of_library:
            return _from_library(written)
        if "\0" in written:
            raise SeyError(Unreadable(path=written, reason="no file has such a name"))
        return read(path)
    except SeyError as error:
        raise SpecError(source, _unreadable(statement, written, path, error)) from None


def located(by: Source, written: str) -> tuple[str, bool]:
    """The path of what `by` imports as `written`, be there such a file or not, and whether it is the library's."""
    beside = os.path.join(os.path.dirname(by.path), written) if written else ""
    if written.startswith(LIBRARY) and (by.library or not os.path.exists(beside)):
        return str(resources.files("sey.lib").joinpath(written.removeprefix(LIBRARY))), True
    return beside, False


def _from_library(written: str) -> Source:
    if written not in library_files():
        reason = f"neither beside the spec nor in sey's library, which has {', '.join(library_files())}"
        raise SeyError(Unreadable(path=written, reason=reason))
    file = resources.files("sey.lib").joinpath(written.removeprefix(LIBRARY))
    return replace(decode(written, file.read_bytes()), library=True)


def _unreadable(statement: ast.Import, written: str, path: str, error: SeyError) -> ImportUnreadable:
    match error.problems[0]:
        case Unreadable(reason=reason):
            pass
        case problem:
            reason = problem.message()
    return ImportUnreadable(span=statement.path.span, written=written, looked=path, reason=reason)


def _identity(source: Source) -> str:
    """The same for the same file, by whatever path."""
    return source.path if source.library else str(Path(source.path).resolve())
