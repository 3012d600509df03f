"""Which messages of the protocol the server takes, and how it is started."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from lsprotocol import types
from pygls import uris

from sey.lsp.server import SpecServer

_TRIGGERS = (".", '"', "(", "*", "/")


def binaries_in(settings: Any) -> tuple[str, ...] | None:
    """The list `binaries` of settings, whether they are sey's own or everyone's; None where there is none."""
    match settings:
        case {"sey": inner} | {"settings": inner}:
            return binaries_in(inner)
        case {"binaries": str(one)}:
            return (one,)
        case {"binaries": [*many]}:
            return tuple(one for one in many if isinstance(one, str))
        case {"sey.binaries": value}:
            return binaries_in({"binaries": value})
    return None


def make_server(binaries: Sequence[str] = ()) -> SpecServer:
    """A server that answers; `binaries` are those of the command line."""
    server = SpecServer(binaries)

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        folders = [folder.uri for folder in params.workspace_folders or ()] or [params.root_uri or ""]
        server.session.folders = _paths(folders)
        server.session.configured = binaries_in(params.initialization_options) or ()

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        server.watch()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.put(document.uri, document.text, document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        text = params.content_changes[-1].text if params.content_changes else None
        if uri in server.session.documents and text is not None:
            server.put(uri, text, params.text_document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.drop(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configured(params: types.DidChangeConfigurationParams) -> None:
        chosen = binaries_in(params.settings)
        if chosen is not None and chosen != server.session.configured:
            server.session.configured = chosen
            server.checking.all_changed()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def refolded(_: types.DidChangeWorkspaceFoldersParams) -> None:
        server.session.folders = _paths(server.workspace.folders)
        server.checking.all_changed()

    _add_answers(server)
    return server


def _paths(folders: Iterable[str]) -> tuple[str, ...]:
    paths = (uris.to_fs_path(uri) for uri in folders)
    return tuple(path for path in paths if path)


def _add_answers(server: SpecServer) -> None:
    offered = types.CompletionOptions(trigger_characters=_TRIGGERS, resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, offered)
    async def complete(params: types.CompletionParams) -> types.CompletionList | None:
        return await server.complete(params)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    async def resolve(item: types.CompletionItem) -> types.CompletionItem:
        return await server.resolve(item)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        return await server.hover(params)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> list[types.Location] | None:
        return await server.definition(params)

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    async def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        return await server.formatted(params)


def serve(binaries: Sequence[str] = ()) -> None:
    """Serve an editor on standard input and output, until it says to stop or is gone."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="sey lsp: %(message)s")
    # The protocol has standard output for itself: whatever else is printed goes where messages go.
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    make_server(binaries).start_io(stdout=protocol)
