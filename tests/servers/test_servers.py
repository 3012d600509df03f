"""Each server, with load on it: what every command says of it, against what the server says of itself."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.support import gdb_core, tables
from tests.core.test_same import QUERIES
from tests.kernel.stacks import Captured, captured, differences, frame_differences
from tests.kernel.support import sey, snapshot
from tests.servers.alertmanager import ALERTMANAGER
from tests.servers.caddy import CADDY
from tests.servers.litestream import LITESTREAM
from tests.servers.nats import NATS
from tests.servers.server import Running, Server, install, running, stripped
from tests.support.freeze import stopped
from tests.support.godump import Goroutine
from tests.support.kernel import require_bpf

SERVERS = {server.name: server for server in (NATS, CADDY, LITESTREAM, ALERTMANAGER)}
_INSTALL = 1800
"""Seconds that installing one may take."""
_ROUNDS = 5

pytestmark = [pytest.mark.servers, pytest.mark.timeout(_INSTALL)]


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = SERVERS[request.param]
    return found


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    require_bpf()
    with running(server, install(server), tmp_path_factory.mktemp(server.name)) as run:
        yield run


def listed(pid: int) -> dict[str, object]:
    """What `sey ps` says of a process."""
    (found,) = (row for row in json.loads(sey("ps", "--json").stdout) if row["pid"] == pid)
    assert isinstance(found, dict)
    return found


def test_ps_knows_it(run: Running) -> None:
    row = listed(run.pid)
    assert (row["capturable"], row["variables"], row["debug_info"]) == (True, True, "full")
    assert row["go_version"] == run.server.go
    assert row["executable"] == str(run.executable)


def between(run: Running) -> tuple[dict[int, Captured], list[Goroutine], dict[int, Captured]]:
    """A dump with a snapshot on either side of it."""
    before = captured(snapshot(run.pid, run.executable))
    dump = run.dump()
    return before, dump, captured(snapshot(run.pid, run.executable))


def test_goroutines_at_rest_are_as_its_own_page_shows_them(run: Running) -> None:
    at_rest_as_dumped(run)


def at_rest_as_dumped(run: Running) -> list[Goroutine]:
    """Compare several dumps with the snapshots around them; gives the goroutines that were at rest.

    Whoever accepts connections is at rest before and after a dump, but not while it is asked for: what counts is
    whether a goroutine is ever as the dump says.
    """
    compared: dict[int, Goroutine] = {}
    seen: set[int] = set()
    wrong: dict[int, list[str]] = {}
    for _ in range(_ROUNDS):
        before, dump, after = between(run)
        resting = [g for g in dump if g.id in before and before[g.id] == after.get(g.id)]
        for g in resting:
            wrong[g.id] = compare(g, before[g.id]) if wrong.get(g.id, [""]) else []
        compared |= {g.id: g for g in resting}
        seen |= {g.id for g in dump if g.id in before}  # Not those that make the dump.
        # Nobody is missing: whoever was there before the dump and after it is in it, and the other way round.
        throughout = {goid for goid in before.keys() & after.keys() if not of_the_runtime(before[goid])}
        assert throughout <= {g.id for g in dump}
        assert {g.id for g in dump if g.id in after and g.id < max(before)} <= before.keys()
    assert not any(wrong.values()), "\n".join(f"goroutine {goid}: {line}" for goid in wrong for line in wrong[goid])
    assert len(compared) >= 0.8 * len(seen), "too many goroutines moved to call this a comparison"
    return list(compared.values())


def of_the_runtime(goroutine: Captured) -> bool:
    """Whether dumps leave it out."""
    return not goroutine.frames or str(goroutine.start_function).startswith("runtime.")


def compare(dumped: Goroutine, ours: Captured) -> list[str]:
    """As `differences`, but for what dumps say of goroutines that the runtime made."""
    found = differences(dumped, ours)
    if (ours.created_by or "").startswith("runtime."):
        found = [line for line in found if not line.startswith("created by: dump None")]
    return found


def test_stacks_counts_the_goroutines_that_its_load_keeps(run: Running) -> None:
    shown = sey("stacks", str(run.pid), "--max-pause", "5s")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert run.server.waits_in in shown.stdout
    here = sum(run.server.waits_in in goroutine.functions() for goroutine in run.dump())
    groups = shown.stdout.split("\n\n")
    counted = sum(int(group.split()[0]) for group in groups if f"    {run.server.waits_in} " in group)
    assert counted == here > 0


def test_values_are_those_that_it_tells(run: Running, tmp_path: Path) -> None:
    wrong = run.server.compare(run, snapshot(run.pid, run.executable, run.server.spec))
    assert not wrong, "\n".join(wrong)
    (tmp_path / "own.sey").write_text(run.server.spec)
    pid = str(run.pid)
    assert sey("check", "own.sey", pid, cwd=tmp_path).returncode == 0
    taken = sey("snapshot", "own.sey", "-p", pid, "-o", "own.seyc", "--max-pause", "5s", cwd=tmp_path)
    assert taken.returncode == 0, taken.stderr
    asked = sey("query", "own.seyc", "select count(*) as n from captures where status = 'ok'", "--json", cwd=tmp_path)
    assert json.loads(asked.stdout)[0]["n"] > 0


def test_functions_and_their_variables(run: Running) -> None:
    names = sey("functions", str(run.executable), run.server.functions).stdout.splitlines()
    assert run.server.waits_in in names
    for name in [run.server.waits_in, *random.Random(1).sample(names, min(5, len(names)))]:
        shown = sey("vars", str(run.executable), name, "--json")
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout) is not None


def test_a_spec_to_start_from_fits_and_captures(run: Running, tmp_path: Path) -> None:
    for target in (str(run.executable), str(run.pid)):
        made = sey("init", target, *(["--max-pause", "5s"] if target == str(run.pid) else []))
        assert (made.returncode, made.stderr) == (0, "")
        (tmp_path / "first.sey").write_text(made.stdout)
        checked = sey("check", "first.sey", target, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert re.search(r"^func ", made.stdout, re.MULTILINE)
    taken = sey("snapshot", "first.sey", "-p", str(run.pid), "-o", "first.seyc", "--max-pause", "5s", cwd=tmp_path)
    assert taken.returncode == 0, taken.stderr
    asked = sey("query", "first.seyc", "select count(*) as n from captures where status = 'ok'", "--json", cwd=tmp_path)
    assert json.loads(asked.stdout)[0]["n"] > 0


@pytest.mark.parametrize("spec", ["", "own"])
def test_a_core_of_it_has_the_same_rows(run: Running, spec: str, tmp_path: Path) -> None:
    text = run.server.spec if spec else ""
    with stopped(run.pid):
        live = snapshot(run.pid, run.executable, text)
        core = gdb_core(run.pid, tmp_path / "core")
    dumped = tables(core, run.executable, text)
    core.unlink()
    for query in QUERIES.values():
        assert dumped.rows(query) == live.rows(query)


def test_without_debug_information_there_are_stacks(server: Server, tmp_path: Path) -> None:
    """Stripped as distributions do it: the stacks of its own page, and a coded answer to who wants variables."""
    require_bpf()
    executable = stripped(install(server))
    (tmp_path / "own.sey").write_text(server.spec)
    with running(server, executable, tmp_path) as run:
        row = listed(run.pid)
        assert (row["capturable"], row["variables"]) == (True, False)
        assert any(server.waits_in in goroutine.functions() for goroutine in at_rest_as_dumped(run))
        refused = [sey(*words) for words in (["vars", str(run.pid), server.waits_in], ["init", str(executable)])]
        refused.append(sey("snapshot", "own.sey", "-p", str(run.pid), cwd=tmp_path))
    for done in refused:
        assert done.returncode == 4, done
        assert re.search(r"SEY04\d\d", done.stdout + done.stderr), done


_DAMAGES = 6


def test_damaged_copies_give_coded_errors(server: Server, tmp_path: Path) -> None:
    """Cut at any length, and with runs of bytes overwritten anywhere."""
    whole = install(server)
    chance = random.Random(server.name)
    size = whole.stat().st_size
    copy = tmp_path / "damaged"
    refused = 0
    for number in range(2 * _DAMAGES):
        shutil.copyfile(whole, copy)
        with copy.open("r+b") as file:
            if number < _DAMAGES:
                file.truncate(chance.randrange(1, size))
            else:
                for _ in range(200):
                    file.seek(chance.randrange(size - 64))
                    file.write(chance.randbytes(64))
        for words in (["functions", str(copy), "main.*"], ["vars", str(copy), server.waits_in]):
            done = sey(*words, timeout=120)
            assert done.returncode in (0, 1, 4, 6), done
            if done.returncode:
                refused += 1
                assert re.search(r"SEY\d\d\d\d", done.stdout + done.stderr), done
    assert refused >= _DAMAGES


def test_its_last_words(server: Server, tmp_path: Path) -> None:
    """The dump that SIGQUIT makes of it at its end, where it doesn't catch the signal."""
    require_bpf()
    if not server.quits_with_dump:
        pytest.skip(f"{server.name} catches SIGQUIT")
    # A goroutine may wake just as the signal comes, but hardly each time.
    wrong = ["not tried"]
    for number in range(_ROUNDS):
        if not (wrong := _last_words_differ(server, tmp_path / str(number))):
            break
    assert not wrong, "\n".join(wrong)


def _last_words_differ(server: Server, folder: Path) -> list[str]:
    folder.mkdir()
    with running(server, install(server), folder) as run:
        first, second = (captured(snapshot(run.pid, run.executable), hidden=True) for _ in range(2))
        dump = [goroutine for goroutine in run.quit_dump() if goroutine.id in first]
    resting = [g for g in dump if first[g.id] == second.get(g.id) and g.state != "running"]
    assert len(resting) >= 0.8 * len(dump)
    return [f"goroutine {g.id}: {line}" for g in resting for line in frame_differences(g, first[g.id])]
