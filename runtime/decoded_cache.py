"""Decoded captures kept as DuckDB files in the user's cache folder, by the contents of the capture.

Only large ones: opening a file takes longer than decoding some thousand goroutines. A file that can't be opened is
made again; one that can't be written is done without.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import duckdb

from sey.binary.cachedir import cache_folder
from sey.binary.errors import SeyError
from sey.runtime.capture import Capture
from sey.runtime.decode.tables import stream_capture
from sey.runtime.duck import fill, literal
from sey.runtime.files import replacing

DECODER = 5
"""Raise it when tables change: files of other decoders aren't used."""

_SMALLEST = 8 << 20
_KEPT = 8
_ROW_GROUP = 8192
"""Rows that DuckDB holds in memory, uncompressed, before they are written; its own 122 880 take some 100 MB more."""


def attach(connection: duckdb.DuckDBPyConnection, capture: Capture, catalog: str) -> bool:
    """Attach the decoded form as the database `catalog`, made first where it isn't kept yet. False where the capture is
    small or there is no place to keep it.
    """
    size = sum(process.size for process in capture.processes)
    folder = cache_folder("decoded")
    if size < _SMALLEST or not capture.digest or folder is None:
        return False
    path = folder / f"{capture.digest}-{DECODER}-{duckdb.__version__}.duckdb"
    if _attached(connection, path, catalog):
        with contextlib.suppress(OSError):
            os.utime(path)
        return True
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path, capture)
    except (OSError, SeyError, duckdb.Error):
        return False
    _forget_old(folder)
    return _attached(connection, path, catalog)


def _attached(connection: duckdb.DuckDBPyConnection, path: Path, catalog: str) -> bool:
    if not path.exists():
        return False
    try:
        connection.execute(f"attach {literal(str(path))} as {catalog} (read_only)")
    except duckdb.Error:
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    return True


def _make(path: Path, capture: Capture) -> None:
    with replacing(str(path)) as temporary, duckdb.connect(":memory:", config={"threads": 1}) as target:
        target.execute(f"attach {literal(temporary)} as kept (row_group_size {_ROW_GROUP})")
        fill(target, "kept", stream_capture(capture))
        target.execute("detach kept")


def _forget_old(folder: Path) -> None:
    with contextlib.suppress(OSError):
        files = sorted(folder.glob("*.duckdb"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[_KEPT:]:
            file.unlink()
