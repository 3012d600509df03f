"""The specs that an editor has open, and answers about them. Nothing here knows the protocol.

Answers are asked for by one thread at a time; documents may be changed meanwhile by another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from sey.binary.errors import SeyError
from sey.frontend.diagnostics.base import SpecError
from sey.frontend.fmt import format_spec
from sey.frontend.imports import with_imports
from sey.frontend.parser import parse, parts, read
from sey.frontend.source import Source
from sey.lsp import definition, hover
from sey.lsp.binaries import Binaries, Binary, Choice, choose, named_in
from sey.lsp.check import Checked, Found, check
from sey.lsp.completion import Candidates, Request, complete
from sey.lsp.cursor import cursor_at
from sey.lsp.facts import variable_facts
from sey.lsp.meaning import meaning_at
from sey.lsp.outline import Block, Outline, outline


@dataclass(frozen=True, eq=False)
class Document:
    """A text that the editor has: what calls it, where it lies, its version. After a change it is another object."""

    uri: str
    path: str
    text: str
    version: int

    @cached_property
    def source(self) -> Source:
        """It, as a spec without what it imports."""
        return Source(self.path, self.text)


class Session:
    """Open documents, the folders of the workspace, and the binaries that are named for them."""

    def __init__(self, given: Sequence[str] = ()) -> None:
        """`given`: binaries of the command line."""
        self.documents: dict[str, Document] = {}
        self.folders: tuple[str, ...] = ()
        self.configured: tuple[str, ...] = ()
        self.binaries = Binaries()
        self._given = tuple(given)
        self._outlines: dict[str, tuple[Source, Outline, tuple[Block, ...]]] = {}

    def read(self, path: str) -> Source:
        """The spec at a path: the editor's text where it is open there, else the file's. Raises SeyError."""
        real = os.path.realpath(path)
        for document in list(self.documents.values()):
            if os.path.realpath(document.path) == real:
                return Source(path, document.text)
        return read(path)

    def choice(self, document: Document) -> Choice:
        """The binaries of a document: those that its comments name, else the command line, else the settings."""
        folder = os.path.dirname(document.path)
        if named := named_in(document.text):
            return choose(named, (folder, *self.folders), "the comment `# binary:`")
        if self._given:
            return choose(self._given, (os.getcwd(),), "`--binary`")
        return choose(self.configured, (*self.folders, folder), "the setting `sey.binaries`")

    def chosen(self) -> dict[Document, tuple[str, ...]]:
        """The paths of the binaries of each document."""
        return {document: self.choice(document).paths for document in list(self.documents.values())}

    def check(self, document: Document) -> Checked:
        """All that is wrong with a document and what it imports."""
        choice = self.choice(document)
        checked = check(document.source, self.read, choice.paths, self.binaries)
        return Checked(checked.source, (*(Found(problem) for problem in choice.problems), *checked.found))

    def opened(self, document: Document) -> list[Binary]:
        """The binaries of a document that can be opened."""
        found: list[Binary] = []
        for path in self.choice(document).paths:
            with suppress(SeyError):
                found.append(self.binaries.open(path))
        return found

    def outline(self, document: Document) -> tuple[Source, Outline, tuple[Block, ...]]:
        """What a document and its imports name, as far as they can be read, with the source that places are in."""
        kept = self._outlines
        if document.uri not in kept:
            kept[document.uri] = self._outline(document)
        return kept[document.uri]

    def _outline(self, document: Document) -> tuple[Source, Outline, tuple[Block, ...]]:
        try:
            source = with_imports(document.source, self.read)
            statements = parse(source).statements
        except SpecError as error:
            source = error.source
            statements = parts(document.source)
        return source, outline(statements), tuple(s for s in statements if isinstance(s, Block))

    def forget(self) -> None:
        """Drop what follows from the texts of documents: one has changed."""
        self._outlines = {}

    def complete(self, document: Document, offset: int) -> tuple[int, Candidates]:
        """What can stand at an offset, and the offset from which on it would."""
        cursor = cursor_at(document.text, offset)
        if cursor is None:
            return offset, Candidates()
        written = document.text[cursor.start : offset]
        folder = os.path.dirname(document.path)
        request = Request(cursor, written, folder, self.opened(document), self.outline(document)[1])
        return cursor.start, complete(request)

    def about_variable(self, document: Document, offset: int, name: str) -> str | None:
        """What is told of a variable that is a candidate at an offset."""
        cursor = cursor_at(document.text, offset)
        if cursor is None or cursor.function is None:
            return None
        scopes = ((binary, binary.scope(*cursor.function)) for binary in self.opened(document))
        told = (variable_facts(binary, scope, name) for binary, scope in scopes if scope is not None)
        return next((text for text in told if text is not None), None)

    def hover(self, document: Document, offset: int) -> str | None:
        """Markdown about what is at an offset."""
        meaning = meaning_at(document.text, offset)
        if meaning is None:
            return None
        _, names, funcs = self.outline(document)
        return hover.hover(meaning, self.opened(document), names, funcs)

    def definition(self, document: Document, offset: int) -> tuple[Source, list[definition.Place]]:
        """Where what is at an offset is defined, and the source that spans are of."""
        source, names, _ = self.outline(document)
        meaning = meaning_at(document.text, offset)
        if meaning is None:
            return source, []
        return source, definition.definition(meaning, self.opened(document), names, document.source)

    def formatted(self, document: Document) -> str | None:
        """The document in canonical style; None where it has syntax problems."""
        with suppress(SpecError):
            return format_spec(document.source)
        return None
