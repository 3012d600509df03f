"""What was made of a binary on disk, above all its index: found by its identity, believed only when every check holds.

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
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from sey.binary.cachedir import forget_oldest, open_own
from sey.frontend.debuginfo import checksum
from sey.frontend.debuginfo.index import ARRAYS, TEXTS, Column, Index

_MAGIC = b"sey-idx5"
"""Changes with anything that changes what an index says of the same binary."""
_KEY_SIZE = 32
_KINDS: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 4: np.dtype("<u4"), 8: np.dtype("<i8")}
"""Kinds of parts, by the size of an item: text, numbers of 32 and of 64 bits."""
MAX_FILE = 1 << 31
MAX_ALL = 1 << 30
"""Bytes that all files of a form may take; beyond them those go that weren't used for longest."""


class Form(NamedTuple):
    """What a file holds: names of texts and of columns of numbers (none negative), and its suffix."""

    suffix: str
    texts: tuple[str, ...]
    arrays: tuple[str, ...]

    @property
    def table(self) -> struct.Struct:
        """Size and kind of each part."""
        return struct.Struct(f"<{2 * (len(self.texts) + len(self.arrays))}Q")


class Contents(NamedTuple):
    """Texts and columns of a file, by name."""

    texts: Mapping[str, bytes | memoryview]
    arrays: Mapping[str, Column]


INDEX = Form("idx", TEXTS, ARRAYS)


def cache_key(*parts: bytes) -> bytes:
    """The key for what the parts identify."""
    digest = hashlib.blake2b(digest_size=_KEY_SIZE)
    for part in (_MAGIC, *parts):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def path_of(folder: Path, key: bytes, form: Form = INDEX) -> Path:
    """The file that would hold what is kept with that key."""
    return folder / "index" / f"{key.hex()[:40]}.{form.suffix}"


def load(folder: Path, key: bytes) -> Index | None:
    """The index with that key, or None: not there, or not to be believed."""
    found = load_contents(folder, key, INDEX)
    return None if found is None else Index(*found)


def load_contents(folder: Path, key: bytes, form: Form) -> Contents | None:
    """What is kept in that form with that key, or None."""
    path = path_of(folder, key, form)
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
    found = parse(view, key, form)
    if found is not None:
        with contextlib.suppress(OSError):
            os.utime(path)
    return found


def store(folder: Path, key: bytes, index: Index) -> None:
    """Keep an index. A folder that can't be written means that the next run builds it again: no error."""
    store_contents(folder, key, INDEX, Contents(index.texts, index.arrays))


def store_contents(folder: Path, key: bytes, form: Form, contents: Contents) -> None:
    """Keep what has that form, as `store`."""
    target, scratch = path_of(folder, key, form), None
    with contextlib.suppress(OSError):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file 0600; the rename shows it to others only when it is complete.
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=".building-")
        with open(handle, "w+b") as file:
            _write(file, key, form, contents)
        os.rename(scratch, target)
        scratch = None
        forget_oldest(target, MAX_ALL)
    if scratch is not None:
        with contextlib.suppress(OSError):
            os.unlink(scratch)


def _write(file: BinaryIO, key: bytes, form: Form, contents: Contents) -> None:
    parts: list[tuple[int, Any]] = [(1, contents.texts[name]) for name in form.texts]
    parts += [_stored(contents.arrays[name]) for name in form.arrays]
    file.write(_MAGIC + key + form.table.pack(*(n for kind, part in parts for n in (memoryview(part).nbytes, kind))))
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


def parse(raw: memoryview, key: bytes, form: Form = INDEX) -> Contents | None:
    """What a file with these bytes holds, or None where it isn't a whole one with that key and form."""
    start, head = len(_MAGIC) + len(key), len(_MAGIC) + len(key) + form.table.size
    if len(raw) < head + checksum.SIZE or len(raw) % 8 or raw[:start] != _MAGIC + key:
        return None
    body = raw[: -checksum.SIZE]
    if checksum.checksum(body) != raw[-checksum.SIZE :]:
        return None
    table = form.table.unpack_from(raw, start)
    parts, at = list[tuple[int, memoryview]](), head
    for size, kind in zip(table[::2], table[1::2], strict=True):
        parts.append((kind, body[at : at + size]))
        at += size + -size % 8
    if at != len(body) or any(kind not in _KINDS or len(part) % kind for kind, part in parts):
        return None
    texts = {name: part for name, (_, part) in zip(form.texts, parts, strict=False)}
    numbers = zip(form.arrays, parts[len(form.texts) :], strict=True)
    return Contents(texts, {name: np.frombuffer(part, dtype=_KINDS[kind]) for name, (kind, part) in numbers})
