"""When documents are checked: soon after each change, one at a time, and never for nothing."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from sey.lsp.check import Checked
from sey.lsp.session import Document, Session

_PAUSE = 0.03
"""Seconds without a change before a check: two letters typed at once are checked once."""
_POLL = 1.0
"""Seconds between looks at whether a binary was built again."""

Run = Callable[[Callable[[], Checked]], Awaitable[Checked]]
Publish = Callable[[Document, Checked], None]
_log = logging.getLogger(__name__)


@dataclass
class Checking:
    """Checks the documents of a session. `run` does work in the thread for that, `publish` takes each result.

    `covered` are the paths of the files that each document, by its URI, has led to when it was last checked.
    """

    session: Session
    run: Run
    publish: Publish
    covered: dict[str, frozenset[str]] = field(default_factory=dict)
    _waiting: dict[str, None] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self, document: Document) -> None:
        """A document is new, or another than before: it will be checked, or instead what imports it."""
        path = os.path.realpath(document.path)
        importers = (uri for uri, paths in self.covered.items() if path in paths and uri in self.session.documents)
        self._want(importers if self.imported(document) else (document.uri, *importers))

    def all_changed(self) -> None:
        """All documents will be checked."""
        self._want(self.session.documents)

    def imported(self, document: Document) -> bool:
        """Whether another open document imports this one, which then is checked as a part of that."""
        path = os.path.realpath(document.path)
        own = self.covered.get(document.uri, frozenset())
        others = (d for d in self.session.documents.values() if d.uri != document.uri)
        return any(
            path in self.covered.get(other.uri, ()) and os.path.realpath(other.path) not in own for other in others
        )

    async def watch(self) -> None:
        """Check everything again whenever a binary was built again, or is there now. Never ends."""
        before: dict[Document, tuple[str, ...]] = {}
        while True:
            await asyncio.sleep(_POLL)
            now = await asyncio.to_thread(self.session.chosen)
            if self.session.binaries.changed():
                self.all_changed()
            self._want(document.uri for document, paths in now.items() if before.get(document, paths) != paths)
            before = now

    def _want(self, uris: Iterable[str]) -> None:
        wanted = dict.fromkeys(uris)
        if not wanted:
            return
        self._waiting |= wanted
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            await self._quiet()
            uri = next(iter(self._waiting))
            del self._waiting[uri]
            document = self.session.documents.get(uri)
            if document is not None:
                await self._check(document)

    async def _quiet(self) -> None:
        """Wait until nothing has changed for a moment."""
        while True:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), _PAUSE)
            except TimeoutError:
                return

    async def _check(self, document: Document) -> None:
        before = dict(self.session.documents)
        try:
            checked = await self.run(lambda: self.session.check(document))
        except Exception:  # a bug of ours must not end the checking of all that follows
            _log.exception("checking %s failed", document.uri)
            return
        if self.session.documents.get(document.uri) is not document:
            return  # what was found is of a text that is gone; the new one waits already
        files = checked.source.files[1:]
        read = {os.path.realpath(file.path) for file in files}
        documents = self.session.documents.values()
        if any(os.path.realpath(d.path) in read and before.get(d.uri) is not d for d in documents):
            self._want([document.uri])  # one of its imports has another text by now
            return
        covered = self.covered.get(document.uri, frozenset())
        after = frozenset(os.path.realpath(file.path) for file in files if not file.library)
        self.covered[document.uri] = after
        self.publish(document, checked)
        self._want(d.uri for d in documents if os.path.realpath(d.path) in covered - after)
