"""Whatever goes wrong: the target runs on, nothing stays behind, and the command ends with a status and a message."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sey.binary.errors import SeyError
from tests.kernel.leftovers import bpf_objects, session_members, soon, thread_states, tracer, tracers
from tests.kernel.support import SEY, Tables, sey, snapshot, start_sey
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

CHURN = ["-threads", "-children", "-goroutines", "-spin=2"]


@pytest.fixture(autouse=True)
def _needs_the_kernel() -> None:
    require_bpf()


@pytest.fixture
def target() -> Iterator[Target]:
    with Target(build("many"), ["-n=3000"]) as running:
        yield running


@pytest.fixture
def churn() -> Iterator[Target]:
    with Target(build("churn"), CHURN) as running:
        yield running


def assert_runs_on(churn: Target) -> None:
    """Nothing traces or stops it, and every kind of its work goes round."""
    assert soon(lambda: not tracers(churn.pid))
    assert soon(lambda: not {"t", "T"} & set(thread_states(churn.pid).values()))
    before = churn.ask_json("beats")
    assert soon(lambda: all(churn.ask_json("beats")[kind] > count for kind, count in before.items()))


def wait_for_the_pause(pid: int, command: subprocess.Popen[bytes]) -> None:
    """Return as soon as the process's first thread is traced, or the command has ended."""
    while command.poll() is None:
        with contextlib.suppress(OSError):
            if tracer(pid, pid):
                return


def end_of(command: subprocess.Popen[bytes]) -> tuple[int, str]:
    """The status of a command that ends by itself, and what it said; never a traceback."""
    _, error = command.communicate(timeout=60)
    text = error.decode(errors="replace")
    assert "Traceback" not in text, text
    return command.returncode, text


