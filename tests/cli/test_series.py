"""Several snapshots in one file: taken at intervals, of processes that end meanwhile, and asked over time."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sey.runtime.capture import Capture
from sey.runtime.choose_engine import load_probe
from sey.runtime.spool import Spool
from tests.cli.conftest import SEY, Done, Run
from tests.kernel.support import compiled
from tests.support.captures import Shop
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
func "main.request" as parked { id, name }
table who = "select pid, goid, id, status from parked join goroutines using (pid, goid)"
column parked.even boolean = "id % 2 = 0"
link twins: parked(pid, id) = parked(pid, id)
link same: who(goid) = parked(goid)
"""


@pytest.fixture(scope="module")
def binary() -> Path:
    require_bpf()
    return build("many")


@pytest.fixture
def crowd(binary: Path) -> Iterator[Target]:
    with Target(binary, ["-n", "20", "-depth", "3", "-distinct", "1"]) as target:
        yield target


@pytest.fixture(scope="module")
def taken(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A file with three snapshots, and what was said of it."""
    folder = tmp_path_factory.mktemp("series")
    (folder / "a.sey").write_text(SPEC)
    with Target(binary, ["-n", "20", "-depth", "3", "-distinct", "1"]) as target:
        command = ["snapshot", folder / "a.sey", "-p", target.pid, "--every", "100ms", "--count", "3"]
        done = subprocess.run(
            [SEY, *map(str, command), "-o", folder / "a.seyc"], capture_output=True, text=True, check=False, timeout=120
        )
    return folder / "a.seyc", Done(done.returncode, done.stdout, done.stderr)


def _rows(run: Run, file: Path, sql: str, *more: object) -> list[dict[str, object]]:
    done = run("query", file, sql, "--json", *more)
    assert done.status == 0, done.err
    return list(json.loads(done.out))


def test_every_table_tells_its_snapshots_apart(run: Run, taken: tuple[Path, Done]) -> None:
    file, done = taken
    assert (done.status, done.out) == (0, ""), done.err
    lines = [line.split()[0] for line in done.err.splitlines()]
    assert lines == ["snapshot"] * 3 + ["pause", "goroutines", "commonest", "missing", "written"]
    for table in ("goroutines", "frames", "stacks", "parked", "captures"):
        sql = f"select snapshot, count(*) as n from {table} join processes using (pid, snapshot) group by 1"
        found = {row["snapshot"]: row["n"] for row in _rows(run, file, sql)}
        assert found.keys() == {0, 1, 2}
        assert len(set(found.values())) == 1
    times = [row["captured_at"] for row in _rows(run, file, "select captured_at from processes order by snapshot")]
    assert times == sorted(set(times))  # type: ignore[type-var]


def test_what_a_spec_says_holds_for_each_snapshot(run: Run, taken: tuple[Path, Done]) -> None:
    """Joins by process and goroutine, as specs are written, don't mix snapshots."""
    file, _ = taken
    expected = [{"snapshot": number, "n": 20} for number in range(3)]
    for table in ("who", "same"):
        assert _rows(run, file, f"select snapshot, count(*) as n from {table} group by 1 order by 1") == expected
    assert _rows(run, file, "select count(*) as n from parked where even") == [{"n": 30}]
    assert _rows(run, file, "select * from twins") == []
    assert _rows(run, file, "select count(*) as n from who", "--snapshot", "last") == [{"n": 20}]
    names = [column["name"] for column in json.loads(run("query", file, "--json").out)[1]["columns"]]
    assert names[-1] == "snapshot"


def test_commands_take_one_snapshot_where_several_would_add_up(
    run: Run, taken: tuple[Path, Done], tmp_path: Path
) -> None:
    file, _ = taken
    for arguments in ((), ("--snapshot", 1)):
        done = run("stacks", file, "--json", *arguments)
        assert max(group["goroutines"] for group in json.loads(done.out)) == 20
        assert f"snapshot {1 if arguments else 2} of 3" in done.err
    assert run("export", file, "-o", tmp_path / "a.folded").status == 0
    assert "main.main.func1;main.request;main.handleEven;main.handleEven 20\n" in (tmp_path / "a.folded").read_text()
    assert "snapshot 2, process" in run("inspect", file).out
    wrong = run("query", file, "select 1", "--snapshot", 3)
    assert wrong.status == 2
    assert "SEY0808" in wrong.err


def test_an_exported_database_has_all_snapshots(run: Run, taken: tuple[Path, Done], tmp_path: Path) -> None:
    import duckdb

    file, _ = taken
    assert run("export", file, "-o", tmp_path / "a.duckdb").status == 0
    with duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True) as connection:
        for table in ("who", "same", "parked"):
            rows = connection.execute(f"select snapshot, count(*) from {table} group by 1 order by 1").fetchall()
            assert rows == [(0, 20), (1, 20), (2, 20)]


