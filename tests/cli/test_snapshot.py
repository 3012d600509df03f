"""Snapshots of real processes, from the command line to the tables."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Run, interrupted_program, run_program
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
program crowd { executable "*/%s" }
func "main.request" as parked in crowd { id, name, job }
table who = "select count(*) as n from parked"
"""


@pytest.fixture(scope="module")
def binary() -> Path:
    require_bpf()
    return build("many")


@pytest.fixture(scope="module")
def crowd(binary: Path) -> Iterator[Target]:
    with Target(binary, ["-n", "20", "-depth", "3", "-distinct", "1"]) as target:
        yield target


def query(run: Run, file: Path, sql: str) -> list[dict[str, object]]:
    done = run("query", file, sql, "--json")
    assert done.status == 0, done.err
    return list(json.loads(done.out))


def test_without_a_probe(run: Run, crowd: Target, tmp_path: Path) -> None:
    out = tmp_path / "now.seyc"
    done = run("snapshot", "-p", crowd.pid, "-o", out)
    assert (done.status, done.out) == (0, ""), done.err
    words = [line.split()[0] for line in done.err.splitlines()]
    assert words == ["pause", "goroutines", "commonest", "missing", "written"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert query(run, out, "select pid, engine, problem from processes") == [
        {"pid": crowd.pid, "engine": "ebpf", "problem": None}
    ]


def test_a_file_name_is_found(crowd: Target, tmp_path: Path) -> None:
    done = run_program("snapshot", "-p", crowd.pid, "--json", cwd=tmp_path)
    assert done.status == 0, done.err
    (file,) = tmp_path.iterdir()
    assert json.loads(done.out)["file"] == file.name
    assert file.name.startswith("many-") and file.suffix == ".seyc"  # noqa: PT018


def test_stacks_of_a_process(run: Run, crowd: Target) -> None:
    groups = json.loads(run("stacks", crowd.pid, "--json").out)
    assert max(group["goroutines"] for group in groups) == 20
    assert "20 goroutines: " in run("stacks", crowd.pid).out


def test_a_spec_and_its_bundle_say_the_same(run: Run, crowd: Target, binary: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, binary)
    assert run("check", spec, binary).status == 0
    assert run("check", spec, crowd.pid).status == 0
    assert run("build", spec, binary, "-o", tmp_path / "a.seyp").status == 0
    assert run("build", spec, binary, "-o", tmp_path / "b.seyp").status == 0
    assert (tmp_path / "a.seyp").read_bytes() == (tmp_path / "b.seyp").read_bytes()
    answers = []
    for number, probe in enumerate((spec, tmp_path / "a.seyp")):
        out = tmp_path / f"{number}.seyc"
        assert run("snapshot", probe, "-p", crowd.pid, "-o", out).status == 0
        answers.append(query(run, out, "select goid, id, name, job from parked order by goid"))
        assert query(run, out, "from who") == [{"n": len(answers[-1])}]
    assert answers[0] == answers[1]
    assert len(answers[0]) >= 20


def test_rules_choose_the_processes(run: Run, crowd: Target, binary: Path, tmp_path: Path) -> None:
    spec, out = write_spec(tmp_path, binary), tmp_path / "all.seyc"
    with Target(binary, ["-n", "3", "-depth", "2", "-distinct", "1"]) as other:
        assert run("snapshot", spec, "-o", out).status == 0
        captured = {row["pid"] for row in query(run, out, "select pid from processes where problem is null")}
        assert {crowd.pid, other.pid} <= captured
    spec.write_text(SPEC % "no-such-program")
    done = run("snapshot", spec, "-o", tmp_path / "none.seyc", "--allow-missing")
    assert (done.status, (tmp_path / "none.seyc").exists()) == (5, False)
    spec.write_text('func "main.request" { id }')
    assert run("snapshot", spec, "-o", tmp_path / "none.seyc").status == 2


def test_a_pattern_makes_one_table(run: Run, crowd: Target, tmp_path: Path) -> None:
    spec, out = tmp_path / "glob.sey", tmp_path / "glob.seyc"
    spec.write_text('func glob "main.*" as every { id, name, n }\nfunc glob "main.req*" as late when id >= 18 { id }\n')
    assert run("snapshot", spec, "-p", crowd.pid, "-o", out).status == 0
    rows = query(
        run, out, "select function, count(*) as n, id__status as s from every where function > 'main.m' group by all"
    )
    assert {"function": "main.request", "n": 20, "s": "ok"} in rows
    assert {"function": "main.main.func1", "n": 20, "s": "absent"} in rows
    wrong = (
        "select * from every where function = 'main.request' and (name != 'request-' || id or n__status != 'absent')"
    )
    assert query(run, out, wrong) == []
    assert query(run, out, "select id from late order by 1") == [{"id": 18}, {"id": 19}]


def test_one_of_several_fails(run: Run, crowd: Target, tmp_path: Path) -> None:
    out = tmp_path / "some.seyc"
    done = run("snapshot", "-p", crowd.pid, "-p", 2, "-p", 99999999, "-o", out)
    assert done.status == 0
    assert "SEY0603" in done.err and "SEY0601" in done.err  # noqa: PT018
    rows = query(run, out, "select pid, problem is null as fine from processes order by pid")
    assert rows == [
        {"pid": 2, "fine": False},
        {"pid": crowd.pid, "fine": True},
        {"pid": 99999999, "fine": False},
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["-p", "2"], 4, "SEY0603"),
        (["-p", "99999999"], 4, "SEY0601"),
        (["-p", str(os.getpid())], 4, "SEY0605"),
        (["no-such.sey", "-p", "1"], 2, "SEY"),
        ([], 2, "SEY0661"),
    ],
)
def test_what_cannot_be_captured(run: Run, tmp_path: Path, arguments: list[str], status: int, code: str) -> None:
    done = run("snapshot", *arguments, "-o", tmp_path / "x.seyc")
    assert (done.status, done.out, list(tmp_path.iterdir())) == (status, "", []), done.err
    assert code in done.err


