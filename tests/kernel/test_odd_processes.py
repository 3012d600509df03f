"""Processes that are hard to stop or to read, captured by the command: without a main thread, swapped out, frozen."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sey.runtime.capture import Capture
from tests.kernel.support import SEY, Tables, sey
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

NUMBERS = 'func "main.hold" { number }\n'
PAGEOUT, PROCESS_MADVISE = 21, 440  # include/uapi/asm-generic/mman-common.h, arch/x86/entry/syscalls/syscall_64.tbl
GROUPS = Path("/sys/fs/cgroup")


class Range(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


@pytest.fixture(autouse=True)
def _kernel() -> None:
    require_bpf()


def numbers(target: Target, folder: Path) -> tuple[list[int], str]:
    """What the `hold` frames had for `number`, and what the command said."""
    (folder / "p.sey").write_text(NUMBERS)
    done = sey("snapshot", "p.sey", "-p", str(target.pid), "-o", "x.seyc", "--max-pause", "5s", cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = Tables(Capture.load(str(folder / "x.seyc"))).rows("select number from hold order by number")
    return [row["number"] for row in rows], done.stderr


@pytest.mark.parametrize("mode", ["plain", "nodwarf", "pie"])
def test_a_process_whose_main_thread_has_ended(tmp_path: Path, mode: str) -> None:
    """Of its id, /proc then has neither executable nor memory: these must come from another thread."""
    with run_target(build("threads", mode=mode), "3", "0", "orphan") as target:
        deadline = time.monotonic() + 5
        while "Z (zombie)" not in Path(f"/proc/{target.pid}/status").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if mode != "nodwarf":
            assert numbers(target, tmp_path)[0] == [0, 1, 2]
            assert "number" in sey("vars", str(target.pid), "main.hold").stdout
        done = sey("stacks", str(target.pid), "--json")
        assert "main.hold" in done.stdout, done.stderr
        assert target.pid in [each["pid"] for each in json.loads(sey("ps", "--json").stdout)]
        assert target.alive()


@contextlib.contextmanager
def swap(file: Path) -> Iterator[None]:
    """At least 64 MiB of it."""
    if len(Path("/proc/swaps").read_text().splitlines()) > 1:
        yield
        return
    with file.open("wb") as content:
        os.posix_fallocate(content.fileno(), 0, 64 << 20)
    file.chmod(0o600)
    for command in (["mkswap", str(file)], ["swapon", str(file)]):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no swap file can be used here")
    try:
        yield
    finally:
        subprocess.run(["swapoff", str(file)], check=True)
        file.unlink()


def push_out(pid: int) -> int:
    """Reclaim all pages of a process, to swap and from its files; KiB of it in swap."""
    process = os.pidfd_open(pid)
    libc = ctypes.CDLL(None)
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        start, _, end = line.split()[0].partition("-")
        piece = Range(int(start, 16), int(end, 16) - int(start, 16))
        libc.syscall(PROCESS_MADVISE, process, ctypes.byref(piece), ctypes.c_size_t(1), PAGEOUT, 0)
    os.close(process)
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmSwap"))


def test_a_process_that_is_swapped_out(tmp_path: Path) -> None:
    with swap(tmp_path / "swap"), run_target(build("threads"), "200", "0") as target:
        assert numbers(target, tmp_path)[0] == list(range(200))
        before = push_out(target.pid)
        if before < 1000:
            pytest.skip("pages can't be pushed out here")
        assert numbers(target, tmp_path)[0] == list(range(200))
        assert target.alive()


@contextlib.contextmanager
def frozen(pid: int, version: int) -> Iterator[None]:
    """The process in a group of its own that is frozen, as `docker pause` does."""
    parent = next((path for path in (GROUPS / "unified", GROUPS) if (path / "cgroup.procs").exists()), GROUPS)
    group = (GROUPS / "freezer" if version == 1 else parent) / f"sey-test-{pid}"
    file, freeze, thaw = ("freezer.state", "FROZEN", "THAWED") if version == 1 else ("cgroup.freeze", "1", "0")
    try:
        group.mkdir()
    except OSError:
        pytest.skip(f"no control groups of version {version} to use here")
    try:
        (group / "cgroup.procs").write_text(str(pid))
        if not (group / file).exists():
            pytest.skip(f"no freezer of version {version} here")
        (group / file).write_text(freeze)
        time.sleep(0.1)
        yield
    finally:
        if (group / file).exists():
            (group / file).write_text(thaw)
        (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()


@pytest.mark.parametrize("version", [1, 2])
def test_a_frozen_process(tmp_path: Path, version: int) -> None:
    """Frozen by version 2 it is stopped and read as ever; by version 1 no thread comes to a stop, which is told."""
    with run_target(build("threads"), "3", "0") as target:
        with frozen(target.pid, version):
            found, said = numbers(target, tmp_path)
            assert found == [0, 1, 2]
            assert ("sat in the kernel and did not stop" in said) == (version == 1)
            traced = [file.read_text() for file in Path(f"/proc/{target.pid}/task").glob("*/status")]
            assert all("TracerPid:\t0" in status for status in traced)
        assert target.alive()
        assert numbers(target, tmp_path)[0] == [0, 1, 2]


def test_without_new_privileges(tmp_path: Path) -> None:
    """Where sey itself may gain none (no_new_privs, as containers set it): it needs none beyond those it has."""
    with run_target(build("threads"), "3", "0") as target:
        command = ["setpriv", "--no-new-privs", *SEY, "stacks", str(target.pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert "main.hold" in done.stdout, done.stderr
