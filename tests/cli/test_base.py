"""The base package alone, in an environment of its own, does what a production host needs with a bundle from here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Done, run_program
from tests.support.basevenv import base_commands
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
func "main.request" as parked { id, name, job }
table who = "select count(*) as n from parked"
"""
Base = Callable[..., Done]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """`base("ps", …)` with the base package, in a folder and with a cache of its own."""
    command = base_commands() / "sey"

    def run(*arguments: object) -> Done:
        done = subprocess.run(
            [str(command), *map(str, arguments)],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "SEY_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec and its bundle, compiled with everything installed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "p.sey").write_text(SPEC)
    done = run_program("build", folder / "p.sey", build("many"), "-o", folder / "p.seyp")
    assert done.status == 0, done.err
    return folder


@pytest.fixture(scope="module")
def crowd() -> Iterator[Target]:
    require_bpf()
    with Target(build("many"), ["-n", "20", "-depth", "3", "-distinct", "1"]) as target:
        yield target


def test_ps_snapshot_query_inspect(base: Base, made: Path, crowd: Target, tmp_path: Path) -> None:
    mine = next(process for process in json.loads(base("ps", "--json").out) if process["pid"] == crowd.pid)
    assert mine["capturable"]
    done = base("snapshot", made / "p.seyp", "-p", crowd.pid, "-o", "x.seyc")
    assert (done.status, done.out) == (0, ""), done.err
    assert [line.split()[0] for line in done.err.splitlines()][:2] == ["pause", "goroutines"]
    assert base("snapshot", made / "p.seyp", "-p", crowd.pid, "-o", "y.seyc", "--engine", "interp").status == 0
    answers = []
    for file in ("x.seyc", "y.seyc"):
        rows = base("query", file, "select id, name, job.Priority as p from parked order by id", "--json")
        answers.append(json.loads(rows.out))
    assert answers[0] == answers[1]
    assert [row["id"] for row in answers[0]] == list(range(20))
    assert json.loads(base("query", "x.seyc", "from who", "--json").out) == [{"n": 20}]
    assert "20 goroutines: " in base("stacks", "x.seyc").out
    for name in ("x.duckdb", "x.folded", "x.pb.gz", "x.json"):
        assert base("export", "x.seyc", "-o", name).status == 0, name
    described = json.loads(base("inspect", made / "p.seyp", "--json").out)
    assert described["bundles"][0]["binaries"][0]["tables"] == ["parked"]
    assert base("inspect", made / "p.seyp", "--ir").out.startswith('file "p.sey"\n')
    assert base("inspect", "x.seyc", "--extract", "parts").status == 0
    assert (tmp_path / "parts" / "bundle0" / "b0" / "bpf.o").read_bytes()[:4] == b"\x7fELF"
    assert "error[SEY0721]" in base("inspect", made / "p.seyp", "--bpf").err
    assert base("inspect", made / "p.seyp", "--bytecode").out.startswith("buffer ")
    report = base("doctor")
    assert report.status == 0
    assert "no package lark and llvmlite: probes come as bundles" in report.out


def test_trace(base: Base, tmp_path: Path) -> None:
    require_bpf()
    spec = 'event deeper on return "main.deeper" sample 1/50 { n, ~r0 as r }\n'
    (tmp_path / "t.sey").write_text(spec)
    executable = build("traced")
    done = run_program("build", tmp_path / "t.sey", executable, "-o", tmp_path / "t.seyp")
    assert done.status == 0, done.err
    with Target(executable) as target:
        target.ask("spin 1")
        trace = ("trace", "t.seyp", "-p", target.pid, "--count", "20", "--max-overhead", "10000%")
        lines = base(*trace, "--json")
        assert lines.status == 0, lines.err
        assert [json.loads(line)["values"] for line in lines.out.splitlines()] == [{"n": 1, "r": 7}] * 20
        assert base(*trace).out.count("n=1 r=7") == 20
        assert base(*trace, "-o", "t.seyc").status == 0
        refused = base("trace", "-p", target.pid, "-e", 'entry "main.deeper" { n }')
    assert (refused.status, "SEY0903" in refused.err) == (3, True), refused.err
    asked = base("query", "t.seyc", "select count(*) n, min(r) a, max(r) b from deeper", "--json")
    assert json.loads(asked.out) == [{"n": 20, "a": 7, "b": 7}]
    for name in ("t.perfetto", "t.duckdb"):
        assert base("export", "t.seyc", "-o", name).status == 0, name


def test_what_needs_the_compiler_says_so(base: Base, made: Path, crowd: Target) -> None:
    spec, binary = made / "p.sey", build("many")
    for arguments in (
        ("snapshot", spec, "-p", crowd.pid),
        ("snapshot", "-p", crowd.pid),
        ("stacks", crowd.pid),
        ("init", crowd.pid),
        ("check", spec, binary),
        ("build", spec, binary, "-o", "x.seyp"),
        ("fmt", spec),
    ):
        done = base(*arguments)
        assert (done.status, done.out) == (3, ""), (arguments, done.err)
        assert done.err.startswith("error[SEY0903]: this needs the compiler, which isn't installed"), done.err
        assert "pip install 'sey[compile]', or use a bundle that `sey build` made elsewhere" in done.err
    assert base("functions", binary, "main.request").out == "main.request\n"
