"""Installs a server with `go install`, runs it on loopback, asks it about itself over HTTP, and always ends it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.support import Tables
from tests.support.gobuild import ROOT, go_command
from tests.support.godump import Goroutine, parse_dump

CACHE = ROOT / ".cache" / "servers"
_PATIENCE = 60.0


@dataclass(frozen=True)
class Running:
    """A server that runs in `folder`: `ports` are its own, by name; `stderr` holds what it wrote."""

    server: Server
    executable: Path
    process: subprocess.Popen[bytes]
    ports: Mapping[str, int]
    folder: Path

    @property
    def pid(self) -> int:
        """Its process's id."""
        return self.process.pid

    def get(self, port: str, path: str) -> str:
        """What it answers to GET. Raises OSError."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=_PATIENCE) as answer:
            text: bytes = answer.read()
            return text.decode(errors="replace")

    def post(self, port: str, path: str, body: object) -> None:
        """POST it as JSON. Raises OSError."""
        self._send("POST", port, path, body)

    def put(self, port: str, path: str, body: object) -> None:
        """PUT it as JSON. Raises OSError."""
        self._send("PUT", port, path, body)

    def _send(self, method: str, port: str, path: str, body: object) -> None:
        url = f"http://127.0.0.1:{self.ports[port]}{path}"
        head = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(body).encode(), head, method=method)
        with urllib.request.urlopen(request, timeout=_PATIENCE):
            pass

    def ask(self, port: str, path: str) -> Any:
        """What it answers to GET, as JSON."""
        return json.loads(self.get(port, path))

    def dump(self) -> list[Goroutine]:
        """Its goroutines as its own profile page shows them."""
        return parse_dump(self.get(self.server.profiles, "/debug/pprof/goroutine?debug=2"))

    def quit_dump(self) -> list[Goroutine]:
        """Ends it by SIGQUIT and reads its last dump."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(_PATIENCE)
        return parse_dump(self.stderr())

    def stderr(self) -> str:
        """All that it wrote so far."""
        return (self.folder / "output").read_text(errors="replace")


@dataclass(frozen=True)
class Server:
    """A server to try.

    `ports` name the ports it gets; `arguments` and `load` get it with these. `load` holds work going on (clients
    connected, requests in flight) for as long as its block lasts. `compare` gives what a snapshot with `spec` says
    otherwise than the server itself. `functions` matches the names of some of its functions, `waits_in` is one that a
    goroutine is in while there is load; `built` is what `sey ps` says of how it was built.
    """

    name: str
    module: str
    go: str
    ports: tuple[str, ...]
    ready: tuple[str, str]
    profiles: str
    arguments: Callable[[Path, Mapping[str, int]], list[str]]
    load: Callable[[Running], contextlib.AbstractContextManager[None]]
    spec: str
    compare: Callable[[Running, Tables], list[str]]
    functions: str
    waits_in: str
    cgo: bool = False
    quits_with_dump: bool = False


@functools.cache
def install(server: Server) -> Path:
    """Its executable, built once and kept. Fails the calling test, with the words of `go`, where it can't be had."""
    key = hashlib.sha256(repr((server.module, server.go, server.cgo)).encode()).hexdigest()[:12]
    output = CACHE / f"{server.name}-{server.go}-{key}"
    if output.exists():
        return output
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="installing-") as scratch:
        environment = {
            **os.environ,
            **{"GOBIN": scratch, "GOFLAGS": "", "GOTOOLCHAIN": server.go, "CGO_ENABLED": str(int(server.cgo))},
        }
        command = [go_command(), "install", server.module]
        done = subprocess.run(command, env=environment, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"GOTOOLCHAIN={server.go} {' '.join(command)}:\n{done.stdout}{done.stderr}")
        (made,) = Path(scratch).iterdir()
        made.rename(output)
    return output


def stripped(executable: Path) -> Path:
    """A copy without debug information, as distributions ship programs; pclntab and build info are still there."""
    output = executable.with_name(f"{executable.name}-stripped")
    if not output.exists():
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="stripping-") as scratch:
            made = Path(scratch) / "made"
            subprocess.run(["strip", "--strip-debug", "-o", str(made), str(executable)], check=True)
            made.rename(output)
    return output


@contextlib.contextmanager
def running(server: Server, executable: Path, folder: Path) -> Iterator[Running]:
    """The server, ready and with load on it; killed at the end of the block."""
    ports = _free_ports(server.ports)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [str(executable), *server.arguments(folder, ports)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
        )
    run = Running(server, executable, process, ports, folder)
    try:
        _await_ready(run)
        with server.load(run):
            yield run
            if process.poll() is None:
                process.kill()  # Before its clients go, which wait for answers that never come.
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _free_ports(names: tuple[str, ...]) -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


def _await_ready(run: Running) -> None:
    wait_for(lambda: run.get(*run.server.ready), run)


def wait_for(succeeds: Callable[[], Any], run: Running) -> None:
    """Until this neither raises OSError nor gives something false. Raises TimeoutError with the server's words."""
    deadline = time.monotonic() + _PATIENCE
    while run.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if succeeds():
                return
        time.sleep(0.05)
    raise TimeoutError(f"{run.server.name} isn't ready (status {run.process.poll()}):\n{run.stderr()[-4000:]}")


def unlike(tables: Tables, expected: Mapping[str, list[dict[str, Any]]], order: str) -> list[str]:
    """What differs between tables, in that order, and the rows that the server told, all with the same columns."""
    wrong = []
    for table, theirs in expected.items():
        ours = tables.rows(f"select {', '.join(theirs[0])} from {table} order by {order}")
        if ours != theirs:
            wrong += [f"{table}:", *(f"   told {row}" for row in theirs), *(f"   own  {row}" for row in ours)]
    return wrong
