"""Runs `sey` as users do, and captures to run it on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
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


def interrupted_program(delay: float, *arguments: object) -> Done:
    """The installed command, sent SIGINT `delay` seconds after its start. Before the first line of ours runs Python
    itself answers with a traceback, which nothing of sey can help: that counts as interrupted.
    """
    with subprocess.Popen(
        [str(SEY), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that started it in the background would have it ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        time.sleep(delay)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=60)
    if "KeyboardInterrupt" in err and "/sey/cli/" not in err:
        return Done(130, out, "")
    return Done(command.returncode, out, err)


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
