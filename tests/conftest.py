"""What all tests share: the flag that rewrites goldens. What needs the kernel says so by `tests.support.kernel`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

_LONG = ("kernel", "core", "library")
"""Folders whose files have few tests that take long."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what the code produces now into the goldens")


def pytest_configure() -> None:
    # A shell that starts us in the background has interrupts ignored, which every process of the tests would inherit.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Workers take whole files, in this order: a long one that comes last would leave the other worker without work.
    items.sort(key=lambda item: item.path.parent.name not in _LONG)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden(path, text)`: fails unless the file holds `text`; writes it there instead under --update-goldens."""
    update = bool(request.config.getoption("--update-goldens"))

    def check(path: Path, text: str) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        assert path.exists(), f"no golden {path}: write it with --update-goldens"
        assert text == path.read_text()

    return check
