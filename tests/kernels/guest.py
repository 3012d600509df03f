"""The first process of the guest: asks sey what it can, loads every probe, captures, and sends it all to the host.

What is sent over the second serial line is one JSON object a line, with bytes as compressed base64:

    kernel     {"kernel"}            the release
    doctor     {"doctor", "words", "status"}        its JSON, what a person reads, and the exit status
    object     {"object", "problem", "seconds", "elsewhere"}    for each BPF object: `problem` is what sey's own loader
               says, or null, and `elsewhere` what bpftool complained of
    capture    {"captured", "engine", "status", "words", "capture"}     for each job that asks its target something, by
               each engine, of a process that is stopped meanwhile
    answers    {"target", "told", "alive"}          what the target says afterwards
    failure    {"error"}             a traceback
    end        {"done": true}
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROBES, TARGETS, JOBS, BPFTOOL = Path("/probes"), Path("/targets"), Path("/jobs.json"), Path("/tools/bpftool")
MOUNTS = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("bpf", "/sys/fs/bpf"), ("tmpfs", "/tmp"))
POWER_OFF = 0x4321FEDC
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
OUT = Path("/tmp/now.seyc")

Messages = Iterator[dict[str, Any]]


def main() -> None:
    """Mount, do everything, power off."""
    libc = ctypes.CDLL(None)
    for kind, place in MOUNTS:
        libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    sys.path.insert(0, "/app")
    with Path("/dev/ttyS1").open("w") as line:
        for message in _messages():
            print(json.dumps(message), file=line, flush=True)
    libc.reboot(POWER_OFF)


def _messages() -> Messages:
    yield {"kernel": os.uname().release}
    for step in (_doctor, _objects, _captures):
        yield from _guarded(step)
    yield {"done": True}


def _guarded(step: Callable[[], Messages]) -> Messages:
    try:
        yield from step()
    except Exception:
        yield {"error": traceback.format_exc()}


def _doctor() -> Messages:
    found = _sey("doctor", "--json")
    yield {"doctor": json.loads(found.stdout), "words": _sey("doctor").stdout, "status": found.status}


def _objects() -> Messages:
    from sey.binary.errors import SeyError
    from sey.runtime.bundle import Bundle
    from sey.runtime.ebpf_engine import load_ebpf
    from sey.runtime.engine import room_for

    for path in sorted(PROBES.iterdir()):
        for number, binary in enumerate(Bundle.load(str(path)).binaries):
            assert binary.program is not None
            started, problem = time.monotonic(), None
            try:
                room = room_for(binary.plan, 1000, 256 << 20)
                load_ebpf(binary.program, binary.plan, [threading.get_native_id()], room).close()
            except SeyError as error:
                problem = _words(error)
            seconds = time.monotonic() - started
            name, elsewhere = f"{path.name}/{number}", _by_bpftool(binary.program.object)
            yield {"object": name, "problem": problem, "seconds": seconds, "elsewhere": elsewhere}
            if binary.events is not None:
                yield _events(f"{name}/events", binary.events.program.object)


def _events(name: str, data: bytes) -> dict[str, Any]:
    """Load the object of a program of events."""
    from sey.binary.errors import SeyError
    from sey.runtime.libbpf import BpfObject

    started, problem = time.monotonic(), None
    try:
        with BpfObject.open(data) as bpf:
            bpf.load()
    except SeyError as error:
        problem = _words(error)
    seconds = time.monotonic() - started
    return {"object": name, "problem": problem, "seconds": seconds, "elsewhere": _by_bpftool(data)}


def _by_bpftool(data: bytes) -> str:
    Path("/tmp/probe.o").write_bytes(data)
    pinned = Path("/sys/fs/bpf/probe")
    command = [str(BPFTOOL), "prog", "loadall", "/tmp/probe.o", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        shutil.rmtree(pinned)
    return done.stderr if done.returncode else ""


def _words(error: Any) -> str:
    problem = error.problems[0]
    return "\n".join((f"{problem.code} {problem.message()}", *problem.notes(), problem.advice() or ""))


def _captures() -> Messages:
    from tests.support.target import Target

    for job in json.loads(JOBS.read_text()):
        if not job["asks"]:
            continue
        with Target(TARGETS / job["target"], timeout=300) as target:
            with _stopped(target.pid):
                for engine in job["engines"]:
                    yield _captured(job["probe"], target.pid, engine)
            told = {what: target.ask(what).decode(errors="replace") for what in job["asks"]}
            yield {"target": job["target"], "told": told, "alive": target.alive()}


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _captured(probe: str, pid: int, engine: str) -> dict[str, Any]:
    with contextlib.suppress(FileNotFoundError):
        OUT.unlink()
    # An emulated processor is some twenty times slower than a real one.
    what = (str(PROBES / probe), "-p", str(pid), "-o", str(OUT))
    done = _sey("snapshot", *what, "--max-pause", "60s", "--engine", engine)
    capture = base64.b64encode(zlib.compress(OUT.read_bytes())).decode() if OUT.exists() else None
    return {"captured": probe, "engine": engine, "status": done.status, "words": done.stderr, "capture": capture}


@dataclass(frozen=True)
class _Done:
    status: int
    stdout: str
    stderr: str


def _sey(*arguments: str) -> _Done:
    """Run a command in this process: to start Python takes an emulated processor ten seconds."""
    from sey.cli.main import main as command

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = command(arguments)
    return _Done(status, out.getvalue(), err.getvalue())


if __name__ == "__main__" or os.getpid() == 1:
    main()
