"""What `sey trace` says of events that don't come, and of what was written wrongly, as on-call users would."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sey.frontend.oneliners import parse_event
from tests.cli.conftest import SEY, Done, Run
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    require_bpf()
    with run_target(build("traced")) as running:
        yield running


def _traced(target: Target, *arguments: str, calls: int = 0) -> Done:
    """A trace that ends as soon as the calls were made."""
    command = (str(SEY), "trace", "-p", str(target.pid), *arguments, "--max-overhead", "10000%")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tracing:
        assert tracing.stderr is not None
        first = tracing.stderr.readline()
        if calls:
            target.ask(f"call {calls}")
        tracing.send_signal(signal.SIGINT)
        # `communicate` would pass over what `readline` has taken already.
        err = first + tracing.stderr.read()
        out, _ = tracing.communicate(timeout=60)
    return Done(tracing.returncode, out, err)


def test_what_was_never_seen_is_told(target: Target) -> None:
    events = ("-e", 'entry "main.deeper"', "-e", 'return glob "main.*eper"', "-e", 'entry glob "fmt.*"')
    done = _traced(target, *events)
    assert done.status == 0, done.err
    assert "\nnote        deeper: main.deeper was not called meanwhile\n" in done.err
    assert "\nnote        fmt: none of " in done.err
    assert " functions was called meanwhile\n" in done.err
    assert "called meanwhile" not in _traced(target, "-e", 'entry "main.deeper"', calls=1).err


def test_functions_that_cannot_be_probed_are_told_at_the_start(target: Target) -> None:
    done = _traced(target, "-e", 'return glob "fmt.*"')
    before, _, after = done.err.partition("\ntraced ")
    assert before.endswith("can't be probed; the summary says why"), done.err
    assert after.count(" isn't probed: ") == 5
    assert " more functions that can't be probed\n" in after


def test_what_sampling_leaves_out_adds_up(target: Target) -> None:
    done = _traced(target, "-e", 'entry "main.deeper" sample 1/4 { n }', calls=20)
    assert len(done.out.splitlines()) == 5
    assert "note        deeper: 15 left out by sampling\n" in done.err


def test_a_stopped_process_is_told_of(target: Target) -> None:
    target.process.send_signal(signal.SIGSTOP)
    try:
        done = _traced(target, "-e", 'entry "main.deeper"')
    finally:
        target.process.send_signal(signal.SIGCONT)
    assert f"process {target.pid} is stopped, and nothing happens in it until it goes on: kill -CONT" in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-p", "1", 'return "main.f"'), "'return \"main.f\"' is an event, and no file: it stands behind -e"),
        (("-e", 'entry "main.f"'), "which processes? -e alone has no `program` block"),
        (("-p", "PID", "-e", "main.deeper"), 'help: say when it happens: entry "main.deeper"'),
        (("-p", "PID", "-e", "entry main.(*a).b/c"), 'stands in quotes: entry "main.(*a).b/c"'),
        (("-p", "PID", "-e", 'exit "main.deeper"'), "help: that is `return` here"),
        (("-p", "PID", "-e", 'return "main.deeper" when err != nil'), "its variables: n, ~r0"),
        (("-p", "PID", "-e", 'return "main.deeper" when duration > "1s"'), "a duration stands without quotes: 10ms"),
    ],
)
def test_mistakes_are_answered_with_what_to_write(
    target: Target, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    done = run("trace", *(str(target.pid) if each == "PID" else each for each in arguments))
    assert done.status in (1, 2)
    assert told in done.err


def test_the_events_of_the_help_are_right(run: Run) -> None:
    told = " ".join(run("trace", "--help").out.split())
    shown = re.findall(r"'((?:return|entry|line) [^']*)'", told)
    assert [parse_event(text).moment for text in shown] == ["return", "entry", "line"]


def test_results_without_a_name_are_known_where_a_function_returns(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.sey").write_text('event x on entry "main.deeper" { nothing }\n')
    done = run("check", tmp_path / "x.sey", build("traced"))
    assert "its variables: n\n" in done.out


def test_a_snapshot_of_events_alone_is_told_of(target: Target, run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.sey").write_text('event x on entry "main.deeper" { n }\n')
    done = run("snapshot", tmp_path / "x.sey", "-p", target.pid, "-o", tmp_path / "x.seyc")
    assert done.status == 0
    assert "note        x.sey asks for events alone, which `sey trace` tells" in done.err
    (tmp_path / "x.sey").write_text('event x on entry "main.deeper" { n }\nfunc "main.deeper" { n }\n')
    assert "note" not in run("snapshot", tmp_path / "x.sey", "-p", target.pid, "-o", tmp_path / "x.seyc").err
