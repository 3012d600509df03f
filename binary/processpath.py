"""Executables opened through a process, as /proc/PID/exe: the name they were started by, and where that is a name."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath

_OF_PROCESS = re.compile(r"(/proc/\d+(?:/task/\d+)?)/exe")


def known_as(path: str) -> str:
    """The path that a user knows for `path`: behind /proc/PID/exe, the one that the executable was started from."""
    if _OF_PROCESS.fullmatch(path) is None:
        return path
    try:
        return os.readlink(path).removesuffix(" (deleted)")
    except OSError:
        return path


def name_of(path: str) -> str:
    """The last element of the path that a user knows: what stays the same wherever a file lies."""
    return PurePath(known_as(path)).name


def root_of(path: str) -> Path | None:
    """The root directory of the process that `path` belongs to, as we reach it; None for a file on its own."""
    process = _OF_PROCESS.fullmatch(path)
    return Path(process[1]) / "root" if process else None
