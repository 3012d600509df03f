"""Runs `sey` as users do, and captures to run it on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sey.cli.main import main
from tests.support.captures import Shop

SEY = Path(sys.executable).with_name("sey")


@dataclass(frozen=True)
class Done:
    """What a command left."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """`run("query", path, …)` in this process."""

    def run_here(*arguments: object) -> Done:
        capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Done(int(status), captured.out, captured.err)

    return run_here


def run_program(*arguments: object, **more: object) -> Done:
    """The installed command, in a process of its own."""
    done = subprocess.run(
        [str(SEY), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of the made-up shop."""
    path = tmp_path_factory.mktemp("captures") / "shop.seyc"
    Shop().capture().save(str(path))
    return path


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle it was taken with."""
    path = tmp_path_factory.mktemp("bundles") / "shop.seyp"
    Shop().bundle().save(str(path))
    return path