def test_a_table_that_fails_while_several_snapshots_are_exported_is_told(run: Run, tmp_path: Path) -> None:
    (process,) = Shop().capture().processes
    later = replace(process, facts=replace(process.facts, snapshot=1))
    Capture((Shop().bundle(),), (process, later)).save(str(tmp_path / "two.seyc"))
    (tmp_path / "wrong.sey").write_text('table wrong = "select customer::int as n from handle"\n')
    done = run("export", tmp_path / "two.seyc", "--spec", tmp_path / "wrong.sey", "-o", tmp_path / "a.duckdb")
    assert done.status == 2
    assert "error[SEY0801]" in done.err
    assert "small" in done.err
    assert not (tmp_path / "a.duckdb").exists()


@pytest.mark.parametrize("engine", ["ebpf", "interp"])
def test_the_probe_is_loaded_once_and_remembers_nothing(
    binary: Path, crowd: Target, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sey.runtime.decode.tables import decode_capture
    from sey.runtime.process import Process
    from sey.runtime.snapshot import Limits, Request, Taker

    loads = []
    load = load_probe

    def counting(*arguments: object) -> object:
        loads.append(arguments)
        return load(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("sey.runtime.prepared.load_probe", counting)
    bundle = compiled(binary, SPEC)
    limits = Limits(max_pause_ns=10**10, engine=engine, parts=2)
    with Taker([bundle], [Request(Process.look(crowd.pid), 0, 0)], limits) as taker:
        captures = [Capture((bundle,), taker.take()) for _ in range(3)]
    assert len(loads) == 1
    for name in ("frames", "stacks", "parked", "captures"):
        first, *others = (decode_capture(capture)[name].drop_columns("snapshot") for capture in captures)
        assert first.num_rows
        assert all(other.equals(first) for other in others), name


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [SEY, "snapshot", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _after_first(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert process.stderr.readline().startswith("snapshot 0")


@pytest.mark.parametrize("count", [(), ("--count", 1000)])
def test_an_interrupt_ends_it_with_a_whole_file(run: Run, crowd: Target, tmp_path: Path, count: tuple[object]) -> None:
    file = tmp_path / "a.seyc"
    process = _start("-p", crowd.pid, "--every", "1h", *count, "-o", file)
    _after_first(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert ("warning[SEY0667]: the series ended after 1 snapshot: interrupted" in err) == bool(count)
    assert [row["snapshot"] for row in _rows(run, file, "select snapshot from processes")] == [0]


def test_what_was_captured_of_a_process_that_ends_is_kept(run: Run, crowd: Target, tmp_path: Path) -> None:
    file = tmp_path / "a.seyc"
    process = _start("-p", crowd.pid, "--every", "500ms", "--count", 1000, "-o", file)
    _after_first(process)
    crowd.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "SEY0667" in err
    assert "no process is left" in err
    rows = _rows(run, file, "select snapshot, problem is null as fine from processes order by 1")
    assert len(rows) > 1
    assert [row["fine"] for row in rows] == [True] * (len(rows) - 1) + [False]


def test_several_processes_are_captured_at_once(run: Run, binary: Path, crowd: Target, tmp_path: Path) -> None:
    """All of them stand still before the first is read, so their pauses overlap, and how far they are apart is told."""
    (tmp_path / "a.sey").write_text(SPEC + "link across: parked(id) = parked(id)\n")
    file = tmp_path / "a.seyc"
    with Target(binary, ["-n", "20", "-depth", "3", "-distinct", "1"]) as other:
        pids = (crowd.pid, other.pid)
        done = run("snapshot", tmp_path / "a.sey", "-p", pids[0], "-p", pids[1], "--max-pause", "5s", "-o", file)
    assert done.status == 0, done.err
    assert "of each other" in done.err
    first, second = _rows(run, file, "select pid, skew_ns, pause_ns from processes order by skew_ns")
    assert first["skew_ns"] == 0
    assert 0 < second["skew_ns"] < first["pause_ns"]  # type: ignore[operator]
    pairs = _rows(run, file, "select from_pid, to_pid, count(*) as n from across where from_pid != to_pid group by all")
    assert {(row["from_pid"], row["to_pid"], row["n"]) for row in pairs} == {(*pids, 20), (*reversed(pids), 20)}


@pytest.mark.parametrize(
    "arguments", [("--count", 2), ("--every", "1s", "--core", "x"), ("--every", "1ms"), ("--every", "1s", "--count", 0)]
)
def test_usage(run: Run, arguments: tuple[object, ...]) -> None:
    assert run("snapshot", "-p", 1, *arguments).status == 2


def test_a_full_disk_is_seen_before_it_is_full(tmp_path: Path) -> None:
    (process,) = Shop().capture().processes
    assert process.pages is not None
    with Spool(str(tmp_path / "a.seyc")) as spool:
        kept = [spool.keep(process) for _ in range(2)]
        assert all(bytes(k.pages.data) == bytes(process.pages.data) for k in kept if k.pages is not None)
        assert spool.has_room(1)
        assert not spool.has_room(1 << 60)
    assert list(tmp_path.iterdir()) == []
