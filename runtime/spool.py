"""Captured pages set aside in a file without a name, beside the file that they will be in: a series of snapshots takes
no memory, however long it is, and what is left of one that is given up is nothing.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import replace
from types import TracebackType

from sey.binary.errors import SeyError
from sey.runtime.capture import ProcessCapture
from sey.runtime.files import refusal
from sey.runtime.pages import Pages

_SPARE = 1 << 20
"""Bytes for everything else in the file."""


class Spool:
    """A place for pages on the file system of `path`; a context that gives the room back."""

    def __init__(self, path: str) -> None:
        """Raises SeyError where nothing can be written there."""
        self._path = path
        self._size = 0
        try:
            self._file = tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path)), buffering=0)  # noqa: SIM115
        except OSError as error:
            raise SeyError(refusal(path, error, 0)) from None

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def keep(self, process: ProcessCapture) -> ProcessCapture:
        """The same with its pages in the file. Raises SeyError where there is no room."""
        if process.pages is None or not len(process.pages.data):
            return process
        data = process.pages.data.data.cast("B")
        start = self._size
        try:
            at = 0
            while at < len(data):
                at += os.pwrite(self._file.fileno(), data[at:], start + at)
            kept = mmap.mmap(self._file.fileno(), len(data), mmap.MAP_SHARED, mmap.PROT_READ, offset=start)
        except OSError as error:
            raise SeyError(refusal(self._path, error, start + len(data))) from None
        self._size = start + -(-len(data) // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        return replace(process, pages=Pages.parse(memoryview(kept), process.pages.origin))

    def has_room(self, more: int) -> bool:
        """Whether so many more bytes fit beside the file that is yet to be written."""
        room = os.statvfs(self._file.fileno())
        return room.f_bavail * room.f_frsize >= self._size + 2 * more + _SPARE