def test_outputs_that_cannot_be_are_found_before_the_pause(run: Run, crowd: Target, tmp_path: Path) -> None:
    for out in ("/dev/null", tmp_path, tmp_path / "none" / "x.seyc"):
        done = run("snapshot", "-p", crowd.pid, "-o", out)
        assert done.status == 3, done.err
    assert Path("/dev/null").is_char_device()


def test_a_bundle_for_another_build(run: Run, crowd: Target, tmp_path: Path) -> None:
    other = build("many", mode="pie")
    spec = write_spec(tmp_path, other)
    assert run("build", spec, other, "-o", tmp_path / "other.seyp").status == 0
    done = run("snapshot", tmp_path / "other.seyp", "-p", crowd.pid, "-o", tmp_path / "x.seyc")
    assert (done.status, (tmp_path / "x.seyc").exists()) == (6, False)
    assert "SEY0750" in done.err


def test_a_stopped_process_stays_stopped(run: Run, binary: Path, tmp_path: Path) -> None:
    with Target(binary, ["-n", "5", "-depth", "2", "-distinct", "1"]) as target:
        os.kill(target.pid, signal.SIGSTOP)
        time.sleep(0.1)
        assert run("snapshot", "-p", target.pid, "-o", tmp_path / "x.seyc").status == 0
        assert Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        os.kill(target.pid, signal.SIGCONT)


@pytest.mark.parametrize("delay", [0.1, 0.3, 0.5, 0.7, 0.9, 1.2])
def test_an_interrupted_snapshot_leaves_nothing(crowd: Target, tmp_path: Path, delay: float) -> None:
    out = tmp_path / "x.seyc"
    snapshot = interrupted_program(delay, "snapshot", "-p", crowd.pid, "-o", out)
    assert snapshot.status in (0, 130), snapshot.err
    assert "Traceback" not in snapshot.err
    # Interrupted after the file had its name, it stays, whole.
    assert not out.exists() or run_program("query", out, "select 1").status == 0
    assert [p for p in tmp_path.iterdir() if p != out] == []
    state = Path(f"/proc/{crowd.pid}/stat").read_text().rpartition(")")[2].split()[0]
    assert state in "SR"


def write_spec(folder: Path, binary: Path) -> Path:
    spec = folder / "crowd.sey"
    spec.write_text(SPEC % binary.name)
    return spec


def test_looking_around(run: Run, crowd: Target, binary: Path) -> None:
    processes = json.loads(run("ps", "--json").out)
    mine = next(process for process in processes if process["pid"] == crowd.pid)
    assert (mine["capturable"], mine["debug_info"]) == (True, "full")
    by_pid: Done = run("functions", crowd.pid, "main.*")
    assert "main.request\n" in by_pid.out
    assert by_pid.out == run("functions", binary, "main.*").out
    assert "(*" in run("functions", binary, "sync.(*Mutex).*").out
    (body,) = [b for b in json.loads(run("vars", binary, "main.request", "--json").out) if b["inline_level"] == 0]
    assert {"id", "name", "job"} <= {v["name"] for v in body["variables"]}
    missing = run("vars", binary, "main.requst")
    assert (missing.status, "main.request" in missing.err) == (2, True)
    assert json.loads(run("types", binary, "main.", "--json").out)
    assert "NAME" in run("globals", binary, "os.Args").out
