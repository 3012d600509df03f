"""The language server: the protocol's messages to and from a session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from typing import TypeVar

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from sey.binary.errors import SeyError
from sey.frontend.imports import located
from sey.frontend.source import Source
from sey.lsp.check import Checked
from sey.lsp.checking import Checking
from sey.lsp.completion import Candidate
from sey.lsp.diagnose import Places, diagnostics
from sey.lsp.session import Document, Session
from sey.lsp.text import Lines, normalized

T = TypeVar("T")
_KINDS = {kind.name.lower(): kind for kind in types.CompletionItemKind}


class SpecServer(LanguageServer):
    """A server for the specs of one editor."""

    def __init__(self, binaries: Sequence[str] = ()) -> None:
        """`binaries`: those of the command line."""
        full = types.TextDocumentSyncKind.Full
        super().__init__("sey", version("sey"), text_document_sync_kind=full)
        self.session = Session(binaries)
        self.checking = Checking(self.session, self.work, self.publish)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sey")
        self._found: dict[str, dict[str, list[types.Diagnostic]]] = {}
        self._sent: dict[str, list[types.Diagnostic]] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def encoding(self) -> str:
        """How the client counts characters."""
        return str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding or "utf-16"))

    async def work(self, do: Callable[[], T]) -> T:
        """Do something in the thread that reads binaries: nothing there may be done twice at once."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)

    async def answer(self, uri: str, do: Callable[[Document], T]) -> T | None:
        """What a session answers about a document; None where it isn't open, or its binaries are damaged."""
        document = self.session.documents.get(uri)
        if document is None:
            return None
        with suppress(SeyError):
            return await self.work(lambda: do(document))
        return None

    def offset(self, document: Document, position: types.Position) -> int:
        """The offset of a place in a document."""
        return Lines(document.text, self.encoding).offset(position.line, position.character)

    def watch(self) -> None:
        """Begin to look for binaries that are built again."""
        self._watching = asyncio.get_running_loop().create_task(self.checking.watch())

    # Documents

    def put(self, uri: str, text: str, number: int) -> None:
        """A document is open, or has another text."""
        document = Document(uri, uris.to_fs_path(uri) or uri, normalized(text), number)
        self.session.documents[uri] = document
        self.session.forget()
        self.checking.changed(document)

    def drop(self, uri: str) -> None:
        """A document was closed."""
        document = self.session.documents.pop(uri, None)
        if document is None:
            return
        self.session.forget()
        self._found.pop(uri, None)
        self.checking.covered.pop(uri, None)
        self.checking.all_changed()
        self._send()

    # Diagnostics

    def publish(self, document: Document, checked: Checked) -> None:
        """Send what was found in a document and what it imports."""
        by_file = diagnostics(checked.found, document.uri, self.uri_of, self.encoding)
        for file in checked.source.files:
            by_file.setdefault(self.uri_of(file), [])
        self._found[document.uri] = by_file
        for uri in by_file:
            self._sent.pop(uri, None)
        self._send()

    def _send(self) -> None:
        """Send the diagnostics of the files whose have changed: each problem once, whoever imports the file."""
        wanted: dict[str, list[types.Diagnostic]] = {uri: [] for uri in (*self._sent, *self._found)}
        for root, by_file in self._found.items():
            document = self.session.documents.get(root)
            if document is None or self.checking.imported(document):
                continue
            for uri, found in by_file.items():
                there = wanted.setdefault(uri, [])
                there += [one for one in found if one not in there]
        for uri, found in wanted.items():
            if self._sent.get(uri) != found:
                shown = self.session.documents.get(uri)
                number = shown.version if shown else None
                self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, number))
        self._sent = {uri: found for uri, found in wanted.items() if found or uri in self.session.documents}

    def uri_of(self, source: Source) -> str:
        """What the client calls a file."""
        path = located(source, source.path)[0] if source.library else source.path
        for document in self.session.documents.values():
            if document.path == path or os.path.realpath(document.path) == os.path.realpath(path):
                return document.uri
        return uris.from_fs_path(os.path.abspath(path)) or path

    # Answers in the protocol's form

    async def complete(self, params: types.CompletionParams) -> types.CompletionList | None:
        """What can stand at a place."""
        uri = params.text_document.uri

        def do(document: Document) -> types.CompletionList:
            offset = self.offset(document, params.position)
            start, candidates = self.session.complete(document, offset)
            begin = types.Position(*Lines(document.text, self.encoding).position(start))
            edited = types.Range(begin, params.position)
            place: dict[str, str | int] = {"uri": uri, "offset": offset}
            items = [_item(one, i, edited, place) for i, one in enumerate(candidates.found)]
            return types.CompletionList(is_incomplete=not candidates.whole, items=items)

        return await self.answer(uri, do)

    async def resolve(self, item: types.CompletionItem) -> types.CompletionItem:
        """More about a variable that was offered."""
        match item.data:
            case {"uri": str(uri), "offset": int(offset)}:
                told = await self.answer(uri, lambda d: self.session.about_variable(d, offset, item.label))
                if told is not None:
                    item.documentation = _markdown(told)
        return item

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        """What is known of the thing at a place."""
        told = await self.answer(
            params.text_document.uri, lambda d: self.session.hover(d, self.offset(d, params.position))
        )
        return None if told is None else types.Hover(_markdown(told))

    async def definition(self, params: types.DefinitionParams) -> list[types.Location] | None:
        """Where the thing at a place is defined."""

        def do(document: Document) -> list[types.Location]:
            source, found = self.session.definition(document, self.offset(document, params.position))
            places = Places(source, self.uri_of, self.encoding)
            return [
                places.location(place.span) if place.span is not None else _line(place.path, place.line)
                for place in found
            ]

        return await self.answer(params.text_document.uri, do)

    async def formatted(self, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        """The changes that bring a document into the one style."""

        def do(document: Document) -> list[types.TextEdit] | None:
            text = self.session.formatted(document)
            if text is None or text == document.text:
                return None
            end = types.Position(*Lines(document.text, self.encoding).position(len(document.text)))
            return [types.TextEdit(types.Range(types.Position(0, 0), end), text)]

        return await self.answer(params.text_document.uri, do)


def _item(candidate: Candidate, number: int, edited: types.Range, place: dict[str, str | int]) -> types.CompletionItem:
    return types.CompletionItem(
        label=candidate.text,
        kind=_KINDS[candidate.kind],
        detail=candidate.detail or None,
        sort_text=f"{number:04}",
        filter_text=candidate.text,
        text_edit=types.TextEdit(edited, candidate.text),
        data=place if candidate.variable else None,
    )


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)


def _line(path: str, line: int) -> types.Location:
    start = types.Position(line, 0)
    return types.Location(uris.from_fs_path(os.path.abspath(path)) or path, types.Range(start, start))
