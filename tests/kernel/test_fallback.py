"""Where the kernel lets nobody load BPF programs, snapshots are taken all the same, and say so."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.support import SEY, sey
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

WITHOUT = "--drop=cap_bpf,cap_sys_admin,cap_perfmon"


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    require_bpf()
    with run_target(build("many"), "-n", "50", "-depth", "4", "-distinct", "4") as running:
        yield running.pid


def without_bpf(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command without the privileges that eBPF needs."""
    quoted = " ".join(f"'{part}'" for part in [*SEY, *arguments])
    command = ["capsh", WITHOUT, "--", "-c", quoted]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_auto_reads_without_ebpf_and_says_why(target: int, tmp_path: Path) -> None:
    path = str(tmp_path / "x.seyc")
    done = without_bpf("snapshot", "-p", str(target), "-o", path)
    assert done.returncode == 0, done.stderr
    assert "; without eBPF: not permitted to load BPF programs" in done.stderr
    (row,) = json.loads(sey("query", path, "--json", "select engine, engine_reason, goroutines from processes").stdout)
    assert row["engine"] == "interp"
    assert "CAP_BPF" in row["engine_reason"]
    assert row["goroutines"] > 50


def test_ebpf_alone_is_an_error(target: int, tmp_path: Path) -> None:
    done = without_bpf("snapshot", "-p", str(target), "--engine", "ebpf", "-o", str(tmp_path / "x.seyc"))
    assert done.returncode == 3
    assert "SEY0621" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_engine_asked_for_needs_no_reason(target: int, tmp_path: Path) -> None:
    path = str(tmp_path / "x.seyc")
    assert sey("snapshot", "-p", str(target), "--engine", "interp", "-o", path).returncode == 0
    (row,) = json.loads(sey("query", path, "--json", "select engine, engine_reason from processes").stdout)
    assert row == {"engine": "interp", "engine_reason": None}
