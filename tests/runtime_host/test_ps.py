"""`list_go_processes` finds our targets, and says of each what keeps it from being captured."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sey.binary import problems
from sey.runtime.host_errors import BpfNotPermitted, TracedByAnother
from sey.runtime.pause import paused
from sey.runtime.process import Process
from sey.runtime.ps import GoProcess, list_go_processes
from tests.support.gobuild import build
from tests.support.kernel import require_bpf, require_ptrace
from tests.support.target import run_target


def listed(pid: int) -> GoProcess | None:
    return next((each for each in list_go_processes().processes if each.pid == pid), None)


def test_plain_program() -> None:
    require_bpf()
    executable = build("churn")
    with run_target(executable) as target:
        found = listed(target.pid)
    assert found is not None
    assert found.go_version.startswith("go1.")
    assert (found.module, found.debug_info) == ("example.com/churn", "full")
    assert (found.executable, found.user) == (str(executable), os.geteuid())
    assert found.capturable


def test_other_programs_are_not_listed() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as child:
        assert listed(child.pid) is None
        child.kill()
    assert listed(os.getpid()) is None


def test_stripped_program_names_the_flag() -> None:
    executable = build("churn", mode="stripped")
    with run_target(executable) as target:
        found = listed(target.pid)
    assert found is not None
    assert found.debug_info == "-s"
    assert not found.capturable
    assert isinstance(found.reasons[0], problems.SymbolsStripped)
    assert str(executable) in found.reasons[0].message()
    assert "-s" in (found.reasons[0].advice() or "")


def test_a_program_without_dwarf_can_be_captured_where_its_release_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_target(build("churn", mode="nodwarf")) as target:
        found = listed(target.pid)
        monkeypatch.setattr("sey.runtime.ps.layout_of", lambda version: None)
        unknown = listed(target.pid)
    assert found is not None
    assert (found.debug_info, found.capturable) == ("-w", True)
    assert unknown is not None
    assert isinstance(unknown.reasons[0], problems.DwarfStripped)
    assert "-w" in (unknown.reasons[0].advice() or "")


def test_32_bit_program_is_listed_with_the_reason() -> None:
    with run_target(build("churn", mode="386")) as target:
        found = listed(target.pid)
    assert found is not None
    assert not found.capturable
    assert "32-bit" in found.reasons[0].message()


def test_traced_program_names_its_tracer() -> None:
    require_ptrace()
    with run_target(build("churn")) as target, paused(Process.look(target.pid), budget_ns=5_000_000_000):
        found = listed(target.pid)
    assert found is not None
    assert any(isinstance(reason, TracedByAnother) for reason in found.reasons)


def test_without_privileges_the_host_is_the_reason() -> None:
    if os.geteuid():
        pytest.skip("needs root to become another user")
    code = (
        "import os; from sey.runtime.ps import list_go_processes\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "found = list_go_processes()\n"
        "print(found.hidden > 0, found.processes)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True ()\n"


def test_same_user_without_capabilities() -> None:
    if os.geteuid():
        pytest.skip("needs root to give up its capabilities")
    code = (
        "import sys; from sey.runtime.ps import list_go_processes\n"
        "print([each.reasons for each in list_go_processes().processes if each.pid == int(sys.argv[1])])\n"
    )
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    executable = build("churn")
    drop = ("/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", str(executable))
    with run_target(drop[0], *drop[1:]) as target:  # type: ignore[arg-type]
        done = subprocess.run(
            [*command, sys.executable, "-c", code, str(target.pid)], capture_output=True, text=True, check=True
        )
    assert BpfNotPermitted.__name__ in done.stdout
    assert "CAP_BPF" in done.stdout
