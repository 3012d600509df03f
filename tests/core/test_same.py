"""A core and the process that it was dumped from, captured by eBPF while it stands still: the same, row for row."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.debuginfo.runtime_facts import field_offset
from tests.core.support import ended, gdb_core, kernel_cores, tables
from tests.kernel.support import INDEXES, Tables, snapshot
from tests.kernel.test_values import spec_of
from tests.support.freeze import stopped
from tests.support.gobuild import RELEASES, build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

BUILDS = [
    *[("zoo", "1.26", "plain"), ("zoo", "1.26", "nodwarf")],
    ("values", "1.21", "plain"),
]
# `make test-all` has every release. Not those of race builds: gdb would write the whole of their shadow memory.
OTHERS = [
    ("values", "1.24", "cgo-static-pie"),
    *(
        (name, release, mode)
        for name in ("zoo", "values")
        for release in RELEASES
        for mode in ("plain", "pie", "cgo-pie", "noopt")
        if (name, release, mode) not in BUILDS
    ),
]
# All but how long a goroutine has waited: no clock is in a core.
QUERIES = {
    "goroutines": "select * exclude (wait_ns) from goroutines order by goid",
    "frames": "select * from frames order by stack_id, depth",
    "stacks": "select * from stacks order by stack_id",
    "captures": "select * from captures order by source, goid, depth, name",
    "globals": "select * from globals order by name",
}


@dataclass(frozen=True)
class Pair:
    """The tables of one process: by eBPF as it stood still, from gdb's core of that moment, from the kernel's later."""

    live: Tables
    gdb: Tables
    kernel: Tables


PARAMETERS = [
    *(pytest.param(built, id="-".join(built)) for built in BUILDS),
    *(pytest.param(built, id="-".join(built), marks=pytest.mark.matrix) for built in OTHERS),
]


@pytest.fixture(scope="module", params=PARAMETERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    require_bpf()
    name, release, mode = request.param
    executable, folder = build(name, go=release, mode=mode), tmp_path_factory.mktemp("cores")
    with kernel_cores(folder), Target(executable, env={"GOTRACEBACK": "crash"}) as target:
        spec = spec_of(target.ask_json("expected"), target.ask_json("globals"))[0] if name == "values" else ""
        with stopped(target.pid):
            live = snapshot(target.pid, executable, spec)
            core = gdb_core(target.pid, folder / "gdb")
        gdb = tables(core, executable, spec)
        core.unlink()
        core = ended(target, folder)
        kernel = tables(core, executable, spec)
        core.unlink()
        return Pair(live, gdb, kernel)


@pytest.mark.parametrize("table", QUERIES)
def test_a_core_of_the_same_moment_has_the_same_rows(pair: Pair, table: str) -> None:
    rows = pair.gdb.rows(QUERIES[table])
    assert rows == pair.live.rows(QUERIES[table])
    assert rows or table in ("captures", "globals")


def test_a_core_of_the_same_moment_gives_the_same_bytes(pair: Pair) -> None:
    live, core = (each.capture.processes[0] for each in (pair.live, pair.gdb))
    assert live.pages is not None
    assert core.pages is not None
    assert core.pages.data.tobytes() == live.pages.data.tobytes()
    assert core.symbols is not None
    assert core.symbols.to_bytes() == live.symbols.to_bytes() if live.symbols else False
    assert core.facts.counters == live.facts.counters


def test_goroutines_that_wait_are_the_same_in_the_core_of_the_end(pair: Pair) -> None:
    """The rest ran on, and was stopped by the runtime on its way to the end."""
    resting = "status = 'waiting' and start_function like 'main.%' and start_function not like 'main.startRunning.%'"
    live, core = (_stacks(each, resting) for each in (pair.live, pair.kernel))
    assert live
    assert {goid: core[goid] for goid in live if goid in core} == live


def test_values_are_the_same_in_the_core_of_the_end(pair: Pair) -> None:
    resting = "goid in (select goid from goroutines where status = 'waiting')"
    query = f"select * exclude (pid) from captures where {resting} order by source, goid, depth, name"
    live, core = pair.live.rows(query), pair.kernel.rows(query)
    assert core == live
    assert pair.kernel.rows(QUERIES["globals"]) == pair.live.rows(QUERIES["globals"])


def test_no_goroutine_is_lost_in_the_core_of_the_end(pair: Pair) -> None:
    # A thread of C code that a signal comes to is lent a goroutine, which nothing started.
    own = "select goid, start_function from goroutines where start_function like 'main.%' order by goid"
    assert pair.kernel.rows(own) == pair.live.rows(own)
    states = Counter(row["ended"] for row in pair.kernel.rows("select ended from stacks"))
    assert states.keys() == {"complete"}


def test_what_is_known_of_the_process(pair: Pair) -> None:
    columns = "pid, executable, go_version, build_id, threads, goroutines, threads_idle, threads_foreign"
    (live,) = pair.live.rows(f"select {columns} from processes")
    (gdb,) = pair.gdb.rows(f"select {columns} from processes")
    assert gdb == live
    (kernel,) = pair.kernel.rows("select * from processes")
    assert kernel["pid"] == live["pid"]
    assert kernel["executable"] == live["executable"]
    assert (kernel["engine"], kernel["pause_ns"]) == ("interp", 0)
    # Go's runtime may send itself another one, to have each thread print what it does.
    assert re.match(r"a core of (SIGABRT|SIGQUIT) ", kernel["notes"])
    waits = pair.live.rows("select goid, wait_ns from goroutines where wait_ns is not null")
    least = {row["goid"]: row["wait_ns"] for row in pair.gdb.rows("select goid, wait_ns from goroutines")}
    assert all(0 <= least[row["goid"]] <= row["wait_ns"] for row in waits)


@pytest.mark.parametrize(
    ("release", "mode"), [("1.26", "plain"), pytest.param("1.21", "cgo", marks=pytest.mark.matrix)]
)
def test_a_core_dumped_from_outside_of_a_container_has_the_same_rows(release: str, mode: str, tmp_path: Path) -> None:
    """gdb writes the ids that threads have outside, Go has noted those inside."""
    require_bpf()
    executable = build("zoo", go=release, mode=mode)
    try:
        subprocess.run(["unshare", "--pid", "--fork", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no pid namespaces here")
    command = ("--pid", "--fork", "--kill-child", str(executable))
    with run_target(Path("/usr/bin/unshare"), *command) as shell:
        inner = int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text())
        with stopped(inner):
            live = snapshot(inner, executable)
            core = gdb_core(inner, tmp_path / "core")
        dumped = tables(core, executable)
        core.unlink()
    for query in QUERIES.values():
        assert dumped.rows(query) == live.rows(query)
    running = "select count(*) as n from goroutines where status in ('running', 'syscall') and stack_id is not null"
    assert dumped.row(running)["n"] > 5
    assert dumped.row(running) == live.row(running)


@pytest.mark.parametrize(
    "release", [pytest.param(r, marks=() if r in ("1.26", "1.21") else pytest.mark.matrix) for r in RELEASES]
)
def test_where_the_scheduler_notes_its_last_poll(release: str) -> None:
    """`Dump.latest_ns` reads the second word of runtime.sched."""
    info = open_debug_info(str(build("crash", go=release)), cache_dir=INDEXES)
    assert field_offset(info, "runtime.schedt", "lastpoll") == (8, 8)


def _stacks(found: Tables, which: str) -> dict[int, Any]:
    query = f"""
        select goid, status, wait_reason, parent_goid, created_by, locked, in_cgo, list((function, file, line, pc)
        order by depth) as frames from goroutines join frames using (stack_id) where {which} group by all"""
    return {row["goid"]: row for row in found.rows(query)}
