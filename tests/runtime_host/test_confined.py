"""Hosts that take something from us: `sey doctor` and the error of a snapshot name what is missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SEY
from tests.kernel.support import compiled
from tests.support.confined import confined, with_capabilities
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

NEEDED = ("bpf", "perfmon", "sys_ptrace", "dac_read_search")
NOBODY = 65534


@pytest.fixture(scope="module", autouse=True)
def _as_root() -> None:
    require_bpf()
    if os.geteuid():
        pytest.skip("needs root to give up its capabilities")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "p.seyp"
    compiled(build("many"), "").save(str(path))
    return path


@pytest.fixture(scope="module")
def theirs() -> Iterator[Target]:
    """A process of another user."""

    def become() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    with Target(build("many"), ["-n", "2", "-depth", "3", "-distinct", "1"], before=become) as target:
        yield target
        assert target.process.poll() is None


def snapshot(bundle: Path, target: Target, out: Path, engine: str = "ebpf") -> list[str]:
    return [str(SEY), "snapshot", str(bundle), "-p", str(target.pid), "-o", str(out), "--engine", engine]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("gone", "code", "words", "finding"),
    [
        ("bpf", "SEY0621", "this root user lacks CAP_BPF\n", "BPF task iterator"),
        ("perfmon", "SEY0621", "this root user lacks CAP_PERFMON\n", "BPF task iterator"),
        ("sys_ptrace", "SEY0606", "without CAP_SYS_PTRACE\n", "processes of other users"),
        ("dac_read_search", "SEY0606", "you lack CAP_DAC_READ_SEARCH", "processes of other users"),
    ],
)
def test_a_capability_that_is_missing_is_named(
    bundle: Path, theirs: Target, tmp_path: Path, gone: str, code: str, words: str, finding: str
) -> None:
    held = [name for name in NEEDED if name != gone]
    done = run(with_capabilities(held, snapshot(bundle, theirs, tmp_path / "x.seyc")))
    assert (done.returncode, (tmp_path / "x.seyc").exists()) == (3, False)
    assert f"error[{code}]" in done.stderr
    assert words in done.stderr
    assert f"--cap-add {gone.upper()}" in done.stderr
    lines = run(with_capabilities(held, [str(SEY), "doctor"])).stdout.splitlines()
    (line,) = (line for line in lines if f"  {finding} " in line)
    assert line[:2].lower() == "no"
    assert f"CAP_{gone.upper()}" in line


def test_with_all_of_them_it_works(bundle: Path, theirs: Target, tmp_path: Path) -> None:
    done = run(with_capabilities(NEEDED, snapshot(bundle, theirs, tmp_path / "x.seyc")))
    assert done.returncode == 0, done.stderr
    report = run(with_capabilities(NEEDED, [str(SEY), "doctor"]))
    assert report.returncode == 0
    assert not [line for line in report.stdout.splitlines() if line.startswith("NO")]


@pytest.mark.parametrize(
    ("call", "code", "engines", "able"),
    [
        ("bpf", "SEY0621", ("ebpf",), True),
        ("ptrace", "SEY0606", ("ebpf", "interp", "auto"), False),
        ("process_vm_readv", "SEY0606", ("ebpf", "interp"), False),
    ],
)
def test_a_system_call_that_is_filtered_is_named(
    bundle: Path, theirs: Target, tmp_path: Path, call: str, code: str, engines: tuple[str, ...], able: bool
) -> None:
    for engine in engines:
        done = confined(snapshot(bundle, theirs, tmp_path / "x.seyc", engine), call)
        assert (done.returncode, (tmp_path / "x.seyc").exists()) == (3, False), done.stderr
        assert f"error[{code}]" in done.stderr
        assert "a seccomp filter forbids" in done.stderr
        assert call == "bpf" or f"forbids {call}(2)" in done.stderr
    report = confined([str(SEY), "doctor"], call)
    assert (report.returncode == 0) is able
    assert "a seccomp filter forbids" in report.stdout


def test_without_bpf_our_own_machine_runs_it_and_the_summary_says_why(
    bundle: Path, theirs: Target, tmp_path: Path
) -> None:
    done = confined(snapshot(bundle, theirs, tmp_path / "x.seyc", "auto"), "bpf")
    assert done.returncode == 0, done.stderr
    assert "without eBPF: not permitted to load BPF programs: a seccomp filter forbids it" in done.stderr
