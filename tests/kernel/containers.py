"""Programs in namespaces of their own, as containers have them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.target import Target, run_target

CONTAINER = ("--user", "--map-root-user", "--pid", "--mount", "--fork", "--kill-child")


@contextlib.contextmanager
def contained(root: Path, *arguments: str) -> Iterator[tuple[Target, int]]:
    """/app/server of `root` in namespaces of its own, and its id in ours."""
    try:
        subprocess.run(["unshare", *CONTAINER, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no namespaces here")
    command = (*CONTAINER, "--root", str(root), "/app/server", *arguments)
    with run_target(Path("/usr/bin/unshare"), *command, env={"INSIDE": "yes"}) as shell:
        yield shell, int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text())


def installed(source: Path, place: Path) -> Path:
    """A copy of an executable under another name, put there in one step as upgrades do."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    shutil.copy(source, fresh)
    fresh.rename(place)
    return place
