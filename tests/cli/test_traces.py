"""The commands that read files, of a trace."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Run
from tests.decode.test_events import shop
from tests.support.captures import NOW
from tests.support.pages import Ref


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    """A trace of the shop in which one stack is of two events."""
    path = tmp_path / "trace.seyc"
    trace = shop()
    trace.add("put", time=NOW + 5_000_000, values=(Ref((3, b"cap")), 1), stack=(0x1600, 0x1500), goid=0)
    trace.capture().save(str(path))
    return path


def test_a_trace_is_asked_like_any_capture(run: Run, trace_file: Path) -> None:
    done = run("query", trace_file, "select count(*) as n, max(duration) as longest from get where customer <> ''")
    assert (done.status, done.out, done.err) == (0, "n  longest\n2     1500\n", "")
    tables = json.loads(run("query", trace_file, "--json").out)
    assert {"get": 3, "put": 3, "events": 2, "handle": 0}.items() <= {t["name"]: t["rows"] for t in tables}.items()
    asked = run("query", trace_file, "select trace_ns, pause_ns, goroutines from processes", "--json")
    (process,) = json.loads(asked.out)
    assert process == {"trace_ns": 10_000_000_000, "pause_ns": None, "goroutines": None}


def test_inspect_shows_a_trace(run: Run, trace_file: Path) -> None:
    out = run("inspect", trace_file).out
    assert "  events: get, put, by 2 probes\n" in out
    assert "  go1.25.5, traced for 10000000000 ns\n  get: seen 12, emitted 10, lost 2, ns 5000\n" in out
    assert "p0/events" in out
    found = json.loads(run("inspect", trace_file, "--values", "--json").out)
    assert found["values"]["get"]["customer"] == {"ok": 3}
    assert found["bundles"][0]["binaries"][0]["events"]["bpf"]["program"] == "event"
    layouts = run("inspect", trace_file, "--layouts").out
    assert "  table get: rows in event_0, of 2 sites\n" in layouts
    assert "  probe 1 for put: entry of main.put at 0x1001\n" in layouts
    assert run("inspect", trace_file, "--ir").out == "program {}\nprogram {}\n"


def test_a_report_says_what_a_trace_is(run: Run, trace_file: Path) -> None:
    done = run("report", trace_file)
    assert done.out.splitlines()[:5] == [
        "process 4242  /srv/shop-server  go1.25.5  a trace of 10 s, 2026-01-02 03:04:05 UTC",
        "",
        "EVENTS (each has a table: sey query)",
        "  get: 10 rows of process 4242, 2 more were lost",
        "  put: 0 rows of process 4242",
    ]
    assert "events of get" in done.out
    found = json.loads(run("report", trace_file, "--json").out)
    assert found["events"][0] == {"pid": 4242, "event": "get", "rows": 10, "lost": 2}
    assert found["processes"][0]["trace_ns"] == 10_000_000_000
    assert run("report", trace_file, "--html", trace_file.with_suffix(".html")).status == 0


def test_stacks_and_diffs_of_a_trace(run: Run, trace_file: Path, shop_file: Path) -> None:
    told = "process 4242  /srv/shop-server  go1.25.5  a trace, without goroutines of one moment\n"
    assert run("stacks", trace_file).out == told
    done = run("diff", shop_file, trace_file)
    assert done.out.startswith("a trace has no goroutines of one moment: only tables are compared, ")
    assert "  handle: 6 → 0 rows" in done.out
    assert "  get: none → 3 rows" in done.out
    assert json.loads(run("diff", trace_file, trace_file, "--json").out)["traced"] is True


def test_perfetto(run: Run, trace_file: Path, tmp_path: Path, shop_file: Path) -> None:
    out = tmp_path / "t.perfetto"
    assert run("export", trace_file, "-o", out).status == 0
    events = json.loads(out.read_text())["traceEvents"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert sorted(names.values()) == ["goroutine 7", "goroutine 8", "thread 1000"]
    spans = [(names[e["pid"], e["tid"]], e["ts"], e["dur"], e["args"]["id"]) for e in events if e["ph"] == "X"]
    assert spans == [("goroutine 7", 1999.993, 0.007, 1), ("goroutine 8", 2999.0, 1.5, 2)]
    instants = [(e["cat"], names[e["pid"], e["tid"]], e["ts"]) for e in events if e["ph"] == "i"]
    assert instants == [
        ("get", "goroutine 7", 4000.0),
        ("put", "goroutine 7", 0.5),
        ("put", "goroutine 8", 0.9),
        ("put", "thread 1000", 5000.0),
    ]
    (put,) = [e for e in events if e["ph"] == "i" and e["ts"] == 0.5]
    assert put["args"] == {
        "item": {"id": 1, "name": "pen"},
        "count": 4,
        "stack": ["main.main.func1"],
    }
    failed = run("export", shop_file, "-o", out)
    assert (failed.status, "error[SEY0713]" in failed.err) == (2, True)


def test_stacks_of_events_are_counted(run: Run, trace_file: Path, tmp_path: Path) -> None:
    assert run("export", trace_file, "-o", tmp_path / "t.folded").status == 0
    assert (tmp_path / "t.folded").read_text() == "main.main.func1 2\nnet.(*Resolver).lookup 1\n"
    failed = run("export", trace_file, "-o", tmp_path / "t.pb.gz")
    assert (failed.status, "error[SEY0714]" in failed.err) == (2, True)


@pytest.mark.parametrize("ending", ["parquet", "sqlite", "json", "duckdb"])
def test_other_exports_have_the_tables_of_events(run: Run, trace_file: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"t.{ending}"
    assert run("export", trace_file, "-o", out).status == 0
    match ending:
        case "parquet":
            with duckdb.connect() as database:
                file_sql = f"select id, duration from '{out}/get.parquet' order by time_ns"
                rows = database.execute(file_sql).fetchall()
        case "json":
            rows = [(row["id"], row["duration"]) for row in json.loads(out.read_text())["get"]]
        case "sqlite":
            with contextlib.closing(sqlite3.connect(out)) as file:
                rows = file.execute("select id, duration from get order by time_ns").fetchall()
        case _:
            with duckdb.connect(str(out), read_only=True) as database:
                rows = database.execute("select id, duration from get order by time_ns").fetchall()
    assert rows == [(1, 7), (2, 1500), (3, None)]
