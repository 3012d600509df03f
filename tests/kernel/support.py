"""Takes snapshots of running targets for the tests, and asks their tables."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from sey.frontend.compile import Options, compile_spec
from sey.frontend.source import Source
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture
from sey.runtime.decode.tables import decode_capture
from sey.runtime.process import Process
from sey.runtime.snapshot import Limits, Request, take
from tests.support.gobuild import ROOT

INDEXES = ROOT / ".cache" / "indexes"

# The command as a user has it; no shell finds another one.
SEY = [str(Path(sys.executable).with_name("sey"))]


@functools.cache
def compiled(executable: Path, spec: str) -> Bundle:
    """The bundle of a spec (empty: goroutines and stacks alone) for an executable, with what it lacks left out."""
    source = Source("test.sey", spec) if spec else None
    return compile_spec(source, [str(executable)], Options(allow_missing=True, cache_dir=INDEXES)).bundle


class Tables:
    """The tables of a capture, asked with SQL."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._connection = duckdb.connect()
        for name, table in decode_capture(capture).items():
            self._connection.register(name, table)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query, each as an object."""
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str) -> dict[str, Any]:
        """The one row of a query."""
        (row,) = self.rows(sql)
        return row


def snapshot(pid: int, executable: Path, spec: str = "", limits: Limits | None = None) -> Tables:
    """Snapshot one process. Raises SeyError."""
    # The machine of the tests may be busy: what a short pause leaves out is no part of what is tested here.
    limits = limits or Limits(max_pause_ns=5_000_000_000)
    return Tables(take([compiled(executable, spec)], [Request(Process.look(pid), 0, 0)], limits))


def sey(*arguments: str, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; what it writes is never a Python traceback."""
    done = subprocess.run(
        [*SEY, *arguments], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def start_sey(arguments: Sequence[str], cwd: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, its output kept."""
    return subprocess.Popen(
        [*SEY, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONFAULTHANDLER": ""},
    )
