"""One target process for all tests of the BPF backend, and one whose calls are traced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ebpf.events import Caller
from tests.ebpf.harness import Target
from tests.support.kernel import require_bpf


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    require_bpf()
    process = Target()
    yield process
    process.close()


@pytest.fixture(scope="session")
def caller() -> Iterator[Caller]:
    require_bpf()
    process = Caller()
    yield process
    process.close()
