"""`sey snapshot --on`: the snapshot is of the moment of the event, with its thread where the probe is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sey.binary.errors import Exit
from sey.cli.probes import Chosen, Probe, choose
from sey.runtime.capture import Capture
from sey.runtime.events.session import Hold, Session
from sey.runtime.onevent import take_on
from sey.runtime.snapshot import Limits
from tests.kernel.leftovers import bpf_objects, soon, thread_states, tracers
from tests.kernel.support import SEY, Tables, sey
from tests.support.gobuild import build, matrix
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
event even on entry "main.pay" when number % 2 == 0 { number }
func "main.pay" { number }
func "main.work" { number }
"""
EVENTS = {
    "entry": ('entry "main.pay" when number % 100 == 77 { number, a.Owner as owner }', ["main.pay", "main.work"]),
    "return": ('return "main.pay" when total > 1000 { number, total }', ["main.pay", "main.work"]),
    "frameless": ('return "main.leaf" { n as number, ~r0 as twice }', ["main.leaf", "main.work"]),
}


@pytest.fixture(scope="module", params=matrix([("1.26", "plain")], modes=("plain", "noopt", "pie")))
def binary(request: pytest.FixtureRequest) -> Path:
    require_bpf()
    release, mode = request.param
    return build("onevent", go=release, mode=mode)


@pytest.fixture
def target(binary: Path) -> Iterator[Target]:
    with Target(binary) as running:
        yield running


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "pay.sey"
    path.write_text(SPEC)
    return path


def snapshot(*arguments: object) -> subprocess.CompletedProcess[str]:
    return sey("snapshot", *map(str, arguments), "--max-overhead", "10000%")


def waiting(spec: Path, target: Target, event: str, file: Path) -> list[str]:
    """The command that waits for an event."""
    words = ("snapshot", spec, "-p", target.pid, "--on", event, "-o", file, "--max-overhead", "10000%")
    return [*SEY, *map(str, words)]


def event_of(tables: Tables) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tables.row("select on_event from processes")["on_event"])
    return found


@pytest.mark.parametrize("moment", EVENTS)
def test_the_thread_is_shown_where_the_probe_is(target: Target, spec: Path, tmp_path: Path, moment: str) -> None:
    event, functions = EVENTS[moment]
    file = tmp_path / "on.seyc"
    done = snapshot(spec, "-p", target.pid, "--on", event, "-o", file, "--for", "60s")
    assert done.returncode == 0, done.stderr
    tables = Tables(Capture.load(str(file)))
    happened = event_of(tables)
    assert tables.row("select notes from processes")["notes"] is None
    frames = tables.rows(
        "select f.function, f.depth from goroutines g join frames f using (stack_id)"
        f" where g.goid = {happened['goid']} and not inlined order by f.depth"
    )
    assert [frame["function"] for frame in frames][: len(functions)] == functions
    # Workers hold numbers that nobody else has: the frame above is the call's own caller, at that very call.
    number = happened["values"]["number"]
    assert tables.rows(f"select number from work where goid = {happened['goid']}") == [{"number": number}]
    assert tables.row("select held_ns from processes")["held_ns"] > 0
    before = target.ask_json("count")
    assert soon(lambda: target.ask_json("count") > before), "it goes on"


def test_an_event_of_the_spec_is_named(target: Target, spec: Path, tmp_path: Path) -> None:
    file = tmp_path / "even.seyc"
    done = snapshot(spec, "-p", target.pid, "--on", "even", "-o", file)
    assert done.returncode == 0, done.stderr
    tables = Tables(Capture.load(str(file)))
    assert event_of(tables)["values"]["number"] % 2 == 0
    goid, number = event_of(tables)["goid"], event_of(tables)["values"]["number"]
    assert {"goid": goid, "number": number} in tables.rows("select goid, number from pay")
    refused = snapshot(spec, "-p", target.pid, "--on", "odd", "-o", file)
    assert refused.returncode == Exit.USAGE
    assert "SEY0676" in refused.stderr
    assert "it has even" in refused.stderr


