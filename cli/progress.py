"""What is going on, on stderr, while it takes long: only for people who watch, and gone when it is done."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

_AFTER = 0.5
"""Seconds before anything is said: most work is done by then."""


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Say `what` while the block runs, if it runs long and stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    lock, done = threading.Lock(), threading.Event()

    def say() -> None:
        with lock:
            if not done.is_set():
                sys.stderr.write(f"\r{what} …")
                sys.stderr.flush()

    timer = threading.Timer(_AFTER, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            done.set()
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
