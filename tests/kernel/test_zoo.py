"""Goroutines of every kind, as captured, against the target's own dump: goroutine by goroutine and frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.stacks import Captured, captured, differences, frame_differences
from tests.kernel.support import Tables, snapshot
from tests.support.gobuild import build, matrix
from tests.support.godump import Elided, Goroutine, parse_dump
from tests.support.kernel import require_bpf
from tests.support.target import Target

# Those that differ most; `make test-all` has all.
BUILDS = [
    *(("1.26", "plain"), ("1.26", "cgo"), ("1.24", "plain"), ("1.26", "nodwarf")),
    ("1.21", "cgo-pie"),
]


FOREIGN_THREADS = 3  # foreignThreads in cgo.go


@dataclass(frozen=True)
class Zoo:
    """A zoo with its dump, which lies between two snapshots of it: a goroutine that is in both the same was at rest."""

    target: Target
    executable: Path
    mode: str
    tables: Tables
    before: dict[int, Captured]
    dump: list[Goroutine]
    after: dict[int, Captured]

    @property
    def has_cgo(self) -> bool:
        """Whether it has the exhibits that need C."""
        return "cgo" in self.mode or self.mode == "race"

    def at_rest(self) -> list[Goroutine]:
        """The dumped goroutines that neither moved nor dumped."""
        return [g for g in self.dump if g.id != 1 and self.before.get(g.id) == self.after.get(g.id) and not _runs(g)]


def _runs(goroutine: Goroutine) -> bool:
    return any(name.startswith("main.startRunning") for name in goroutine.functions())


@pytest.fixture(scope="module", params=matrix(BUILDS))
def zoo(request: pytest.FixtureRequest) -> Iterator[Zoo]:
    require_bpf()
    release, mode = request.param
    executable = build("zoo", go=release, mode=mode)
    with Target(executable, env={"GODEBUG": "tracebacklabels=1"}) as target:
        tables = snapshot(target.pid, executable)
        dump = target.dump()
        after = captured(snapshot(target.pid, executable))
        yield Zoo(target, executable, mode, tables, captured(tables), dump, after)


def test_goroutines_at_rest_are_as_the_target_dumps_them(zoo: Zoo) -> None:
    resting = zoo.at_rest()
    assert len(resting) >= len(zoo.dump) - 8, "too many goroutines moved to call this a comparison"
    assert any(isinstance(frame, Elided) for goroutine in resting for frame in goroutine.frames), "no long stack"
    wrong = []
    for goroutine in resting:
        found = differences(goroutine, zoo.before[goroutine.id])
        if (zoo.before[goroutine.id].created_by or "").startswith("runtime."):
            # Dumps don't say who made the goroutines of finalizers and cleanups: their creator is the runtime.
            found = [line for line in found if not line.startswith("created by: dump None")]
        wrong += [f"goroutine {goroutine.id}: {line}" for line in found]
    assert not wrong, "\n".join(wrong)


def test_no_goroutine_is_missing_and_the_others_are_the_runtimes_own(zoo: Zoo) -> None:
    dumped = {goroutine.id for goroutine in zoo.dump}
    assert dumped <= zoo.before.keys()
    own = {row["goid"] for row in zoo.tables.rows("select goid from goroutines where system")}
    assert own == zoo.before.keys() - dumped
    assert len(own) >= 4
    assert len(zoo.before) == zoo.tables.row("select goroutines as n from processes")["n"]


def test_labels(zoo: Zoo) -> None:
    labelled = [goroutine.labels for goroutine in zoo.before.values() if goroutine.labels]
    many = [{f"key{i}": f"value{i}" for i in range(n)} for n in (12, 24)]
    assert sorted(labelled, key=len) == [{"inherited": "yes"}, {"customer": "acme", "request": "42"}, *many]
    if any(goroutine.labels for goroutine in zoo.dump):  # Since Go 1.26 dumps show them.
        captured_labels = {goroutine.goid: goroutine.labels for goroutine in zoo.before.values() if goroutine.labels}
        assert {goroutine.id: goroutine.labels for goroutine in zoo.dump if goroutine.labels} == captured_labels


# What each kind of running goroutine has on its stack at most, by the name that Go gives the literal it starts with.
BODIES = {
    "main.startRunning.func1": ["main.leaf", "main.callLeaf"],
    "main.startRunning.func2": ["main.allocate"],
    "main.startRunning.func3": ["main.tinier", "main.tiny", "main.callTiny"],
}


def test_goroutines_that_run_have_whole_stacks_wherever_they_are(zoo: Zoo) -> None:
    """Stopped again and again: in prologues, leaves, the allocator, the collector."""
    states = set()
    for _ in range(12):
        tables = snapshot(zoo.target.pid, zoo.executable)
        running = [g for g in captured(tables).values() if g.start_function in BODIES]
        assert len(running) == 3
        for goroutine in running:
            functions = [frame[0] for frame in goroutine.frames]
            body = BODIES[str(goroutine.start_function)]
            if zoo.mode == "race" and not functions:
                continue  # In the race detector, where what leads back to Go's stack isn't always in its register.
            assert functions[-1:] == [goroutine.start_function], (goroutine, tables.rows("select * from goroutines"))
            own = [name for name in functions[:-1] if name.startswith("main.")]
            assert own, goroutine
            assert own == body[len(body) - len(own) :], goroutine
            states.add(goroutine.state)
    assert states >= {"running", "runnable"}


def test_threads_of_goroutines(zoo: Zoo) -> None:
    threads = {int(name) for name in os.listdir(f"/proc/{zoo.target.pid}/task")}
    rows = zoo.tables.rows("select * from goroutines")
    on_threads = [row for row in rows if row["thread_id"]]
    assert {row["thread_id"] for row in on_threads} <= threads
    assert len({row["thread_id"] for row in on_threads}) == len(on_threads), "two goroutines on one thread"
    assert all(row["thread_id"] for row in rows if row["status"] in ("running", "syscall"))
    in_cgo = [row["start_function"] for row in rows if row["in_cgo"]]
    assert sorted(in_cgo) == (["main.sleepInC", "main.sleepInCInCallback"] if zoo.has_cgo else [])


def test_threads_without_goroutine_are_counted(zoo: Zoo) -> None:
    row = zoo.tables.row("select * from processes")
    with_goroutine = zoo.tables.row("select count(thread_id) as n from goroutines")["n"]
    assert row["threads_of_goroutines"] == with_goroutine
    assert row["threads_idle"] >= 1, "sysmon never has one"
    assert row["threads_foreign"] == (FOREIGN_THREADS if zoo.has_cgo else 0)
    assert row["threads"] == row["threads_of_goroutines"] + row["threads_idle"] + row["threads_foreign"]


def test_waiting_goroutines_wait_since_some_time(zoo: Zoo) -> None:
    waits = zoo.tables.rows("select wait_ns from goroutines where wait_ns is not null")
    assert waits, "no goroutine says since when it waits: the target has run its collector"
    assert all(0 <= row["wait_ns"] < 600e9 for row in waits)


@pytest.mark.parametrize(
    ("release", "mode"), [("1.26", "plain"), pytest.param("1.24", "cgo", marks=pytest.mark.matrix)]
)
def test_hidden_frames_are_as_the_runtime_dumps_them_at_its_end(release: str, mode: str) -> None:
    """SIGQUIT under GOTRACEBACK=system prints all frames, and the runtime's own goroutines."""
    require_bpf()
    executable = build("zoo", go=release, mode=mode)
    with Target(executable, ["-spin=0"], env={"GOTRACEBACK": "system"}) as target:
        first = captured(snapshot(target.pid, executable), hidden=True)
        second = captured(snapshot(target.pid, executable), hidden=True)
        dump = [goroutine for goroutine in parse_dump(target.quit_dump()) if goroutine.id in first]
    # The scavenger, where it sleeps a while, wakes by itself: it may do so between the snapshots and the end.
    asleep = {id for id, g in first.items() if any(f[0] == "runtime.(*scavengerState).sleep" for f in g.frames)}
    resting = [g for g in dump if first[g.id] == second.get(g.id) and g.id not in asleep]
    assert len(resting) >= len(first) - 3, "the runtime's own goroutines don't move all at once"
    wrong = []
    for goroutine in resting:
        if goroutine.state != "running" and not goroutine.stack_unavailable:
            wrong += [f"goroutine {goroutine.id}: {d}" for d in frame_differences(goroutine, first[goroutine.id])]
    assert not wrong, "\n".join(wrong)
    names = {name for goroutine in resting for name in goroutine.functions()}
    assert {"runtime.gopark", "runtime.goexit", "runtime.bgsweep", "panic"} <= names


