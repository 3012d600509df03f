"""Delve as a second opinion: builds it, serves a core with it, and asks for the variables of every frame.

Delve's headless server speaks JSON-RPC 1.0 over TCP; the names of methods and fields are those of its package
`service/rpc2` and `service/api` (v1.27.1).
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.gobuild import ROOT, ToolchainMissingError, go_command

VERSION = "v1.27.1"
_MODULE = f"github.com/go-delve/delve/cmd/dlv@{VERSION}"
_CACHE = ROOT / ".cache" / "delve"
_PATIENCE = 120.0
_FRAMES = 200
LOAD = {
    "FollowPointers": True,
    "MaxStringLen": 512,
    "MaxArrayValues": 64,
    "MaxStructFields": -1,
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """A frame as Delve sees it, inlined ones too; `depth` counts from the innermost, `variables` are Delve's own."""

    goid: int
    depth: int
    function: str
    pc: int
    line: int
    variables: tuple[Json, ...]


@functools.cache
def install() -> Path:
    """Delve's executable, built once and kept. Skips (fails under SEY_REQUIRE_KERNEL=1) where it can't be had."""
    output = _CACHE / f"dlv-{VERSION}"
    if output.exists():
        return output
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE, prefix="installing-") as scratch:
        env = {**os.environ, "GOBIN": scratch, "GOFLAGS": "", "CGO_ENABLED": "0"}
        try:
            command = [go_command(), "install", _MODULE]
        except ToolchainMissingError as missing:
            _unavailable(str(missing))
        done = subprocess.run(command, env=env, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode:
            _unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
        (Path(scratch) / "dlv").rename(output)
    return output


def _unavailable(why: str) -> NoReturn:
    if os.environ.get("SEY_REQUIRE_KERNEL") == "1":
        pytest.fail(f"needs Delve: {why}")
    pytest.skip(f"needs Delve: {why}")


class Delve:
    """A connection to Delve as it serves one core."""

    def __init__(self, connection: socket.socket, recurse: int) -> None:
        self._load = {**LOAD, "MaxVariableRecurse": recurse}
        self._file = connection.makefile("rwb")
        self._number = 0

    def call(self, method: str, **arguments: Any) -> Any:
        """The result of an RPC. Raises AssertionError with Delve's own words where it fails."""
        self._number += 1
        request = {"method": f"RPCServer.{method}", "params": [arguments], "id": self._number}
        self._file.write(json.dumps(request).encode() + b"\n")
        self._file.flush()
        answer = json.loads(self._file.readline())
        assert answer["error"] is None, f"{method}: {answer['error']}"
        return answer["result"]

    def goroutines(self) -> list[int]:
        """Ids of all goroutines."""
        found, start = list[int](), 0
        while start >= 0:
            result = self.call("ListGoroutines", Start=start, Count=1000)
            found += [g["id"] for g in result["Goroutines"]]
            start = result["Nextg"]
        return found

    def frames(self, goid: int) -> list[Frame]:
        """A goroutine's frames, innermost first, with all their variables."""
        result = self.call("Stacktrace", Id=goid, Depth=_FRAMES, Full=True, Cfg=self._load)
        frames = []
        for depth, frame in enumerate(result["Locations"]):
            variables = (*(frame["Arguments"] or ()), *(frame["Locals"] or ()))
            name = (frame.get("function") or {}).get("name", "")
            frames.append(Frame(goid, depth, name, frame["pc"], frame["line"], variables))
        return frames


@contextlib.contextmanager
def delve_of(core: Path, executable: Path, recurse: int = 3) -> Iterator[Delve]:
    """Delve with a core open, ended with the block; `recurse` is how deep it loads values."""
    listener = socket.create_server(("127.0.0.1", 0))
    host, port = listener.getsockname()[:2]
    listener.close()
    command = [
        *(str(install()), "core", str(executable), str(core), "--headless", "--api-version=2"),
        *("--check-go-version=false", f"--listen={host}:{port}"),
    ]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert "listening" in said, said + process.stdout.read()
            with socket.create_connection((host, port), timeout=_PATIENCE) as connection:
                yield Delve(connection, recurse)
        finally:
            process.kill()
            process.communicate()
