"""Binaries whose debug information the tests read, each opened once a session."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from tests.support.gobuild import build

PROGRAM = Path(__file__).parent / "program"
RELEASES = ("1.24", "1.25", "1.26", "1.27")
ALL_BUILDS = [
    *((go, "plain") for go in RELEASES),
    ("1.24", "noopt"),
    ("1.26", "noopt"),
    ("1.26", "pie"),
    ("1.26", "cgo"),
]

Opener = Callable[..., BinaryDebugInfo]


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opener:
    """Opens the debug information of `program/` (or another target): `opened("1.26", "noopt")`."""
    folder = tmp_path_factory.mktemp("indexes")

    @functools.cache
    def open_build(go: str | None = None, mode: str = "plain", target: str | Path = PROGRAM) -> BinaryDebugInfo:
        return open_debug_info(str(build(target, go=go, mode=mode)), cache_dir=folder)

    return open_build


@pytest.fixture(params=ALL_BUILDS, ids=["-".join(b) for b in ALL_BUILDS])
def info(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    """The program's debug information, over all builds."""
    return opened(*request.param)
