"""What all tests share: the flag that rewrites goldens, and the demand that the kernel tests run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what the code produces now into the goldens")


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


@pytest.fixture(scope="session")
def kernel() -> None:
    """For tests that load BPF programs or pause processes: skips where that can't be had, visibly.

    SEY_REQUIRE_KERNEL=1 turns the skip into a failure: an environment meant to run these tests must run them.
    """
    missing = []
    if os.uname().sysname != "Linux":
        missing.append("Linux")
    elif os.geteuid() != 0:
        missing.append("root")
    elif not Path("/sys/kernel/btf/vmlinux").exists():
        missing.append("a kernel with BTF (/sys/kernel/btf/vmlinux)")
    if not missing:
        return
    why = f"needs {', '.join(missing)}"
    if os.environ.get("SEY_REQUIRE_KERNEL") == "1":
        pytest.fail(why)
    pytest.skip(why)
