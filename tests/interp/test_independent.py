"""A machine for bytecode written in Go from the contract alone, `tests/govm/`: it agrees with ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.interp.vectors import FOLDER
from tests.support.gobuild import build

GOVM = Path(__file__).parents[1] / "govm"


def failures(paths: Iterable[Path], *options: str) -> list[str]:
    """What the Go machine says of vectors that don't come out as they should, a line each."""
    command = [str(build(GOVM)), *options]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    *failed, _summary = done.stdout.splitlines()
    assert done.returncode == (1 if failed else 0), done.stderr
    return failed


def test_all_vectors_hold() -> None:
    paths = sorted(FOLDER.glob("*.json"))
    assert len(paths) > 100
    assert failures(paths) == []
