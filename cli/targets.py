"""TARGETs: a binary by its path, or that of a process by its id."""

from __future__ import annotations

import os
from collections.abc import Iterable

from sey.binary.errors import SeyError
from sey.binary.gobinary import open_go
from sey.cli.params import is_pid
from sey.runtime.host_errors import NoSuchProcess, NotGo
from sey.runtime.process import Process


def binary_of(target: str) -> str:
    """The path of a TARGET's binary. Raises SeyError where it means a process that can't be looked into."""
    if not is_pid(target):
        return target
    if len(target) > 9 or int(target) == 0:
        raise SeyError(NoSuchProcess(int(target[:18])))
    return executable_path(Process.look(int(target)))


def executable_path(process: Process) -> str:
    """A path that opens the very file that a process runs: its own name where that still is the file.

    In another root than ours it is /proc/PID/exe, from which debug files in that root are found. Raises SeyError.
    """
    named = process.executable
    try:
        if os.path.samefile(f"{process.folder}/root", "/") and os.path.samefile(named, process.exe_path):
            return named
    except OSError:
        pass  # deleted, replaced, of another mount namespace, or its root isn't ours to see
    return process.exe_path


def require_go(process: Process) -> str:
    """The path of a process's executable, which must be a Go program. Raises SeyError."""
    process.require_capturable()
    path = executable_path(process)
    try:
        open_go(path)
    except SeyError as error:
        if any(type(problem).__name__ in ("NotGo", "NotElf") for problem in error.problems):
            raise SeyError(NotGo(process.pid, process.executable)) from None
        raise
    return path


def same_binary(processes: Iterable[Process]) -> dict[tuple[int, int], list[Process]]:
    """Processes by the file that they run."""
    found: dict[tuple[int, int], list[Process]] = {}
    for process in processes:
        stat = os.stat(process.exe_path)
        found.setdefault((stat.st_dev, stat.st_ino), []).append(process)
    return found
