"""One target process for all tests of the BPF backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ebpf.harness import Target
from tests.support.kernel import require_bpf


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    require_bpf()
    process = Target()
    yield process
    process.close()