# The function of each goroutine of the target `busy` that is on its stack all the time, by the one it starts with;
# those that `grow` starts come to an end, in the runtime.
BUSY = {
    "main.main.gowrap1": "main.ping",
    "main.main.gowrap2": "main.pong",
    "main.yield": "main.yield",
    "main.clock": "main.clock",
    "main.grow": "main.grow",
    "main.grow.func1": "main.grow.func1",
    "runtime.main": "main.main",
}
UNKNOWN = {"", "?", None}


@pytest.mark.parametrize("release", ["1.26", pytest.param("1.24", marks=pytest.mark.matrix)])
def test_goroutines_that_change_hands_are_walked_from_any_instruction(release: str) -> None:
    """Between being resumed and running, on other stacks, in signal handlers, while a stack is copied."""
    require_bpf()
    executable = build("busy", go=release)
    statuses = set()
    with Target(executable) as target:
        for _ in range(25):
            tables = snapshot(target.pid, executable)
            assert tables.capture.processes[0].facts.counters["bad_stacks"] == 0, tables.rows(
                "select * from goroutines left join frames using (stack_id) where function is null"
            )
            for goroutine in captured(tables, hidden=True).values():
                functions = [frame[0] for frame in goroutine.frames]
                assert not UNKNOWN & set(functions), goroutine
                assert functions[-1] in ("runtime.goexit", "runtime.mstart"), goroutine
                if goroutine.start_function in BUSY:
                    ends = goroutine.start_function == "main.grow.func1" and "runtime.goexit1" in functions
                    assert ends or BUSY[goroutine.start_function] in functions, goroutine
                    statuses.add(goroutine.state)
    assert {"running", "runnable"} <= statuses