def bundle(folder: Path, executable: Path) -> Path:
    """A bundle without captures: a command that has one is in its pause soon after it starts."""
    spec, path = folder / "probe.sey", folder / "probe.seyp"
    spec.write_text('func "main.main" { }\n')
    done = sey("build", str(spec), str(executable), "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("moment", ["at any time", "in the pause"])
def test_killed_again_and_again_it_leaves_a_target_that_runs_on(churn: Target, tmp_path: Path, moment: str) -> None:
    probe, folder = bundle(tmp_path, build("churn")), tmp_path / "results"
    folder.mkdir()
    started = time.monotonic()
    assert sey("snapshot", str(probe), "-p", str(churn.pid), "-o", str(tmp_path / "whole.seyc")).returncode == 0
    length = time.monotonic() - started
    before = bpf_objects()
    chance = random.Random(7)
    for turn in range(10):
        command = start_sey(["snapshot", str(probe), "-p", str(churn.pid), "-o", str(folder / f"{turn}.seyc")])
        if moment == "in the pause":
            wait_for_the_pause(churn.pid, command)
            time.sleep(chance.uniform(0, 0.004))
        else:
            time.sleep(chance.uniform(0.1, 1) * length)
        command.kill()
        command.communicate()
        assert_runs_on(churn)
        assert soon(lambda session=command.pid: not session_members(session)), "a process of ours is left"  # type: ignore[misc]
    # Files whose command was killed after it had written them are whole.
    assert {file.suffix for file in folder.iterdir()} <= {".seyc"}
    for file in folder.iterdir():
        assert sey("query", str(file), "select 1").returncode == 0
    assert soon(lambda: not bpf_objects() - before, 30), bpf_objects() - before
    assert sey("snapshot", str(probe), "-p", str(churn.pid), "-o", str(tmp_path / "after.seyc")).returncode == 0


def test_interrupted_at_any_moment(churn: Target, tmp_path: Path) -> None:
    probe, folder = bundle(tmp_path, build("churn")), tmp_path / "results"
    folder.mkdir()
    chance = random.Random(11)
    statuses = []
    for turn in range(16):
        out = folder / f"{turn}.seyc"
        command = start_sey(["snapshot", str(probe), "-p", str(churn.pid), "-o", str(out)])
        if turn % 2:
            wait_for_the_pause(churn.pid, command)
            time.sleep(chance.uniform(0, 0.01))
        else:
            time.sleep(chance.uniform(0.3, 1.0))
        command.send_signal(signal.SIGINT)
        status, said = end_of(command)
        assert status in (0, 130), said
        # An interrupt that comes when the file has its name finds the work done.
        assert status == 130 or out.exists()
        statuses.append(status)
        assert_runs_on(churn)
    assert 130 in statuses
    assert {file.suffix for file in folder.iterdir()} <= {".seyc"}
    for file in folder.iterdir():
        assert sey("query", str(file), "select 1").returncode == 0


def test_target_killed_meanwhile(tmp_path: Path) -> None:
    executable = build("many")
    probe, folder = bundle(tmp_path, executable), tmp_path / "results"
    folder.mkdir()
    chance = random.Random(3)
    statuses = []
    for turn in range(10):
        out = folder / f"{turn}.seyc"
        with Target(executable, ["-n=3000"]) as target:
            command = start_sey(["snapshot", str(probe), "-p", str(target.pid), "-o", str(out)])
            if turn % 2:
                wait_for_the_pause(target.pid, command)
                time.sleep(chance.uniform(0, 0.006))
            else:
                time.sleep(chance.uniform(0.1, 0.8))
            target.process.kill()
            status, said = end_of(command)
        statuses.append(status)
        assert status in (0, 4), said
        assert out.exists() == (status == 0)
        assert status == 0 or "error[SEY06" in said, said
    assert 4 in statuses
    assert len(list(folder.iterdir())) == statuses.count(0)


def test_threads_goroutines_and_children_come_and_go_meanwhile(churn: Target) -> None:
    executable = build("churn")
    spec = """
        func "main.deepen" as deepen { levels }
        func "main.main" as main { }
    """
    for _ in range(12):
        tables = snapshot(churn.pid, executable, spec)
        assert_whole(tables)
        assert_runs_on(churn)


def assert_whole(tables: Tables) -> None:
    """Every goroutine is there once, and each stack goes down to where goroutines start."""
    facts = tables.capture.processes[0].facts
    broken = "select g.* from goroutines g join stacks s using (stack_id) where s.ended <> 'complete'"
    assert facts.counters["bad_stacks"] == 0, (facts, tables.rows(broken))
    twice = "select * from goroutines where goid in (select goid from goroutines group by goid having count(*) > 1)"
    row = tables.row("select count(*) as n, count(distinct goid) as goids from goroutines")
    assert row["n"] == row["goids"] > 3, (facts, tables.rows(twice))
    ends = """
        select distinct arg_max(function, depth) as function from frames group by stack_id
    """
    assert {row["function"] for row in tables.rows(ends)} <= {"runtime.goexit", "runtime.main", "runtime.goexit.abi0"}
    assert tables.row("select count(*) as n from main")["n"] == 1
    # Each goroutine that goes down has every level once, from 400 on.
    levels = """
        select goid, count(*) as n, count(distinct levels) as own, max(levels) as top from deepen group by goid
    """
    for row in tables.rows(levels):
        if row["top"] is not None:
            assert row["own"] <= row["n"] <= 401
            assert row["top"] <= 400


def test_a_stopped_target_is_captured_and_stays_stopped(target: Target, tmp_path: Path) -> None:
    os.kill(target.pid, signal.SIGSTOP)
    assert soon(lambda: set(thread_states(target.pid).values()) == {"T"})
    out = tmp_path / "x.seyc"
    assert sey("snapshot", "-p", str(target.pid), "-o", str(out)).returncode == 0
    assert set(thread_states(target.pid).values()) == {"T"}
    done = sey("query", str(out), "select count(*) > 3000 as all from goroutines", "--json")
    assert '"all": true' in done.stdout.replace("'", '"')
    os.kill(target.pid, signal.SIGCONT)
    assert soon(lambda: "T" not in thread_states(target.pid).values())


def test_a_traced_target_names_its_tracer(target: Target, tmp_path: Path) -> None:
    attach = (
        "import ctypes, sys, time; ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), 0, 0);"
        "print('attached', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(["python3", "-c", attach, str(target.pid)], stdout=subprocess.PIPE) as tracing:
        assert tracing.stdout is not None
        tracing.stdout.readline()
        done = sey("snapshot", "-p", str(target.pid), "-o", str(tmp_path / "x.seyc"))
        tracing.kill()
    assert done.returncode == 4
    assert f"{tracing.pid}" in done.stderr and "python3" in done.stderr  # noqa: PT018
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(target: Target, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("needs to mount a small disk")
    try:
        done = sey("snapshot", "-p", str(target.pid), "-o", str(disk / "x.seyc"))
        assert (done.returncode, list(disk.iterdir())) == (3, []), done.stderr
        assert "space" in done.stderr
        whole = tmp_path / "whole.seyc"
        assert sey("snapshot", "-p", str(target.pid), "-o", str(whole)).returncode == 0
        for name in ("x.json", "x.duckdb", "x.folded"):
            (disk / "filler").write_bytes(bytes(60 << 10))
            done = sey("export", str(whole), "-o", str(disk / name))
            if name != "x.folded":  # A few lines, which fit.
                assert done.returncode == 3, done.stderr
                assert [file.name for file in disk.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_unprivileged_user(target: Target, tmp_path: Path) -> None:
    """Who may read all files, for these belong to root, but neither trace nor load programs."""
    tmp_path.chmod(0o777)
    reads = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *reads]
    command = [*become, *SEY, "snapshot", "-p", str(target.pid), "-o", str(tmp_path / "x.seyc")]
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "as root" in done.stderr
    assert not (tmp_path / "x.seyc").exists()
    assert target.alive()


def test_a_process_that_exited(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    done = sey("snapshot", "-p", str(gone.pid), "-o", str(tmp_path / "x.seyc"))
    assert (done.returncode, list(tmp_path.iterdir())) == (4, [])
    assert "no process" in done.stderr.lower()


@pytest.mark.parametrize(
    ("target", "mode", "says"),
    [
        ("churn", "stripped", "build it without -s -w in -ldflags"),
        pytest.param("churn", "386", "386", marks=pytest.mark.matrix),
    ],
)
def test_binaries_that_cannot_be_captured(target: str, mode: str, says: str, tmp_path: Path) -> None:
    executable = build(target, mode=mode)
    with Target(executable) as running:
        snapshot = ["snapshot", "-p", str(running.pid), "-o", str(tmp_path / "x.seyc")]
        for arguments in (snapshot, ["stacks", str(running.pid)]):
            done = sey(*arguments)
            assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (4, "", []), done.stderr
            assert says in done.stderr
    assert sey("functions", str(executable)).returncode == 4


@pytest.mark.parametrize("mode", ["arm64", pytest.param("darwin-arm64", marks=pytest.mark.matrix)])
def test_another_architecture(mode: str) -> None:
    done = sey("functions", str(build("many", mode=mode)))
    assert done.returncode == 4
    assert "amd64" in done.stderr


SPECS = {
    "empty": b"",
    "blank": b"\n\n  \n",
    "comment": b"# nothing\n",
    "garbage": random.Random(5).randbytes(3000),
    "not utf-8": b'func "main.main" { \xff }',
    "parentheses": b"(" * 10_000_000,
    "nested": b'func "main.main" { ' + b"(" * 200_000 + b" }",
    "nested operators": b'func "main.main" { ' + b"-" * 200_000 + b"x }",
    "long name": b'func "' + b"a" * 200_000 + b'" { x }',
    "open string": b'func "main.main { x }',
    "open body": b'func "main.main" { x',
    "only braces": b"}" * 1000,
}


@pytest.mark.parametrize("name", SPECS)
def test_specs_that_are_none(name: str, target: Target, tmp_path: Path) -> None:
    spec = tmp_path / "bad.sey"
    spec.write_bytes(SPECS[name])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for arguments in (["check", str(spec), str(target.pid)], ["snapshot", str(spec), "-p", str(target.pid)]):
        done = sey(*arguments, cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "error[SEY01" in done.stderr + done.stdout or "error[SEY02" in done.stderr + done.stdout
        assert len(done.stderr) < 20_000
    assert list(tmp_path.iterdir()) == [spec]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20, "processor seconds"


def test_damaged_files(target: Target, tmp_path: Path) -> None:
    """Cut anywhere or with a byte changed anywhere: an error that says so, or, in unused bytes, the same answer."""
    probe, capture = bundle(tmp_path, build("many")), tmp_path / "x.seyc"
    assert sey("snapshot", str(probe), "-p", str(target.pid), "-o", str(capture)).returncode == 0
    chance = random.Random(13)
    snapshot = ["snapshot", "-p", str(target.pid), "-o", str(tmp_path / "no.seyc")]
    for file, command in ((probe, snapshot), (capture, ["stacks"])):
        whole = file.read_bytes()
        bad = tmp_path / f"bad{file.suffix}"
        for turn in range(7):
            at = chance.randrange(len(whole))
            changed = bytes([whole[at] ^ (1 << chance.randrange(8))])
            bad.write_bytes(whole[:at] if turn % 2 else whole[:at] + changed + whole[at + 1 :])
            done = sey(command[0], str(bad), *command[1:])
            assert done.returncode == 6, (turn, at, done.stderr)
            assert "error[SEY07" in done.stderr
            assert not (tmp_path / "no.seyc").exists()


def test_a_snapshot_of_a_dead_process_through_the_library() -> None:
    executable = build("many")
    with Target(executable, ["-n=3"]) as target:
        pid = target.pid
    with pytest.raises(SeyError) as caught:
        snapshot(pid, executable)
    assert caught.value.exit_status == 4
