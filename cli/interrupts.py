"""Ctrl-C while a command runs: an exception wherever the program is, and never lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_AFTER = 0.01


def unwind_on_interrupt() -> None:
    """From now on an interrupt raises KeyboardInterrupt, so that whatever is half done is undone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = _hook


def _hook(arguments: UnraisableHookArgs) -> None:
    """An interrupt inside a function that C code called (a log line of libbpf) can't unwind: it comes again."""
    if not isinstance(arguments.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(arguments)
        return
    again = threading.Timer(_AGAIN_AFTER, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()
