"""The commands that read files: query, stacks, export, inspect."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from sey.cli.output import print_table
from tests.cli.conftest import Run
from tests.support.captures import Shop

GOLDEN = Path(__file__).parent / "golden"


def test_query_prints_a_table(run: Run, shop_file: Path) -> None:
    done = run("query", shop_file, "select * from waiting")
    assert (done.status, done.err) == (0, "")
    assert done.out == "customer  n\nbig       4\nsmall     2\n"


def test_query_as_json_is_an_array_of_objects(run: Run, shop_file: Path) -> None:
    sql = "select goid, request, labels, 18446744073709551615::ubigint as n, 'nan'::double as f from handle "
    done = run("query", shop_file, sql + "join goroutines using (pid, goid) where goid = 99", "--json")
    assert json.loads(done.out) == [
        {
            "goid": 99,
            "request": {"id": 99, "path": "/cart"},
            "labels": {"tenant": "big"},
            "n": 18446744073709551615,
            "f": "NaN",
        }
    ]
    assert json.loads(run("query", shop_file, "select 1 where false", "--json").out) == []


def test_query_without_sql_lists_the_tables(run: Run, shop_file: Path) -> None:
    done = run("query", shop_file)
    assert "handle: 6 rows\n  pid       INTEGER\n" in done.out
    assert "__status" not in done.out
    tables = json.loads(run("query", shop_file, "--json").out)
    handle = next(table for table in tables if table["name"] == "handle")
    assert handle["rows"] == 6
    assert {"name": "customer__status", "type": "VARCHAR"} in handle["columns"]


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [("select nope", 2, "SEY0801"), ("drop table handle", 2, "SEY0802"), ("", 2, "SEY0803")],
)
def test_wrong_queries(run: Run, shop_file: Path, sql: str, status: int, code: str) -> None:
    done = run("query", shop_file, sql)
    assert (done.status, done.out) == (status, "")
    assert f"error[{code}]" in done.err


def test_errors_as_json(run: Run, shop_file: Path) -> None:
    done = run("query", shop_file, "select nope", "--format", "json")
    (problem,) = json.loads(done.err)
    assert (problem["code"], problem["severity"]) == ("SEY0801", "error")
    assert run("query", shop_file, "select nope", "--format", "github").err.startswith("::error title=SEY0801::")


def test_text_from_the_target_cannot_upset_a_terminal(run: Run, shop_file: Path) -> None:
    done = run("query", shop_file, "select chr(27) || '[2J' || chr(10) as x")
    assert done.out == "x\n\\x1b[2J\\n\n"


def test_another_spec_gives_its_tables(run: Run, shop_file: Path, tmp_path: Path) -> None:
    spec = tmp_path / "other.sey"
    late = 'column handle.late boolean = "goid = 99"\n'
    spec.write_text('table mine = "select count(*) as n from handle where late"\n' + late)
    done = run("query", shop_file, "select * from mine", "--spec", spec)
    assert (done.status, done.out, done.err) == (0, "n\n1\n", "")
    assert run("query", shop_file, "select * from waiting", "--spec", spec).status == 2
    spec.write_text('table mine = "select nope from handle"')
    done = run("query", shop_file, "select count(*) as n from handle", "--spec", spec)
    assert (done.status, done.out) == (0, "n\n6\n")
    assert "error[SEY0805]" in done.err
    spec.write_text("table {")
    assert run("query", shop_file, "select 1", "--spec", spec).status == 1


def test_stacks_of_a_file(run: Run, shop_file: Path, golden: Callable[[Path, str], None]) -> None:
    done = run("stacks", shop_file)
    assert (done.status, done.err) == (0, "")
    golden(GOLDEN / "stacks.txt", done.out)


def test_stacks_of_many_kinds(run: Run, tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    """Several states in a group, a truncated stack, code without names, a goroutine without stack."""
    shop = Shop(waiting=12)
    shop.writer.stack(7, [0x1200, 0x1300], [0x1400, 0x1500], frames=1004)
    shop._goroutine(50, stack=7, reason=1, since=0)
    shop.writer.stack(8, [0x7FFF0000, 0x1400])
    shop._goroutine(51, stack=8, reason=2, since=0)
    shop.writer.add("goroutine", g=0xC1, goid=60, status=1, stack=0, gopc=0x1700)
    shop.writer.add("goroutine", g=0xC2, goid=61, status=9, stack=0xFFFFFFFF)
    path = tmp_path / "many.seyc"
    shop.capture().save(str(path))
    golden(GOLDEN / "stacks-many.txt", run("stacks", path).out)


def test_stacks_as_json(run: Run, shop_file: Path) -> None:
    groups = json.loads(run("stacks", shop_file, "--json").out)
    assert [(g["goroutines"], g["longest_wait_ns"]) for g in groups] == [(5, 5 * 10**9), (1, 90 * 10**9)]
    assert groups[0]["frames"][1] == {
        "function": "main.(*server).lock",
        "file": "/shop/main.go",
        "line": 20,
        "inlined": True,
    }


def test_problems_as_annotations(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "50%, a:b.sey"
    spec.write_text("func {\n")
    done = run("fmt", spec, "--check", "--format", "github")
    assert done.status == 1
    first = done.err.splitlines()[0]
    name = str(spec).replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
    assert first.startswith(f"::error file={name},line=1,col=6,endLine=1,endColumn=7,title=SEY01"), first
    done = run("vars", tmp_path / "none", "main.main", "--format", "github")
    assert done.err.startswith("::error ")
    assert len(done.err.splitlines()) == 1  # notes and help are %0A apart


def test_tables_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(1, "example.com/a/long/path.(*server).handle", "many words, of which the first tell most", None)]
    names = ("n", "function", "text", "x")
    print_table(names, rows, right=(True, False, False, False), width=50)
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["n", "function", "text", "x"]
    assert re.fullmatch(r"1  …\S*\(\*server\)\.handle  many words,.*…  NULL", line)
    assert len(line) == 50
    print_table(names, rows, width=20)
    upright = capsys.readouterr().out.splitlines()
    assert [part.split(" │ ")[0].strip() for part in upright[1:]] == ["n", "function", "text", "x"]
    assert max(map(len, upright)) <= 22
    print_table(names, [(*rows[0][:3], "NULL")])  # a pipe: nothing is cut, and the string isn't the value
    assert capsys.readouterr().out.splitlines()[1] == f'1  {rows[0][1]}  {rows[0][2]}  "NULL"'


def test_export_to_duckdb(run: Run, shop_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.duckdb"
    assert run("export", shop_file, "-o", out).status == 0
    with duckdb.connect(str(out), read_only=True) as database:
        assert database.execute("select * from waiting").fetchall() == [("big", 4), ("small", 2)]
        assert database.execute("select request.path, big from handle where goid = 99").fetchall() == [("/cart", True)]
    assert out.stat().st_mode & 0o777 == 0o600


def test_export_to_json(run: Run, shop_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert json.loads(run("export", shop_file, "-o", out, "--json").out) == {"file": str(out)}
    tables = json.loads(out.read_text())
    assert tables["waiting"] == [{"customer": "big", "n": 4}, {"customer": "small", "n": 2}]
    assert len(tables["frames"]) == 12


def test_export_to_folded_stacks(run: Run, shop_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.folded"
    assert run("export", shop_file, "-o", out).status == 0
    assert out.read_text() == (
        "main.main.func1;main.(*server).handle;main.(*server).lock;net.(*Resolver).lookup 1\n"
        "main.main.func1;main.(*server).handle;main.(*server).lock;sync.(*Mutex).Lock 5\n"
    )


def test_export_to_parquet(run: Run, shop_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    for _ in range(2):  # a folder of Parquet files is replaced
        assert run("export", shop_file, "-o", out).status == 0
    assert {p.name for p in tmp_path.iterdir()} == {"out.parquet"}
    with duckdb.connect() as database:
        assert database.execute(f"from '{out}/waiting.parquet'").fetchall() == [("big", 4), ("small", 2)]
        sql = f"select request.path, big from '{out}/handle.parquet' where goid = 99"
        assert database.execute(sql).fetchall() == [("/cart", True)]
        sql = f"select labels['tenant'], status from '{out}/goroutines.parquet' where goid = 99"
        assert database.execute(sql).fetchall() == [("big", "waiting")]
        assert database.execute(f"select name, value from '{out}/globals.parquet'").fetchall() == [("limit", "100")]
    assert {p.stat().st_mode & 0o777 for p in out.iterdir()} == {0o600}
    (out / "notes.txt").write_text("mine")
    assert run("export", shop_file, "-o", out).status == 3
    assert (out / "notes.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_export_to_sqlite(run: Run, shop_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.sqlite"
    for _ in range(2):
        assert run("export", shop_file, "-o", out).status == 0
    with contextlib.closing(sqlite3.connect(out)) as database:
        assert database.execute("select * from waiting").fetchall() == [("big", 4), ("small", 2)]
        sql = "select request ->> 'path', big, typeof(goid), done, done__status from handle where goid = 99"
        assert database.execute(sql).fetchall() == [("/cart", 1, "integer", None, "not_live")]
        sql = "select labels ->> 'tenant' from goroutines where goid = 99"
        assert database.execute(sql).fetchall() == [("big",)]
        assert database.execute("select captured_at from processes").fetchall() == [("2026-01-02T03:04:05Z",)]
    assert out.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 1


def test_export_to_pprof(run: Run, tmp_path: Path) -> None:
    capture, out = tmp_path / "two.seyc", tmp_path / "out.pb.gz"
    Shop().capture(pids=(4242, 4343)).save(str(capture))
    assert run("export", capture, "-o", out).status == 0
    top = _pprof("-top", out)
    assert "File: shop-server" in top and "Type: goroutine" in top  # noqa: PT018
    assert re.search(r"12 +100% +12 +100% +runtime.gopark|10 83.33%.* runtime.gopark", top), top
    assert re.search(r" 12 +100% +main\.main\.func1", top), top
    tags = _pprof("-tags", out)
    assert "tenant: Total 2" in tags and "pid: Total 12" in tags  # noqa: PT018
    assert "main.(*server).lock /shop/main.go:20" in _pprof("-raw", out)


def _pprof(form: str, path: Path) -> str:
    return subprocess.run(["go", "tool", "pprof", form, str(path)], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "name",
    [
        "out.xlsx",
        "out",
        "no/such/folder/out.parquet",
        "no/such/folder/out.sqlite",
        "no/such/folder/out.json",
        "no/such/folder/out.duckdb",
    ],
)
def test_exports_that_cannot_be(run: Run, shop_file: Path, tmp_path: Path, name: str) -> None:
    done = run("export", shop_file, "-o", tmp_path / name)
    assert done.status == (3 if "/" in name else 2)
    assert list(tmp_path.iterdir()) == []


def test_inspect_shows_what_is_inside(run: Run, shop_file: Path, bundle_file: Path) -> None:
    assert "process 4242: /srv/shop-server" in run("inspect", shop_file).out
    done = run("inspect", bundle_file, "--json")
    (bundle,) = json.loads(done.out)["bundles"]
    assert (bundle["spec"], bundle["binaries"][0]["tables"]) == ("shop.sey", ["handle"])
    assert run("inspect", bundle_file, "--ir").out == "program {}\n"


def test_the_program_has_the_lines_it_comes_from() -> None:
    from sey.cli.commands.inspect import with_lines

    ir = 'file "a.sey"\n\nfunc @main() !0:1 {\n  %a = const i64 1 !0:2\n  %b = const i64 1 !0:2\n  yield !0:9\n}\n'
    assert with_lines(ir, {"a.sey": "one\n  two\n"}) == (
        'file "a.sey"\n\n# a.sey:1: one\nfunc @main() !0:1 {\n  # a.sey:2: two\n  %a = const i64 1 !0:2\n'
        "  %b = const i64 1 !0:2\n  yield !0:9\n}\n"
    )


def test_inspect_extracts_every_part(run: Run, shop_file: Path, tmp_path: Path) -> None:
    assert run("inspect", shop_file, "--extract", tmp_path / "parts").status == 0
    found = sorted(str(p.relative_to(tmp_path / "parts")) for p in (tmp_path / "parts").rglob("*") if p.is_file())
    bundle = [f"bundle0/{name}" for name in ("b0/ir", "b0/plan", "b0/types", "manifest", "spec")]
    assert found == [*bundle, "manifest", "p0/pages", "p0/symbols"]
    (tmp_path / "taken").write_text("")
    assert run("inspect", shop_file, "--extract", tmp_path / "taken" / "x").status == 3


@pytest.mark.parametrize("command", ["query", "stacks", "inspect", "export"])
def test_files_that_are_damaged_or_others(run: Run, tmp_path: Path, shop_file: Path, command: str) -> None:
    more = ["-o", str(tmp_path / "x.json")] if command == "export" else []
    whole = shop_file.read_bytes()
    cases = {
        "cut.seyc": (whole[:-10], 6, "SEY0704"),
        "flipped.seyc": (whole[:500] + bytes([whole[500] ^ 1]) + whole[501:], 6, "SEY0704"),
        "newer.seyc": (whole[:4] + b"\x63\0\0\0" + whole[8:], 6, "SEY0703"),
        "other.seyc": (b"\x7fELF" + whole, 6, "SEY0702"),
        "empty.seyc": (b"", 6, "SEY0702"),
    }
    for name, (data, status, code) in cases.items():
        (tmp_path / name).write_bytes(data)
        done = run(command, tmp_path / name, *more)
        assert (done.status, done.out) == (status, ""), name
        assert done.err.startswith(f"error[{code}]: {tmp_path / name}"), done.err
    assert run(command, tmp_path / "missing", *more).status == 2
    assert run(command, tmp_path, *more).status == 2
    assert not (tmp_path / "x.json").exists()
