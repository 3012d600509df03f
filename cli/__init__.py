"""The `sey` commands, thin.

This file runs before any other of ours when the command starts. Until the signal handler stands Ctrl-C prints a
traceback, so it is set here, and by the built-in module: importing `signal` itself takes longer than all of this.
"""

import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import os
import sys


def _leave(_signal_number: int, _frame: object) -> None:
    os._exit(130)


IS_PROGRAM = os.path.basename(sys.argv[0]) == "sey" if sys.argv else False
"""False where another program imports these commands: then signals are that program's."""

if IS_PROGRAM:
    _signal.signal(_signal.SIGINT, _leave)