def test_what_does_not_happen_leaves_no_file_and_nothing_in_the_kernel(
    target: Target, spec: Path, tmp_path: Path
) -> None:
    objects, file = bpf_objects(), tmp_path / "never.seyc"
    done = snapshot(spec, "-p", target.pid, "--on", 'entry "main.pay" when number < 0', "-o", file, "--for", "300ms")
    assert done.returncode == Exit.NOTHING
    assert "SEY0675" in done.stderr
    assert "rejected by `when`" in done.stderr
    assert not file.exists()
    assert soon(lambda: bpf_objects() <= objects)
    assert not tracers(target.pid)


def test_without_a_pause_in_time_the_thread_runs_on_and_that_is_told(target: Target) -> None:
    """The thread is held for a nanosecond: nobody can tell all others to stop within that."""
    chosen = _chosen(target.pid)
    (request,) = chosen.requests
    events = chosen.bundles[0].binaries[0].events
    assert events is not None
    with Session(request.process, chosen.bundles[0].binaries[0], hold=Hold(events.plan.events[0], 1)) as session:
        session.attach()
        taken = take_on(chosen.bundles, request, Limits(), session, lambda pauser: soon(pauser.has_answered))
    (note,) = taken.process.facts.notes
    assert note.startswith("the thread of the event ran on after")


def _chosen(pid: int) -> Chosen:
    return choose([Probe("", events=('entry "main.pay" { number }',))], [pid], None)


def test_killed_while_it_waits_or_holds_a_thread(target: Target, spec: Path, tmp_path: Path) -> None:
    """At any moment from before the probes are in place until after the snapshot."""
    objects = bpf_objects()
    for delay in (0.3, 0.6, 0.9, 1.2, 1.5):
        command = waiting(spec, target, "even", tmp_path / "killed.seyc")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        assert soon(lambda: not tracers(target.pid))
        assert soon(lambda: "t" not in thread_states(target.pid).values())
    before = target.ask_json("count")
    assert soon(lambda: target.ask_json("count") > before)
    assert soon(lambda: bpf_objects() <= objects)


def test_the_end_of_the_process_ends_the_wait(target: Target, spec: Path, tmp_path: Path) -> None:
    file = tmp_path / "gone.seyc"
    never = 'entry "main.pay" when number < 0'
    command = waiting(spec, target, never, file)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting for")
        target.close()
        err = process.stderr.read()
    assert process.returncode == Exit.TARGET
    assert f"process {target.pid} exited" in err
    assert not file.exists()


def test_on_one_processor_the_held_thread_makes_way(binary: Path, spec: Path, tmp_path: Path) -> None:
    """Target and sey share it: who spins in the kernel must let the others be told to stop."""
    processor = min(os.sched_getaffinity(0))
    file = tmp_path / "alone.seyc"
    with Target(binary, before=lambda: os.sched_setaffinity(0, {processor})) as target:
        command = waiting(spec, target, "even", file)
        done = subprocess.run(
            command,
            preexec_fn=lambda: os.sched_setaffinity(0, {processor}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "ran on" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--for", "1s"), "--for says how long to wait for --on"),
        (("--on", "even", "--core", "core"), "--core and --on exclude each other"),
        (("--on", "even", "--every", "1s"), "--every and --on exclude each other"),
    ],
)
def test_what_does_not_go_with_it_is_refused(spec: Path, arguments: tuple[str, ...], says: str) -> None:
    done = sey("snapshot", str(spec), *arguments)
    assert done.returncode == Exit.USAGE
    assert says in done.stderr


def test_it_waits_for_one_process(binary: Path, target: Target, spec: Path) -> None:
    with Target(binary) as other:
        done = snapshot(spec, "-p", target.pid, "-p", other.pid, "--on", "even")
    assert done.returncode == Exit.USAGE
    assert "there are 2 processes: choose one by -p" in done.stderr


def test_a_bundle_has_no_room_for_another_event(binary: Path, target: Target, spec: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "pay.seyp"
    assert sey("build", str(spec), str(binary), "-o", str(bundle)).returncode == 0
    written = snapshot(bundle, "-p", target.pid, "--on", 'entry "main.pay"')
    assert written.returncode == Exit.USAGE
    assert "it names an event" in written.stderr
    named = snapshot(bundle, "-p", target.pid, "--on", "even", "-o", tmp_path / "even.seyc")
    assert named.returncode == 0, named.stderr
