"""`sey trace` as users run it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SEY, Done, Run
from tests.kernel.leftovers import bpf_objects, soon
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target, run_target

SPEC = """
event deeper on return "main.deeper" { n }
event work on entry "main.work" when n >= 5 { n, name }
"""


@pytest.fixture(scope="module")
def binary() -> Path:
    require_bpf()
    return build("traced")


@pytest.fixture
def target(binary: Path) -> Iterator[Target]:
    with run_target(binary) as running:
        yield running


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "traced.sey"
    path.write_text(SPEC)
    return path


class Tracing:
    """`sey trace` in the background, its probes in place."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            (SEY, "trace", *map(str, arguments), "--max-overhead", "10000%"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.first = self.process.stderr.readline()
        assert re.fullmatch(r"\d+ probes? in \d+ process(es)?; end with Ctrl-C\n", self.first), (
            self.first + self.process.stderr.read()
        )

    def end(self, number: int | None = None) -> Done:
        """Its end, by a signal or by itself."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return Done(self.process.returncode, out, err)


def lines(done: Done) -> list[dict[str, object]]:
    """The JSON lines of a trace that ended well."""
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_json_lines_hold_every_call_with_its_values(target: Target, spec: Path) -> None:
    tracing = Tracing(spec, "-p", target.pid, "--json")
    target.ask("call 8")
    done = tracing.end(signal.SIGINT)
    rows = lines(done)
    deeper = [row for row in rows if row["event"] == "deeper"]
    work = [row for row in rows if row["event"] == "work"]
    assert [row["values"] for row in deeper] == [{"n": n} for n in range(8)]
    assert all(isinstance(row["duration"], int) and row["duration"] > 0 for row in deeper)
    assert [row["values"] for row in work] == [{"n": n, "name": "deeper"} for n in range(5, 8)]
    assert {(row["pid"], row["goid"], row["function"]) for row in work} == {(target.pid, 1, "main.work")}
    assert [row["time"] for row in rows] == sorted(str(row["time"]) for row in rows)
    assert re.search(r"^work +8 +3 +0 +0 +5 ", done.err, re.MULTILINE)
    assert "ended: interrupted" in done.err


def test_lines_for_people_are_aligned_and_have_durations_and_stacks(target: Target) -> None:
    events = ("-e", 'return "main.deeper" { n }', "-e", 'entry "main.work" stack 2 { name }')
    tracing = Tracing(*events, "-p", target.pid, "--count", "2")
    target.ask("call 1")
    done = tracing.end()
    assert done.status == 0
    time = r"\d\d:\d\d:\d\d\.\d{6}"
    expected = (
        rf'{time} work   g1 +name="deeper"\n    main\.work\n    main\.deeper\n'
        rf"{time} deeper g1 +[\d.]+ (µs|ms) n=0\n"
    )
    assert re.fullmatch(expected, done.out)
    assert "ended: 2 events" in done.err


def test_the_count_is_exact_in_lines_and_in_the_file(target: Target, run: Run, tmp_path: Path) -> None:
    tracing = Tracing("-e", 'entry "main.deeper" { n }', "-p", target.pid, "--count", "7", "--json")
    target.ask("call 1000")
    assert [row["values"] for row in lines(tracing.end())] == [{"n": n} for n in range(7)]
    tracing = Tracing("-e", 'entry "main.deeper" { n }', "-p", target.pid, "--count", "7", "-o", tmp_path / "a.seyc")
    target.ask("call 1000")
    assert tracing.end().status == 0
    done = run("query", tmp_path / "a.seyc", "select n from deeper order by time_ns", "--json")
    assert json.loads(done.out) == [{"n": n} for n in range(7)]


def test_a_capture_holds_all_and_what_was_counted(target: Target, spec: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.seyc"
    tracing = Tracing(spec, "-p", target.pid, "-o", file)
    target.ask("call 1000")
    done = tracing.end(signal.SIGINT)
    assert done.out == ""
    assert f"written     {file}" in done.err
    asked = run("query", file, "select count(*) c, sum(n) s, min(duration) > 0 d from deeper", "--json")
    assert json.loads(asked.out) == [{"c": 1000, "s": sum(range(1000)), "d": True}]
    asked = run("query", file, "select event, seen, emitted, rejected, lost from events order by event", "--json")
    assert json.loads(asked.out) == [
        {"event": "deeper", "seen": 1000, "emitted": 1000, "rejected": 0, "lost": 0},
        {"event": "work", "seen": 1000, "emitted": 995, "rejected": 5, "lost": 0},
    ]


def test_a_histogram_counts_every_call(target: Target) -> None:
    tracing = Tracing("-e", 'return "main.deeper"', "-p", target.pid, "--hist", "duration")
    target.ask("call 500")
    done = tracing.end(signal.SIGINT)
    head, *bars = done.out.splitlines()
    assert re.fullmatch(r"deeper: 500 calls, \S+ (µs|ms) on average", head)
    assert (
        sum(int(re.split(r" {2,}", bar.strip())[-2 if "█" in bar or bar[-1] in "▏▎▍▌▋▊▉" else -1]) for bar in bars)
        == 500
    )


def test_it_ends_with_the_process_and_keeps_what_came(target: Target) -> None:
    tracing = Tracing("-e", 'entry "main.deeper" { n }', "-p", target.pid, "--json")
    target.ask("call 3")
    target.process.kill()
    done = tracing.end()
    assert [row["values"] for row in lines(done)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert "ended: the process exited" in done.err


def test_several_processes_are_traced_at_once(binary: Path, target: Target) -> None:
    with run_target(binary) as other:
        tracing = Tracing("-e", 'entry "main.deeper" { n }', "-p", target.pid, "-p", other.pid, "--json")
        target.ask("call 3")
        other.ask("call 4")
        rows = lines(tracing.end(signal.SIGTERM))
        assert sorted(row["pid"] for row in rows) == sorted([target.pid] * 3 + [other.pid] * 4)  # type: ignore[type-var]
        tracing = Tracing("-e", 'entry "main.deeper" { n }', "-p", target.pid, "-p", other.pid)
        target.ask("call 2")
        done = tracing.end(signal.SIGTERM)
    # Each line names its process, also while only one of them does anything.
    assert [line.split()[2] for line in done.out.splitlines()] == [str(target.pid)] * 2
    assert f"\nnote        process {other.pid}: deeper: main.deeper was not called meanwhile\n" in done.err


def test_processes_that_start_later_are_traced_with_wait(binary: Path, tmp_path: Path) -> None:
    spec = tmp_path / "a.sey"
    spec.write_text('program later { command "*later-one*" }\nevent deeper on entry "main.deeper" { n }\n')
    process = subprocess.Popen(
        (SEY, "trace", spec, "--wait", "--json", "--count", "5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with run_target(binary, "later-one") as first:
        assert process.stderr.readline() == "1 probe in 1 process; end with Ctrl-C\n"
        first.ask("call 2")
        with run_target(binary, "later-one") as second:
            # Nothing says when it is found: it is called until it is seen.
            assert soon(lambda: second.ask("call 1") == b"1" and process.poll() is not None)
    out, err = process.communicate(timeout=60)
    pids = [json.loads(line)["pid"] for line in out.splitlines()]
    assert (len(pids), pids[:2]) == (5, [first.pid] * 2), err
    assert set(pids[2:]) == {second.pid}


def test_what_costs_too_much_is_detached_and_told(target: Target) -> None:
    target.ask("spin 2")
    done = subprocess.run(
        (SEY, "trace", "-p", str(target.pid), "-e", 'entry "main.deeper" limit 1/s { n }', "--max-overhead", "0.1%"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert re.search(r"^event deeper is detached: the probes took [\d.]+% of a processor", done.stderr, re.MULTILINE)
    assert "ended: all events are detached" in done.stderr
    count = int(target.ask("count"))
    assert soon(lambda: int(target.ask("count")) > count)


def test_killed_it_leaves_nothing_behind(target: Target) -> None:
    before = bpf_objects()
    tracing = Tracing("-e", 'return "main.deeper" { n }', "-p", target.pid, "--json")
    target.ask("call 100")
    tracing.end(signal.SIGKILL)
    assert soon(lambda: bpf_objects() <= before)
    assert target.ask("call 10") == b"280"


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("-e", 'entry "main.deeper"', "--engine", "interp"), 2, "SEY0672"),
        ((), 2, "SEY0670"),
        (("-e", 'entry "main.deeper"', "--hist", "duration"), 2, "SEY0674"),
        (("-e", 'entry "main.nothing"'), 1, "SEY0"),
    ],
)
def test_what_cannot_be_traced_is_told(
    target: Target, run: Run, arguments: tuple[str, ...], status: int, code: str
) -> None:
    done = run("trace", "-p", target.pid, *arguments)
    assert done.status == status
    assert code in done.err


def test_a_process_that_is_not_there_is_told(run: Run) -> None:
    done = run("trace", "-p", 999999999, "-e", 'entry "main.deeper"')
    assert (done.status, "SEY0601" in done.err) == (4, True)
