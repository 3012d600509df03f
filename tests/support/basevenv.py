"""An environment with the base package alone, as a production host has it: no compiler, no extras."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.gobuild import ROOT

_BUILT = (".venv", ".cache", ".git", "build", "dist", "__pycache__", ".hypothesis", "*.egg-info", ".*_cache")
_EXTRAS = ("lark", "llvmlite", "numba", "capstone", "pylibbpf", "pygls")


@functools.cache
def base_commands() -> Path:
    """The folder of the environment's commands, `sey` among them, as the working tree is now.

    The environment with its dependencies is kept for as long as pyproject.toml stays the same; the package is put into
    it anew, once a run of pytest: its workers share it. Skips the calling test where pip can't get a dependency: it
    asks for the releases that run these tests, which its cache has.
    """
    key = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()[:12]
    venv = ROOT / ".cache" / f"base-{key}"
    venv.parent.mkdir(exist_ok=True)
    installed, run = venv / "run", os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    with Path(f"{venv}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run or not installed.exists() or installed.read_text() != run:
            _renew(venv)
            installed.write_text(run)
    names = "import importlib.util as u, sys; print(*(n for n in sys.argv[1:] if u.find_spec(n)))"
    found = _run([venv / "bin" / "python", "-I", "-c", names, *_EXTRAS])
    assert found.stdout.split() == [], "the base package asks for what belongs to an extra"
    return venv / "bin"


def _renew(venv: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sey-wheel-") as folder:
        wheel = _wheel(Path(folder))
        if not (venv / "bin" / "sey").exists():
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
            _install(venv, "-c", str(_constraints(Path(folder))), str(wheel))
        else:
            _install(venv, "--no-deps", "--no-index", "--force-reinstall", str(wheel))


def _wheel(folder: Path) -> Path:
    """A wheel of the working tree, built from a copy: builds leave files behind, which later ones take for sources."""
    copy = folder / "source"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*_BUILT, "tests", "bench"))
    _pip(Path(sys.executable), "wheel", "--no-deps", "-w", str(folder), str(copy))
    (wheel,) = folder.glob("sey-*.whl")
    return wheel


def _constraints(folder: Path) -> Path:
    path = folder / "constraints.txt"
    frozen = _run([sys.executable, "-m", "pip", "freeze", "--exclude-editable"]).stdout.splitlines()
    path.write_text("".join(f"{line}\n" for line in frozen if "==" in line))
    return path


def _install(venv: Path, *arguments: str) -> None:
    _pip(venv / "bin" / "python", "install", *arguments)


def _pip(python: Path, *arguments: str) -> None:
    done = _run([python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments])
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1:]
        if "No matching distribution" in done.stderr or "ConnectionError" in done.stderr:
            pytest.skip(f"needs packages that pip can't get here: {words}")
        pytest.fail(f"pip {' '.join(arguments)}: {done.stderr}")


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, check=False)
