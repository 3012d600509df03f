"""Where things that can be made again are kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path


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
