"""The index on disk: found by the binary's identity, believed only when every check holds.

A file is `_MAGIC`, the key, a table of parts (size and kind), the parts, and a checksum over all of it. Anything else
than a complete file of this version, made by this user for this very binary, is as good as none: it is rebuilt. The
file is mapped, not read, so that what nobody asks for costs no memory; nobody changes a file once it is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import struct
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sey.binary.cachedir import forget_oldest, open_own
from sey.frontend.debuginfo import checksum
from sey.frontend.debuginfo.index import ARRAYS, TEXTS, Column, Index

_MAGIC = b"sey-idx3"
"""Changes with anything that changes what an index says of the same binary."""
_KEY_SIZE = 32
_PARTS = len(TEXTS) + len(ARRAYS)
_TABLE = struct.Struct(f"<{2 * _PARTS}Q")
_KINDS: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 4: np.dtype("<u4"), 8: np.dtype("<i8")}
"""Kinds of parts, by the size of an item: text, numbers of 32 and of 64 bits."""
MAX_FILE = 1 << 31
MAX_ALL = 1 << 30
"""Bytes that all indexes may take; beyond them those go that weren't used for longest."""


def cache_key(*parts: bytes) -> bytes:
    """The key for what the parts identify."""
    digest = hashlib.blake2b(digest_size=_KEY_SIZE)
    for part in (_MAGIC, *parts):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def path_of(folder: Path, key: bytes) -> Path:
    """The file that would hold the index with that key."""
    return folder / "index" / f"{key.hex()[:40]}.idx"


def load(folder: Path, key: bytes) -> Index | None:
    """The index with that key, or None: not there, or not to be believed."""
    path = path_of(folder, key)
    handle = open_own(path)
    if handle is None:
        return None
    try:
        if not 0 < os.fstat(handle).st_size <= MAX_FILE:
            return None
        view = memoryview(mmap.mmap(handle, 0, prot=mmap.PROT_READ))
    except (OSError, ValueError):
        return None
    finally:
        os.close(handle)
    found = _parse(view, key)
    if found is not None:
        with contextlib.suppress(OSError):
            os.utime(path)
    return found


def store(folder: Path, key: bytes, index: Index) -> None:
    """Keep an index. A folder that can't be written means that the next run builds it again: no error."""
    target, scratch = path_of(folder, key), None
    with contextlib.suppress(OSError):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file 0600; the rename shows it to others only when it is complete.
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=".building-")
        with open(handle, "w+b") as file:
            _write(file, key, index)
        os.rename(scratch, target)
        scratch = None
        forget_oldest(target, MAX_ALL)
    if scratch is not None:
        with contextlib.suppress(OSError):
            os.unlink(scratch)


def _write(file: BinaryIO, key: bytes, index: Index) -> None:
    parts: list[tuple[int, Any]] = [(1, index.texts[name]) for name in TEXTS]
    parts += [_stored(index.arrays[name]) for name in ARRAYS]
    file.write(_MAGIC + key + _TABLE.pack(*(n for kind, part in parts for n in (memoryview(part).nbytes, kind))))
    for _, part in parts:
        # Every part is padded, so that the next one is aligned; the sizes are the true ones.
        file.write(part)
        file.write(bytes(-memoryview(part).nbytes % 8))
    file.flush()
    # What was written is mapped for the checksum, since the parts together are too large to have them twice.
    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view, memoryview(view) as body:
        seal = checksum.checksum(body)
    file.write(seal)


def _stored(column: Column) -> tuple[int, Column]:
    kind = 4 if column.dtype == _KINDS[4] else 8
    return kind, np.ascontiguousarray(column, dtype=_KINDS[kind])


def _parse(raw: memoryview, key: bytes) -> Index | None:
    start = len(_MAGIC) + len(key)
    head = start + _TABLE.size
    if len(raw) < head + checksum.SIZE or len(raw) % 8 or raw[:start] != _MAGIC + key:
        return None
    body = raw[: -checksum.SIZE]
    if checksum.checksum(body) != raw[-checksum.SIZE :]:
        return None
    table = _TABLE.unpack_from(raw, start)
    parts, at = list[tuple[int, memoryview]](), head
    for size, kind in zip(table[::2], table[1::2], strict=True):
        parts.append((kind, body[at : at + size]))
        at += size + -size % 8
    if at != len(body) or any(kind not in _KINDS or len(part) % kind for kind, part in parts):
        return None
    texts = {name: part for name, (_, part) in zip(TEXTS, parts, strict=False)}
    numbers = zip(ARRAYS, parts[len(TEXTS) :], strict=True)
    return Index(texts, {name: np.frombuffer(part, dtype=_KINDS[kind]) for name, (kind, part) in numbers})
