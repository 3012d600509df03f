"""Core files of running targets: by gdb of a process that is held still, by the kernel of one that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sey.runtime.capture import Capture
from sey.runtime.dump import open_dump
from sey.runtime.postmortem import take_dump
from sey.runtime.snapshot import Limits
from tests.kernel.support import Tables, compiled
from tests.support.target import Target

_PATTERN = Path("/proc/sys/kernel/core_pattern")


def gdb_core(pid: int, path: Path) -> Path:
    """The core of a running process, written by gdb as `gcore` does."""
    gdb = shutil.which("gdb")
    if gdb is None:
        pytest.skip("needs gdb, which writes cores as `gcore` does")
    command = [gdb, "-nx", "-batch", "-p", str(pid), "-ex", f"generate-core-file {path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert path.exists(), done.stdout + done.stderr
    return path


@contextlib.contextmanager
def kernel_cores(folder: Path) -> Iterator[None]:
    """Let the kernel write the cores of processes started in the block to `folder`, their working directory.

    One block at a time on the machine, so none within another: what one has found must not be put back while the
    other needs its own.
    """
    with _PATTERN.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = _PATTERN.read_text()
        if before.startswith("|") or "/" in before:
            if os.geteuid() != 0:
                pytest.skip(f"the kernel gives cores elsewhere: {before.strip()}")
            _PATTERN.write_text("core")
        try:
            with _cores_in(folder):
                yield
        finally:
            if _PATTERN.read_text() != before:
                _PATTERN.write_text(before)


@contextlib.contextmanager
def _cores_in(folder: Path) -> Iterator[None]:
    limits, here = resource.getrlimit(resource.RLIMIT_CORE), Path.cwd()
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        resource.setrlimit(resource.RLIMIT_CORE, limits)


def ended(target: Target, folder: Path, by: signal.Signals | None = signal.SIGABRT) -> Path:
    """The core that a target leaves as it ends by a signal (None: by itself); start it inside of `kernel_cores`."""
    if by is not None:
        target.process.send_signal(by)
    target.process.wait(60)
    (core,) = folder.glob("core*")
    return core.rename(folder / f"dumped-{target.pid}")


def captured(core: Path, executable: Path, spec: str = "") -> Capture:
    """A capture of a core's process."""
    return take_dump(compiled(executable, spec), 0, open_dump(str(core), str(executable)), Limits())


def tables(core: Path, executable: Path, spec: str = "") -> Tables:
    """Its tables."""
    return Tables(captured(core, executable, spec))
