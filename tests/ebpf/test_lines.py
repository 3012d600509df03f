"""Where code came from, in what the kernel says of a load that it refuses."""

from __future__ import annotations

import dataclasses

import pytest

from sey.backends.ebpf.compile import compile_snapshot
from sey.backends.ebpf.lines import lines_of_log
from sey.binary.errors import SeyError
from sey.ir.nodes import Location, Program
from sey.ir.parser import parse_program
from sey.runtime.host_errors import LoadRejected
from sey.runtime.libbpf import BpfObject
from tests.ebpf.harness import Target

# Reaches beyond its buffer, and all else in the section, which the IR verifier would never let through.
OUTSIDE = """
file "shop.sey"
file "prelude/walk.ir"
buffer @small 8
func @main() {
  %a = load i64 @small[0] !0:7
  call @inner() !1:33
}
func @inner() !1:2 {
  %x = load i64 @small[1048576] !0:12
  store i64 @small[0], %x !1:35
}
"""
SOURCE = "\n".join(f"line {n}" for n in range(1, 20))


@pytest.mark.usefixtures("target")
def test_the_kernels_log_names_lines_of_any_file() -> None:
    program = parse_program(OUTSIDE)
    problem = refused(compile_snapshot(program, sources={"shop.sey": SOURCE}).object)
    assert lines_of_log(problem.log, program.files)[:2] == (Location(0, 12), Location(1, 33))
    assert "; shop.sey:12 line 12" in problem.log


def refused(data: bytes) -> LoadRejected:
    with BpfObject.open(data) as bpf, pytest.raises(SeyError) as caught:
        bpf.load()
    (problem,) = caught.value.problems
    assert isinstance(problem, LoadRejected)
    return problem


def test_logs_of_older_kernels_and_strange_text() -> None:
    log = (
        "; shop.sey:12\n0: (b7) r1 = 1\n; other.c:5 @ other.c:5\n; a b:3 x:9\n; shop.sey:12\n1: r2\n; walk.ir:4 @ w:4\n"
    )
    assert lines_of_log(log, ("shop.sey", "walk.ir", "a b")) == (Location(1, 4), Location(0, 12), Location(2, 3))
    assert lines_of_log("", ("shop.sey",)) == ()


def test_no_source_on_disk_matters(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    program: Program = parse_program(OUTSIDE)
    before = compile_snapshot(program)
    folder = str(tmp_path)
    with open(f"{folder}/shop.sey", "w") as file:
        file.write(SOURCE)
    monkeypatch.chdir(folder)
    assert compile_snapshot(program) == before
    assert compile_snapshot(dataclasses.replace(program, files=("shop.sey", "x.ir"))) != before


def test_names_that_need_quoting(target: Target) -> None:
    program = parse_program(OUTSIDE.replace("[1048576]", "[0]").replace("shop.sey", 'a \\"b\\" ü\\\\.sey'))
    with BpfObject.open(compile_snapshot(program).object) as bpf:
        bpf.load()
