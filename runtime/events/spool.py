"""What a trace streams set aside in a file without a name, beside the one that it will be in: it takes no memory,
however long it is, and what is left of one that is given up is nothing.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from types import TracebackType

from sey.binary.errors import SeyError
from sey.runtime.files import refusal
from sey.runtime.pages import Buffer


class EventSpool:
    """The stream of one process, on the file system of `path`; a context that gives the room back."""

    def __init__(self, path: str) -> None:
        """Raises SeyError where nothing can be written there."""
        self._path, self._size = path, 0
        try:
            self._file = tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path)), buffering=0)  # noqa: SIM115
        except OSError as error:
            raise SeyError(refusal(path, error, 0)) from None

    def __enter__(self) -> EventSpool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, blob: bytes) -> None:
        """Keep a piece. Raises SeyError where there is no room."""
        left = memoryview(blob)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise SeyError(refusal(self._path, error, self._size + len(blob))) from None
        self._size += len(blob)

    def data(self) -> Buffer:
        """All of it."""
        if not self._size:
            return b""
        return memoryview(mmap.mmap(self._file.fileno(), self._size, mmap.MAP_SHARED, mmap.PROT_READ))
