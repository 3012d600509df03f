"""Hashes of files that haven't changed since: reading a large executable takes longer than all else that opens it.

A file is the same as before if the kernel says so: device, inode, size, and both times, of which nobody can set back
the one of the inode's last change. Its clock ticks coarsely, so nothing is remembered of a file that has just changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sey.binary.cachedir import cache_folder, open_own

_SETTLED_NS = 3_000_000_000
"""Longer than any file system's clock takes to tick (FAT: 2 s)."""
_KEPT = 1024
_CHECK = 8


def stamp(status: os.stat_result) -> bytes:
    """What the kernel says of a file now; empty where it changed too lately to tell the next change from that one."""
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    if not 0 < changed < time.time_ns() - _SETTLED_NS:
        return b""
    fields = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return repr(fields).encode()


def remembered(stamped: bytes, what: str, compute: Callable[[], bytes]) -> bytes:
    """What `compute` gives for the file with that stamp, from an earlier run if there was one.

    `what` names the computation; it changes with whatever changes the result.
    """
    folder = cache_folder("files") if stamped else None
    if folder is None:
        return compute()
    name = hashlib.blake2b(what.encode() + b"\0" + stamped, digest_size=20).digest()
    path = folder / name.hex()
    found = _load(path, name)
    if found is None:
        found = compute()
        _store(path, name, found)
    return found


def _sealed(name: bytes, value: bytes) -> bytes:
    return value + hashlib.blake2b(name + value, digest_size=_CHECK).digest()


def _load(path: Path, name: bytes) -> bytes | None:
    handle = open_own(path)
    if handle is None:
        return None
    with open(handle, "rb") as file:
        raw = file.read(4096)
    value = raw[:-_CHECK]
    return value if raw == _sealed(name, value) else None


def _store(path: Path, name: bytes, value: bytes) -> None:
    """Keep a value and forget the oldest; where nothing can be written it is computed again next time."""
    scratch = None
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".building-")
        with open(handle, "wb") as file:
            file.write(_sealed(name, value))
        os.rename(scratch, path)
        scratch = None
        files = sorted(path.parent.iterdir(), key=lambda p: p.lstat().st_mtime)
        for old in files[:-_KEPT]:
            old.unlink(missing_ok=True)
    if scratch is not None:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
