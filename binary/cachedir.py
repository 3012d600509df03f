"""Where things that can be made again are kept."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path

_ABANDONED = 3600
"""Seconds after which a file that somebody began to write is nobody's any more."""


def cache_folder(name: str) -> Path | None:
    """The folder `name` in $SEY_CACHE_DIR, else in $XDG_CACHE_HOME/sey, else in ~/.cache/sey; None without a home."""
    root = cache_root()
    return root / name if root else None


def cache_root() -> Path | None:
    """$SEY_CACHE_DIR, else $XDG_CACHE_HOME/sey, else ~/.cache/sey; None without a home."""
    if own := os.environ.get("SEY_CACHE_DIR"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "sey"
    try:
        return Path.home() / ".cache" / "sey"
    except RuntimeError:
        return None


def open_own(path: Path) -> int | None:
    """A descriptor of a file that only this user could have written, for the caller to close; None for anything else:
    no such file, a link, a folder, another's, one that others may write."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
        return handle
    os.close(handle)
    return None


def forget_oldest(newest: Path, most: int) -> None:
    """Remove files of the same kind beside `newest` until all take at most so many bytes, unused ones first; and what
    was begun long ago and never finished. Raises OSError."""
    files = list[tuple[float, int, Path]]()
    for path in newest.parent.iterdir():
        with contextlib.suppress(OSError):
            status = path.lstat()
            if path.suffix == newest.suffix and path != newest:
                files.append((status.st_mtime, status.st_size, path))
            elif path.name.startswith(".building-") and status.st_mtime < time.time() - _ABANDONED:
                path.unlink()
    room = most - newest.stat().st_size
    for _, size, path in sorted(files, reverse=True):
        room -= size
        if room < 0:
            with contextlib.suppress(OSError):
                path.unlink()
