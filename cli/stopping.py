"""Work without an end of its own, which the user ends: what is there by then is kept."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the user wants an end, by an interrupt (or SIGTERM): a second one gives up at once."""

    def __init__(self) -> None:
        self.wanted = False
        self.told, self._tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def handle(self, _number: int, _frame: object) -> None:
        """An interrupt came. Raises KeyboardInterrupt where it isn't the first."""
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        os.write(self._tell, b"x")

    def wait_until(self, moment: float) -> None:
        """Until a time of time.monotonic, or until an end is wanted."""
        while not self.wanted and (left := moment - time.monotonic()) > 0:
            select.select((self.told,), (), (), left)

    def close(self) -> None:
        """Give back what it holds."""
        os.close(self.told)
        os.close(self._tell)


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """In the block an interrupt, or SIGTERM, says that the user wants an end."""
    stop = Stop()
    before = [signal.signal(number, stop.handle) for number in _SIGNALS]
    try:
        yield stop
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)
        stop.close()
