"""Skips tests that need more of the kernel than it gives, or fails them where SEY_REQUIRE_KERNEL=1 says it must."""

from __future__ import annotations

import functools
import os
from collections.abc import Set
from typing import NoReturn

import pytest

from sey.runtime import doctor
from tests.support.uprobes import UPROBE_TYPE


def _unavailable(what: str) -> NoReturn:
    if os.environ.get("SEY_REQUIRE_KERNEL") == "1":
        pytest.fail(f"SEY_REQUIRE_KERNEL=1, but {what}")
    pytest.skip(f"this machine forbids it: {what}")


@functools.cache
def _troubles() -> dict[str, str]:
    return {found.name: found.detail for found in doctor.examine() if found.required and not found.ok}


def require_ptrace() -> None:
    """Go on only where processes can be paused."""
    _require({"pausing (ptrace)"})


def require_bpf() -> None:
    """Go on only where probes can be loaded and run, and processes paused."""
    _require(_troubles().keys())


def require_uprobes() -> None:
    """Go on only where instructions of other programs can be probed."""
    if not UPROBE_TYPE.exists():
        _unavailable("the kernel has no uprobes")
    require_bpf()


def _require(names: Set[str]) -> None:
    for name, detail in _troubles().items():
        if name in names:
            _unavailable(f"{name}: {detail}")
