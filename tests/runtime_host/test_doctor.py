"""`examine` agrees with what the tests themselves can do, and never raises."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sey.runtime.doctor import Finding, Need, engines, examine
from tests.support.kernel import require_bpf

REPORT = """
from sey.runtime.doctor import examine
for found in examine(): print(found.name, found.ok, found.detail, sep="|")
"""


def test_this_machine() -> None:
    require_bpf()
    found = {finding.name: finding for finding in examine()}
    assert found["kernel"].detail == os.uname().release
    assert "reads the memory" in found["BPF sleepable copy"].detail
    assert engines(found.values()) == ("ebpf", "interp")
    assert found["pausing (ptrace)"].detail.endswith("ms")
    assert found["libbpf"].detail.split(" at ")[0][0].isdigit()
    assert all(finding.detail for finding in found.values())
    assert not [finding for finding in found.values() if finding.ok and finding.advice]


def test_root_without_capabilities() -> None:
    if os.geteuid():
        pytest.skip("needs root to give up its capabilities")
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", REPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = {line.split("|")[0]: line.split("|")[1:] for line in done.stdout.splitlines()}
    assert lines["BPF task iterator"][0] == "False"
    assert "CAP_BPF" in lines["BPF task iterator"][1]
    assert lines["user"][1] == "uid 0 with none of the capabilities that sey uses"


def test_failing_checks_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("sey.runtime.libc.bpf", refuse)
    found = {finding.name: finding for finding in examine()}
    assert not found["BPF maps in shared memory"].ok
    assert "not implemented" in found["BPF maps in shared memory"].detail
    assert found["BPF maps in shared memory"].consequence == "no snapshots by eBPF"
    assert not found["BPF task iterator"].ok
    assert found["BPF ring buffer"].consequence.startswith("no events")
    assert engines(found.values()) == ("interp",)


def test_what_can_take_snapshots() -> None:
    def found(need: Need, *, ok: bool) -> Finding:
        return Finding("x", ok, need, "y")

    good = [found(need, ok=True) for need in Need]
    assert engines([*good, found(Need.NOTHING, ok=False), found(Need.EVENTS, ok=False)]) == ("ebpf", "interp")
    assert engines([*good, found(Need.EBPF, ok=False)]) == ("interp",)
    assert engines([found(Need.EBPF, ok=False), *good, found(Need.SNAPSHOTS, ok=False)]) == ()
