"""The files that come with sey, `import "lib/….sey"`, over programs whose requests, statements and locks are known.

Of modules that aren't Go's own each release is built that people use; all but the newest by `make test-servers`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sey.frontend.imports import library_files
from tests.kernel.support import sey
from tests.support.gobuild import ROOT, TARGETS, build, go_command
from tests.support.kernel import require_bpf
from tests.support.target import Target

_APART = ("lib/grpc.sey", "lib/secrets.sey")
"""Files that have a test of their own."""

GRPC = ("1.77.0", "1.56.3", "1.64.1", "1.71.3")


class Captured:
    """A capture of a target with files of the library, asked as a user does; `said`: what the target says of itself."""

    def __init__(self, executable: Path, folder: Path, libraries: list[str], go: str = "") -> None:
        self.go = go
        spec, self._file = folder / "library.sey", folder / "library.seyc"
        spec.write_text("".join(f'import "{path}"\n' for path in libraries))
        with Target(executable) as target:
            self.said = target.greeting
            self.summary = _done(
                "snapshot", str(spec), "-p", str(target.pid), "-o", str(self._file), "--max-pause", "5s"
            ).stderr

    def rows(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(_done("query", str(self._file), sql, "--json").stdout)
        return found


def _done(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = sey(*arguments, timeout=240)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("1.26", id="1.26"),
        *(pytest.param(go, id=go, marks=pytest.mark.matrix) for go in ("1.21", "1.22", "1.23", "1.24", "1.25", "1.27")),
    ],
)
def standard(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Captured:
    """What a program does with Go's own packages."""
    require_bpf()
    libraries = [path for path in library_files() if path not in _APART]
    return Captured(build("library", go=request.param), tmp_path_factory.mktemp("library"), libraries, request.param)


def test_the_readme_and_the_language_tell_of_it(standard: Captured) -> None:
    readme, language = ((ROOT / path).read_text() for path in ("README.md", "spec/language.md"))
    imports = re.findall(r'^import "(.+?)" +# (.*?)(?::.*)?$', readme, re.MULTILINE)
    assert imports
    told = [(path, table) for path, tables in imports for table in tables.split(", ")]
    (query,) = re.findall(r"^sey query now.seyc '(select .* from http_server .*)'$", readme, re.MULTILINE)
    assert {row["path"] for row in standard.rows(query)} == {"/orders", "/items/1"}
    listed = re.findall(r"^\| `(lib/.*?)` \| (.*?) \|$", language, re.MULTILINE)
    assert sorted(path for path, _ in listed) == sorted(library_files())
    told += [(path, name) for path, text in listed for name in re.findall(r"`([a-z_]+)`", text.partition(":")[0])]
    assert {path for path, _ in told} <= set(library_files())
    tables = {table for path, table in told if path not in _APART}
    found = standard.rows(
        " union ".join(f"select '{table}' as name, list({table})::varchar from {table}" for table in tables)
    )
    assert {row["name"] for row in found} == tables


def test_nothing_is_said_against_the_library(standard: Captured) -> None:
    assert "warning" not in standard.summary
    assert "error" not in standard.summary


def test_requests_that_servers_answer(standard: Captured) -> None:
    found = standard.rows("select method, host, path, status, peer from http_server order by method")
    peers = [row.pop("peer") for row in found]
    assert found == [
        {"method": "POST", "host": standard.said["held"], "path": "/orders", "status": 0},
        {"method": "PUT", "host": standard.said["held"], "path": "/items/1", "status": 202},
    ]
    assert len(set(peers)) == 2
    assert all(peer.startswith("127.0.0.1:") for peer in peers)


def test_requests_that_clients_wait_for(standard: Captured) -> None:
    held, unanswered = standard.said["held"], standard.said["unanswered"]
    assert standard.rows("select method, host, path from http_client order by method") == [
        {"method": "GET", "host": unanswered, "path": "/slow"},
        {"method": "POST", "host": held, "path": "/orders"},
        {"method": "PUT", "host": held, "path": "/items/1"},
    ]


def test_statements_in_the_driver_and_before_it(standard: Captured) -> None:
    found = standard.rows("""
        select kind, query, deadline, waits_for_connection as waits, args->0->>'value' as first
        from sql_statements order by waits, kind, query
    """)
    due = "2100-01-02T03:04:05Z"
    late = {"kind": "QueryContext", "query": "select late", "deadline": due, "waits": True, "first": None}
    expected = [
        ("ExecContext", "update items set stock = 0", None, None),
        ("QueryContext", "select prepared", due, "seven"),
        ("QueryContext", "select stock from items where id = ?", due, "7"),
        ("Tx.Commit", None, None, None),
    ]
    if standard.go in ("1.21", "1.22"):  # which don't describe closures
        late, expected = {**late, "query": None, "deadline": None}, [(kind, None, None, None) for kind, *_ in expected]
    keys = ("kind", "query", "deadline", "first")
    assert found == [*({**dict(zip(keys, row, strict=True)), "waits": False} for row in expected), late, late]


