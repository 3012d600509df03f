"""The Go processes of this host, and for each whether it can be captured and, if not, why."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sey.binary import problems
from sey.binary.errors import Problem, SeyError
from sey.binary.gobinary import open_go, require_debug_info
from sey.binary.layouts import layout_of
from sey.runtime.bpf_errors import missing_capabilities
from sey.runtime.process import OnDisk, Process, all_pids, living_folder, renamed, require_own_proc

_BUILD_INFO = b"\xff Go buildinf:"  # debug/buildinfo of the Go tree
_STRIPPED = {problems.DwarfStripped: "-w", problems.SymbolsStripped: "-s"}


@dataclass(frozen=True)
class GoProcess:
    """A process that runs a Go program.

    `go_version` is as the binary spells it, empty where it can't be read; `module` the path of the main module, empty
    for programs built outside of one. `debug_info` is `full`, or what took it away: `-w` (DWARF; stacks can be captured
    without it, variables can't), `-s` (the symbols too); empty where unknown. `reasons` says what keeps us from
    capturing it; empty where nothing does. `on_disk` is whether `executable` still names the file that runs.
    """

    pid: int
    user: int
    name: str
    executable: str
    go_version: str
    module: str
    debug_info: str
    reasons: tuple[Problem, ...]
    on_disk: OnDisk
    built: tuple[str, ...] = ()
    """What is special about how it was built, in words of the go command: `cgo`, `pie`, `-race`, …"""

    @property
    def capturable(self) -> bool:
        """Whether nothing is known to keep us from capturing it."""
        return not self.reasons


@dataclass(frozen=True)
class Listing:
    """The Go processes by pid, and how many processes couldn't be told for want of permission."""

    processes: tuple[GoProcess, ...]
    hidden: int


class _Program(NamedTuple):
    """What an executable says of itself."""

    go_version: str
    module: str
    debug_info: str
    reasons: tuple[Problem, ...]
    built: tuple[str, ...] = ()


def list_go_processes() -> Listing:
    """Look at every process of this pid namespace. Those that end meanwhile are left out.

    Raises SeyError where /proc isn't that of our pid namespace.
    """
    require_own_proc()
    found, hidden = [], 0
    programs: dict[tuple[int, ...], _Program | None] = {}
    host = missing_capabilities()
    for pid in sorted(all_pids()):
        try:
            path = f"{living_folder(pid)}/exe"
            status = os.stat(path)
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue  # a kernel thread, or gone
        identity = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if identity not in programs:
            programs[identity] = _program(path)
        program = programs[identity]
        if program is not None and (process := _process(pid, program, host)):
            found.append(process)
    return Listing(tuple(found), hidden)


def _process(pid: int, program: _Program, host: Problem | None) -> GoProcess | None:
    try:
        process = Process.look(pid)
        executable = process.executable
    except SeyError:
        return None
    reasons = [renamed(problem, executable) for problem in program.reasons]
    try:
        process.require_capturable()
    except SeyError as error:
        # What the file says of an architecture is said already.
        reasons += error.problems if not reasons else ()
    if host is not None:
        reasons.append(host)
    return GoProcess(
        pid, process.uid, process.name, executable, *program[:3], tuple(reasons), process.on_disk(), program.built
    )


def _program(path: str) -> _Program | None:
    """What the executable at `path` is; None unless Go made it."""
    try:
        binary = open_go(path)
    except SeyError as error:
        problem = error.problems[0]
        match problem:
            case problems.GoTooOld():
                return _Program(problem.version, "", "", error.problems)
            case problems.UnsupportedClass() | problems.UnsupportedMachine() if _has_build_info(path):
                return _Program("", "", "", error.problems)
            case _:
                return None
    with binary.elf:
        version, module = binary.build.version.text, binary.build.module
        built = _built(binary.build.settings)
        try:
            require_debug_info(binary)
        except SeyError as error:
            stripped = next((flag for kind, flag in _STRIPPED.items() if isinstance(error.problems[0], kind)), "")
            known = stripped == "-w" and layout_of(binary.build.version) is not None
            return _Program(version, module, stripped, () if known else error.problems, built)
    return _Program(version, module, "full", (), built)


def _built(settings: Mapping[str, str]) -> tuple[str, ...]:
    """What a person would want to know of how a program was built, where it isn't as by plain `go build`."""
    words = ["cgo"] if settings.get("CGO_ENABLED") == "1" else []
    if (mode := settings.get("-buildmode", "exe")) != "exe":
        words.append(mode)
    words += [flag for flag in ("-race", "-msan", "-asan", "-trimpath") if settings.get(flag) == "true"]
    if "-N" in settings.get("-gcflags", ""):
        words.append("not optimized")
    return tuple(words)


def _has_build_info(path: str) -> bool:
    """Whether an executable that we can't read further is Go's."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(_BUILD_INFO) >= 0
    except (OSError, ValueError):
        return False
