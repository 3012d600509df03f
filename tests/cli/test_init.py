"""`sey init`: what it prints passes `sey check` as it is, and captures something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target


@pytest.mark.parametrize("name", ["many", "values", "zoo"])
def test_a_spec_for_a_binary(run: Run, tmp_path: Path, name: str) -> None:
    binary, spec = build(name), tmp_path / "first.sey"
    done = run("init", binary)
    assert (done.status, done.err) == (0, "")
    spec.write_text(done.out)
    assert run("check", spec, binary).out == f"{spec}: fits {binary}\n"
    assert 1 <= done.out.count("\nfunc ") <= 8
    assert run("fmt", spec).status == 0
    # The event that it ends with is right as well.
    *_, event, end = done.out.split("\n")
    assert (event.startswith('# event slow on return "'), end) == (True, "")
    spec.write_text(done.out + event.removeprefix("# "))
    assert "error" not in run("check", spec, binary).out


@pytest.mark.parametrize("name", ["many", "zoo"])
def test_a_spec_for_a_process(run: Run, tmp_path: Path, name: str) -> None:
    require_bpf()
    spec, out = tmp_path / "first.sey", tmp_path / "first.seyc"
    with run_target(build(name), *(("-n", "20") if name == "many" else ())) as target:
        done = run("init", target.pid)
        assert (done.status, done.err) == (0, "")
        spec.write_text(done.out)
        assert run("check", spec, target.pid).out == f"{spec}: fits {target.pid}\n"
        assert run("snapshot", spec, "-p", target.pid, "-o", out).status == 0
    values = "select count(*) as n from captures where status = 'ok' and name is not null"
    assert json.loads(run("query", out, values, "--json").out)[0]["n"] > 0
    if name == "many":
        assert "# 20 goroutines were in it." in done.out
        assert 'func "main.request" as request {' in done.out
        assert "\n  id  # int\n" in done.out


def test_what_it_cannot_do(run: Run, tmp_path: Path) -> None:
    assert run("init", "99999999").status == 4
    assert run("init", tmp_path / "none").status in (2, 4)
    stripped = run("init", build("many", mode="stripped"))
    assert (stripped.status, stripped.out) == (4, "")