def test_pools(standard: Captured) -> None:
    (pool,) = standard.rows("select db, open, idle, most, waited from sql_pools")
    assert {key: pool[key] for key in ("open", "idle", "most", "waited")} == {
        "open": 4, "idle": 0, "most": 4, "waited": 2
    }  # fmt: skip
    assert standard.rows("select distinct db from sql_conn") == [{"db": pool["db"]}]


def test_who_waits_for_which_lock(standard: Captured) -> None:
    assert standard.rows("select mutex, waiting from mutex_queues") == [
        {"mutex": standard.said["first"], "waiting": 3},
        {"mutex": standard.said["second"], "waiting": 1},
    ]
    found = standard.rows("select waitgroup__status as status, counts from waitgroup_waits")
    assert [row["status"] for row in found] in (["ok"], ["not_live"])
    assert all(row["counts"]["counter"] == 1 for row in found if row["status"] == "ok")


def test_who_watches_contexts(standard: Captured) -> None:
    (row,) = standard.rows("select parent, child, watchers from context_watched")
    assert row == {"parent": "main.ownContext", "child": "*context.cancelCtx", "watchers": 4}


@pytest.mark.parametrize("kept_back", [False, True])
def test_no_secret_is_in_a_file(kept_back: bool, tmp_path: Path) -> None:
    """A header of a request, which is in maps, in buffers of both ends, and in what was sent."""
    require_bpf()
    spec, capture = tmp_path / "whole.sey", tmp_path / "whole.seyc"
    whole = 'func "net/http.(*conn).serve" { c { depth 5, max_string 4KiB, max_items 4096 }, w { depth 5 } }\n'
    spec.write_text(whole + ('import "lib/secrets.sey"\n' if kept_back else ""))
    with Target(build("library", go="1.26")) as target:
        done = _done("snapshot", str(spec), "-p", str(target.pid), "-o", str(capture), "--max-pause", "5s")
    assert "warning" not in done.stderr
    assert (b"key-to-everything" in capture.read_bytes()) is not kept_back


@contextlib.contextmanager
def _module(version: str) -> Iterator[Path]:
    """The target of calls, as a module that requires that release of grpc; kept for later runs."""
    folder = ROOT / ".cache" / "library" / f"calls-{version}"
    if not (folder / "go.sum").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(TARGETS / "calls", folder)
        env = {**os.environ, "GOFLAGS": "", "GOWORK": "off"}
        for arguments in (["get", f"google.golang.org/grpc@v{version}"], ["mod", "tidy"]):
            command = [go_command(), *arguments]
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                (folder / "go.sum").unlink(missing_ok=True)
                pytest.fail(f"{' '.join(command)}: {done.stderr}")
    yield folder


@pytest.mark.parametrize(
    "version", [pytest.param(v, id=v, marks=() if v == GRPC[0] else pytest.mark.servers) for v in GRPC]
)
def test_calls_on_both_sides(version: str, tmp_path: Path) -> None:
    require_bpf()
    with _module(version) as folder:
        captured = Captured(build(folder), tmp_path, ["lib/grpc.sey"])
    due = "2100-01-02T03:04:05Z"
    method = "/grpc.health.v1.Health/"
    expected = [
        *({"method": method + "Check", "deadline": due} for _ in range(3)),
        *({"method": method + "Watch", "deadline": None} for _ in range(2)),
    ]
    server, client = (
        captured.rows(f"select method, stream, deadline from {table} order by method, stream")
        for table in ("grpc_server", "grpc_client")
    )
    assert [row["stream"] for row in server] == [row["stream"] for row in client]
    assert sorted(row["stream"] for row in server) == [1, 3, 5, 7, 9]
    for rows in (server, client):
        calls = [{"method": row["method"], "deadline": row["deadline"] and row["deadline"][:19] + "Z"} for row in rows]
        if rows is server:  # a deadline travels as a time that is left: what a server has of it is a little off
            calls = [{**call, "deadline": call["deadline"] and due} for call in calls]
        assert calls == expected
    (peer,) = captured.rows("select distinct peer from grpc_server")
    assert peer["peer"].startswith("127.0.0.1:")
    assert captured.rows("select distinct target from grpc_client") == [{"target": captured.said["address"]}]
