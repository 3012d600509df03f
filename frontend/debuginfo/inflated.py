"""Large sections kept as they are when inflated, so that reading one function's entries doesn't inflate them all.

A file is the section, zeros up to a whole word, the key, and a checksum. It is mapped, so only what is looked at takes
memory of its own. Where the disk has little room nothing is kept, and the section is inflated each time.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sey.binary.cachedir import forget_oldest, open_own
from sey.frontend.debuginfo import checksum

SMALLEST = 4 << 20
"""Bytes of a section from which on it is kept: to inflate so many takes 12 ms."""
MAX_ALL = 1 << 30
"""Bytes that all kept sections may take; beyond them those go that weren't used for longest."""
_FREE_SHARE = 10
"""A section is kept only where the disk has so many times its size free."""


def load(folder: Path, key: bytes, size: int) -> mmap.mmap | None:
    """The section with that key and size, or None: not there, or not to be believed."""
    path = _path(folder, key)
    handle = open_own(path)
    if handle is None:
        return None
    try:
        if os.fstat(handle).st_size != size + -size % 8 + len(key) + checksum.SIZE:
            return None
        with mmap.mmap(handle, 0, prot=mmap.PROT_READ) as whole, memoryview(whole) as view:
            body, end = view[: -checksum.SIZE], bytes(view[-checksum.SIZE :])
            believed = bytes(body[-len(key) :]) == key and checksum.checksum(body) == end
            body.release()
        found = mmap.mmap(handle, size, prot=mmap.PROT_READ) if believed else None
    except (OSError, ValueError):
        return None
    finally:
        os.close(handle)
    with contextlib.suppress(OSError):
        os.utime(path)
    return found


def store(folder: Path, key: bytes, size: int, pieces: Iterable[bytes]) -> mmap.mmap | None:
    """Keep a section of that size, where there is room, and give it mapped. None where it can't be kept.

    What `pieces` raises passes through, and nothing is left behind.
    """
    path, scratch, found = _path(folder, key), None, None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = os.statvfs(path.parent)
        if disk.f_bavail * disk.f_frsize < _FREE_SHARE * size:
            return None
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".building-")
        with open(handle, "w+b") as file:
            file.writelines(pieces)
            file.write(bytes(-size % 8) + key)
            file.flush()
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as whole, memoryview(whole) as body:
                seal = checksum.checksum(body)
            file.write(seal)
            found = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
        os.rename(scratch, path)
        scratch = None
        forget_oldest(path, MAX_ALL)
    except OSError:
        return found
    finally:
        if scratch is not None:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
    return found


def _path(folder: Path, key: bytes) -> Path:
    return folder / "sections" / f"{key.hex()[:40]}.raw"
