"""An editor as a language server sees one: JSON-RPC over the pipes of `sey lsp`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

SEY = str(Path(sys.executable).with_name("sey"))
_PATIENCE = 20


class Editor:
    """Speaks to a server; `text` of a document is replaced as a whole by each change."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._messages: Queue[dict[str, Any]] = Queue()
        self._held: list[dict[str, Any]] = []
        self._last = 0
        self.versions: dict[str, int] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while header := self.process.stdout.readline():
            size = 0
            while header.strip():
                name, _, value = header.decode().partition(":")
                size = int(value) if name.lower() == "content-length" else size
                header = self.process.stdout.readline()
            self._messages.put(json.loads(self.process.stdout.read(size)))

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message."""
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def _receive(self, wanted: Any) -> dict[str, Any]:
        """The next message that `wanted` says yes to; others are kept for later."""
        for i, message in enumerate(self._held):
            if wanted(message):
                return self._held.pop(i)
        while True:
            try:
                message = self._messages.get(timeout=_PATIENCE)
            except Empty:
                raise AssertionError(f"no answer within {_PATIENCE} s; held: {self._held}") from None
            if wanted(message):
                return message
            self._held.append(message)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        """The result of a request; an error of the server fails the test."""
        self._last += 1
        number = self._last
        self.send({"id": number, "method": method, "params": params})
        answer = self._receive(lambda m: m.get("id") == number and "method" not in m)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def start(self, folder: Path, **options: Any) -> dict[str, Any]:
        """Say hello; gives the server's capabilities."""
        params = {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": {}, **options}
        capabilities: dict[str, Any] = self.ask("initialize", params)["capabilities"]
        self.notify("initialized", {})
        return capabilities

    def open(self, uri: str, text: str) -> list[dict[str, Any]]:
        """Open a document; gives its diagnostics."""
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": "sey", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return self.diagnostics(uri)

    def change(self, uri: str, text: str) -> None:
        """Change all the text of a document."""
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def changed(self, uri: str, text: str) -> list[dict[str, Any]]:
        """Change all the text of a document; gives its diagnostics then."""
        self.change(uri, text)
        return self.diagnostics(uri)

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """The diagnostics of the version that a document has now, or of a file that isn't open."""
        version = self.versions.get(uri)

        def wanted(message: dict[str, Any]) -> bool:
            params = message.get("params", {})
            published = message.get("method") == "textDocument/publishDiagnostics"
            return published and params["uri"] == uri and params.get("version") == version

        found: list[dict[str, Any]] = self._receive(wanted)["params"]["diagnostics"]
        return found

    def at(self, method: str, uri: str, line: int, character: int) -> Any:
        """The answer to a request about a place."""
        position = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": position})


@contextmanager
def editor(*arguments: str | Path) -> Iterator[Editor]:
    """A server with an editor at it, which ends as editors do."""
    command = [SEY, "lsp", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            speaker = Editor(process)
            yield speaker
            speaker.ask("shutdown", None)
            speaker.notify("exit", None)
            assert process.wait(_PATIENCE) == 0
        finally:
            process.kill()


def marked(text: str) -> tuple[str, int, int]:
    """A text without its mark `|`, and the line and character (all of them in the BMP) where that was."""
    before, after = text.split("|", 1)
    return before + after, before.count("\n"), len(before) - before.rfind("\n") - 1
