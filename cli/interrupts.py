"""Ctrl-C while a command runs, in two manners: by an exception that undoes what is half done, or at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

from sey.binary.errors import Exit
from sey.cli import IS_PROGRAM
from sey.runtime.files import remove_unfinished

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_AFTER = 0.01


def unwind_on_interrupt() -> None:
    """From now on an interrupt raises KeyboardInterrupt, so that whatever is half done is undone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = _hook


def leave_on_interrupt() -> None:
    """From now on an interrupt ends the program at once: for what only reads, and computes in DuckDB and Arrow.

    An exception can't end these: they look for signals seldom or, in Arrow's readers, never, and what they do with an
    exception that comes out of a callback or their own import ranges from an error of theirs to abort(3).
    """
    if not IS_PROGRAM:
        return
    signal.signal(signal.SIGINT, _leave)
    # Python calls the handler between two steps of Python, but writes the signal's number to this pipe when it comes.
    told, tell = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    threading.Thread(target=_leave_when_told, args=(told,), daemon=True).start()


def _leave_when_told(told: int) -> None:
    while signal.SIGINT not in os.read(told, 64):
        pass
    _leave(signal.SIGINT, None)


def _leave(_signal_number: int, _frame: FrameType | None) -> None:
    remove_unfinished()
    os._exit(Exit.INTERRUPTED)


def _hook(arguments: UnraisableHookArgs) -> None:
    """An interrupt inside a function that C code called (a log line of libbpf) can't unwind: it comes again."""
    if not isinstance(arguments.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(arguments)
        return
    again = threading.Timer(_AGAIN_AFTER, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()
