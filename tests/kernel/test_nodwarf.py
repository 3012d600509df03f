"""Programs built with -ldflags=-w: stacks without variables, by a table of layouts that the process is checked against.

That their stacks are right, test_zoo says.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from sey.binary import layouts
from sey.binary.errors import SeyError
from sey.binary.layouts import Layout, Shape
from sey.runtime.plausible import LayoutDoubtful, check_layout
from sey.runtime.process import Process
from tests.kernel.support import sey, snapshot
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target


def test_stacks_without_variables_and_what_says_so(tmp_path: Path) -> None:
    require_bpf()
    executable = build("edges", mode="nodwarf")
    spec = tmp_path / "edges.sey"
    spec.write_text('func "main.main" { x }')
    with run_target(executable) as target:
        pid = str(target.pid)
        shown = sey("stacks", pid)
        listed = json.loads(sey("ps", "--json").stdout)
        refused = [sey(*words) for words in (["vars", pid, "main.main"], ["check", str(spec), pid])]
        refused.append(sey("snapshot", str(spec), "-p", pid, cwd=tmp_path))
        notes = snapshot(target.pid, executable).row("select notes from processes")["notes"]
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "main.main" in shown.stdout
    assert "no variables" in shown.stdout
    assert notes.startswith("no debug information (-ldflags=-w): no variables, runtime read by the table for Go 1.")
    process = next(p for p in listed if p["pid"] == target.pid)
    assert (process["capturable"], process["variables"], process["debug_info"]) == (True, False, "-w")
    for done in refused:
        assert done.returncode == 4, done
        assert "SEY0411" in done.stdout + done.stderr
        assert "build it without -w in -ldflags" in done.stdout + done.stderr


def test_tables_alone_need_no_variables(tmp_path: Path) -> None:
    require_bpf()
    spec = tmp_path / "waits.sey"
    spec.write_text('table waits = """select wait_reason, count(*) as n from goroutines where not system group by 1"""')
    with run_target(build("edges", mode="nodwarf")) as target:
        done = sey("snapshot", str(spec), "-p", str(target.pid), "-o", "out.seyc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counted = sey("query", "out.seyc", "select sum(n)::int as n from waits", "--json", cwd=tmp_path)
    assert json.loads(counted.stdout)[0]["n"] > 0


def moved(shape: Shape, path: str, by: int) -> Shape:
    """The type with one of its fields elsewhere."""
    name, _, rest = path.partition(".")
    fields = [
        (f, at, inner) if f != name else (f, at, moved(inner, rest, by)) if rest else (f, at + by, inner)
        for f, at, inner in shape.fields
    ]
    return dataclasses.replace(shape, fields=tuple(fields))


@pytest.mark.parametrize(
    ("type_name", "path", "by"),
    [
        ("runtime.g", "goid", 8),
        ("runtime.g", "goid", -8),
        ("runtime.g", "atomicstatus", 4),
        ("runtime.g", "sched.sp", 8),
        ("runtime.g", "sched.pc", -8),
        ("runtime.g", "sched.g", 8),
        ("runtime.g", "stack.hi", 8),
        ("runtime.g", "startpc", 8),
        ("runtime.g", "gopc", -8),
        ("runtime.g", "parentGoid", 8),
        ("runtime.g", "waitreason", -8),
        ("runtime.g", "m", 8),
        ("runtime.m", "alllink", 8),
        ("runtime.m", "alllink", -24),
        ("runtime.m", "procid", 8),
        ("runtime.m", "gsignal", 8),
        ("runtime.moduledata", "text", 8),
    ],
)
def test_a_process_that_is_laid_out_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch, type_name: str, path: str, by: int
) -> None:
    def wrong(version: object) -> Layout | None:
        right = layouts.layout_of(version)  # type: ignore[arg-type]
        assert right is not None
        return dataclasses.replace(right, types={**right.types, type_name: moved(right.types[type_name], path, by)})

    with run_target(build("edges", mode="nodwarf")) as target:
        process = Process.look(target.pid)
        binary = process.open_go()
        bias = process.load_bias(binary.elf.entry)
        check_layout(process, binary, bias)
        monkeypatch.setattr("sey.runtime.plausible.layout_of", wrong)
        with pytest.raises(SeyError) as caught:
            check_layout(process, binary, bias)
    (problem,) = caught.value.problems
    assert isinstance(problem, LayoutDoubtful)
    assert problem.reason
