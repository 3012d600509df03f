"""litestream, which has SQLite in it (cgo): databases that it copies, and its Prometheus metrics of each."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.kernel.support import Tables
from tests.servers.server import Running, Server, unlike, wait_for

_DATABASES = 6
_PACKAGE = "github.com/benbjohnson/litestream"

SPEC = f"""
func "{_PACKAGE}.(*DB).monitor" as databases {{
  db.path             as path
  db.pageSize         as page_size
  db.MonitorInterval  as monitor_interval
  db.Replicas[0].name as replica
  len(db.Replicas)    as replicas
  db.f.file.name      as opened
}}
func "{_PACKAGE}.(*Replica).monitor" as copying {{
  r.name as replica, r.SyncInterval as sync_interval, r.db.path as path, r.pos.Index as at_file, r.pos.Offset as at_byte
}}
"""


def _path(folder: Path, number: int) -> Path:
    return folder / f"shop-{number}.db"


def _arguments(folder: Path, ports: Mapping[str, int]) -> list[str]:
    lines = [f"addr: 127.0.0.1:{ports['web']}", "dbs:"]
    for number in range(_DATABASES):
        path = _path(folder, number)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("pragma journal_mode = wal")
            database.execute("create table orders (id integer primary key, text)")
        lines += [f"- path: {path}", "  monitor-interval: 250ms", "  replicas:"]
        lines += [f"  - {{type: file, name: copy-{number}, path: {path}.copy, sync-interval: 500ms}}"]
    (folder / "config.yml").write_text("\n".join(lines))
    return ["replicate", "-config", str(folder / "config.yml")]


@contextlib.contextmanager
def _load(run: Running) -> Iterator[None]:
    """Databases of different sizes, open."""
    with contextlib.ExitStack() as stack:
        for number in range(_DATABASES):
            database = stack.enter_context(contextlib.closing(sqlite3.connect(_path(run.folder, number), timeout=30)))
            rows = [("x" * 500,) for _ in range(50 * number + 1)]
            database.executemany("insert into orders (text) values (?)", rows)
            database.commit()
        wait_for(lambda: _copied(run), run)
        yield


def _copied(run: Running) -> bool:
    """Whether every copy is where its database is: at the end of a log as long as the one that SQLite wrote."""
    lengths = {path: Path(path + "-wal").stat().st_size for path in _metric(run, "litestream_replica_wal_offset")}
    return len(lengths) == _DATABASES and lengths == _metric(run, "litestream_replica_wal_offset")


def _metric(run: Running, name: str) -> dict[str, float]:
    """The values of a metric, by database."""
    found = re.findall(rf'^{name}{{db="([^"]*)"[^}}]*}} (\S+)$', run.get("web", "/metrics"), re.MULTILINE)
    return {path: float(value) for path, value in found}


def _compare(run: Running, tables: Tables) -> list[str]:
    files, offsets = (_metric(run, f"litestream_replica_wal_{what}") for what in ("index", "offset"))
    databases, copying = [], []
    for number in range(_DATABASES):
        path = str(_path(run.folder, number))
        known = {"path": path, "replica": f"copy-{number}"}
        databases.append(
            {**known, "page_size": 4096, "monitor_interval": 250_000_000, "replicas": 1, "opened": path},
        )
        copying.append({**known, "sync_interval": 500_000_000, "at_file": files[path], "at_byte": offsets[path]})
    return unlike(tables, {"databases": databases, "copying": copying}, "path")


LITESTREAM = Server(
    name="litestream",
    module=f"{_PACKAGE}/cmd/litestream@v0.3.13",
    go="go1.26.8",
    ports=("web",),
    ready=("web", "/metrics"),
    profiles="web",
    arguments=_arguments,
    load=_load,
    spec=SPEC,
    compare=_compare,
    functions=f"{_PACKAGE}.(*DB).*",
    waits_in=f"{_PACKAGE}.(*DB).monitor",
    cgo=True,
    quits_with_dump=True,
)
