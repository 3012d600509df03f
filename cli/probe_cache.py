"""Compiled probes kept in the user's cache folder: the same spec for the same build is compiled once.

What is kept is a bundle, checked when it is read like any other; one that is damaged or can't be written is done
without. The key covers everything that a compilation reads: the spec's bytes, the build, the options, and sey itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path, PurePath

import sey
from sey.binary.cachedir import cache_folder
from sey.binary.errors import SeyError
from sey.binary.identity import Identity
from sey.runtime.bundle import Bundle

_KEPT = 64


def cache_key(name: str, texts: Sequence[bytes] | None, builds: Iterable[Identity], options: str) -> str:
    """The key of a compilation: the spec by its file's name and the texts that it consists of (None: without one),
    builds, options.
    """
    digest = hashlib.sha256(_own_stamp())
    called = PurePath(name).name.encode("utf-8", "surrogateescape")
    for part in (called, *(texts if texts is not None else (b"\0none",)), options.encode()):
        digest.update(len(part).to_bytes(8, "little") + part)
    for build in builds:
        digest.update(build.key.encode())
    return digest.hexdigest()[:40]


@cache
def _own_stamp() -> bytes:
    """Changes with every change of sey's own files."""
    root = Path(sey.__file__).parent
    stamps = sorted(f"{path}:{stat.st_mtime_ns}:{stat.st_size}" for path, stat in _own_files(root))
    return hashlib.sha256("\n".join(stamps).encode()).digest()


def _own_files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            if name.endswith((".py", ".ir", ".json", ".lark", ".sey")):
                path = os.path.join(folder, name)
                yield path, os.stat(path)


def load(key: str) -> Bundle | None:
    """The bundle under a key, None where there is none that can be read."""
    path = _path(key)
    if path is None or not path.exists():
        return None
    try:
        bundle = Bundle.load(str(path))
        os.utime(path)
    except (SeyError, OSError):
        return None
    return bundle


def save(key: str, bundle: Bundle) -> None:
    """Keep a bundle, and forget the ones that were not used for longest."""
    path = _path(key)
    if path is None:
        return
    with contextlib.suppress(SeyError, OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        bundle.save(str(path))
        kept = sorted(path.parent.glob("*.seyp"), key=lambda p: p.stat().st_mtime)
        for old in kept[:-_KEPT]:
            old.unlink(missing_ok=True)


def _path(key: str) -> Path | None:
    folder = cache_folder("probes")
    return folder / f"{key}.seyp" if folder else None
