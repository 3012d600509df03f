"""Two captures of one process, taken one after the other, in which the second has more goroutines of a kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel.support import snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

LEAKED, MORE = 60, 40
SPEC = 'func "main.late" as late { ctx, id }'


@pytest.fixture(scope="session")
def captures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of the two captures."""
    require_bpf()
    folder = tmp_path_factory.mktemp("waits")
    before, after = folder / "before.seyc", folder / "after.seyc"
    executable = build("waits")
    with run_target(executable, "-leaked", str(LEAKED)) as target:
        snapshot(target.pid, executable, SPEC).capture.save(str(before))
        target.ask(f"more {MORE}")
        snapshot(target.pid, executable, SPEC).capture.save(str(after))
    return before, after
