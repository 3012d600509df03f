"""The index on disk: found by the binary's identity, believed only when every check holds.

A file is `_MAGIC`, the key, a table of parts (name, kind, size), the parts, and a checksum over all of it. Anything
else than a complete file of this version, made by this user for this very binary, is as good as none: it is rebuilt.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import tempfile
from pathlib import Path

import numpy as np

from sey.frontend.debuginfo.index import ARRAYS, TEXTS, Index

_MAGIC = b"sey-idx2"
"""Changes with anything that changes what an index says of the same binary."""
_KEY_SIZE = 32
_DIGEST_SIZE = 16
_SIZES = struct.Struct(f"<{len(TEXTS) + len(ARRAYS)}Q")
_MAX_FILE = 1 << 31


def default_folder() -> Path | None:
    """Where indexes are kept: $SEY_CACHE_DIR, else $XDG_CACHE_HOME/sey, else ~/.cache/sey; None without a home."""
    if own := os.environ.get("SEY_CACHE_DIR"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "sey"
    try:
        return Path.home() / ".cache" / "sey"
    except RuntimeError:
        return None


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
    try:
        handle = os.open(path_of(folder, key), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
        if not own or status.st_size > _MAX_FILE:
            return None
        with open(handle, "rb", closefd=False) as file:
            return _parse(file.read(), key)
    except OSError:
        return None
    finally:
        os.close(handle)


def store(folder: Path, key: bytes, index: Index) -> None:
    """Keep an index. A folder that can't be written means that the next run builds it again: no error."""
    target, scratch = path_of(folder, key), None
    with contextlib.suppress(OSError):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file 0600; the rename shows it to others only when it is complete.
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=".building-")
        with open(handle, "wb") as file:
            file.write(_format(key, index))
        os.rename(scratch, target)
        scratch = None
    if scratch is not None:
        with contextlib.suppress(OSError):
            os.unlink(scratch)


def _format(key: bytes, index: Index) -> bytes:
    parts = [index.texts[name] for name in TEXTS]
    parts += [index.arrays[name].astype("<i8").tobytes() for name in ARRAYS]
    # Texts are padded so that the arrays behind them are aligned; the sizes are the true ones.
    padded = b"".join(part + bytes(-len(part) % 8) for part in parts)
    body = _MAGIC + key + _SIZES.pack(*map(len, parts)) + padded
    return body + hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest()


def _parse(raw: bytes, key: bytes) -> Index | None:
    head = len(_MAGIC) + len(key) + _SIZES.size
    if len(raw) < head + _DIGEST_SIZE or raw[: len(_MAGIC) + len(key)] != _MAGIC + key:
        return None
    body = memoryview(raw)[:-_DIGEST_SIZE]
    if hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest() != raw[-_DIGEST_SIZE:]:
        return None
    parts, at = list[memoryview](), head
    for size in _SIZES.unpack_from(raw, len(_MAGIC) + len(key)):
        parts.append(body[at : at + size])
        at += size + -size % 8
    if at != len(body):
        return None
    texts = {name: bytes(part) for name, part in zip(TEXTS, parts, strict=False)}
    arrays = {name: np.frombuffer(part, dtype="<i8") for name, part in zip(ARRAYS, parts[len(TEXTS) :], strict=True)}
    return Index(texts, arrays)
