"""`sey trace`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from sey.binary.errors import SeyError
from sey.cli import completion, problems
from sey.cli.capturing import failed, tell_of_failures
from sey.cli.newcomers import Newcomers
from sey.cli.options import allow_missing_option, debug_file_option, max_overhead_option
from sey.cli.output import json_option
from sey.cli.params import Duration, Pid
from sey.cli.probes import Chosen, NoProcess, Probe, choose, read_probe
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.sinks import Durations, Lines, Several, Store
from sey.cli.stopping import Stop, stopping
from sey.cli.tracestatus import Status
from sey.cli.tracing import Ends, Tracer, stderr_line, summary
from sey.frontend.options import Options
from sey.runtime.events.errors import NoDurations, NoEvents, NoEventsByInterpreter, NoneTraced
from sey.runtime.events.reading import Reader
from sey.runtime.events.session import Session
from sey.runtime.files import writable_target
from sey.runtime.snapshot import Request


@dataclass(frozen=True)
class Output:
    """What the user wants to see."""

    path: str | None
    hist: str | None
    as_json: bool


_MOMENTS = ("entry", "return", "line", "event")
"""What an event begins with."""
_SOON = 0.2
"""Seconds between two looks for processes that start."""


@click.command()
@click.argument(
    "probes", nargs=-1, type=click.Path(), metavar="[PROBE...]", shell_complete=completion.files(".sey", ".seyp")
)
@click.option(
    "-e",
    "--event",
    "events",
    multiple=True,
    metavar="EVENT",
    help="An event as in a spec, behind its `on`, any number of times: 'return \"main.f\" when duration > 10ms { x }', "
    "'entry glob \"main.*\" stack 8', 'line \"server.go:120\" limit 5/s { y }'.",
)
@click.option(
    "-p", "--pid", "pids", multiple=True, type=Pid(), shell_complete=completion.pids, help="A process to trace."
)
@click.option("--for", "for_ns", type=Duration(10**6, 30 * 24 * 3600 * 10**9), help="End after this time.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option("--wait", is_flag=True, help="Trace processes that start later, too.")
@max_overhead_option
@click.option("--hist", type=click.Choice(["duration"]), help="Draw a histogram at the end instead of lines.")
@click.option("-o", "--output", type=click.Path(), help="OUT.seyc, to be queried later, instead of lines.")
@click.option("--engine", type=click.Choice(["auto", "ebpf", "interp"]), default="auto", hidden=True)
@allow_missing_option
@debug_file_option
@json_option
@format_option
def trace(
    probes: tuple[str, ...],
    events: tuple[str, ...],
    pids: tuple[int, ...],
    for_ns: int | None,
    count: int | None,
    wait: bool,
    max_overhead: float,
    hist: str | None,
    output: str | None,
    engine: str,
    allow_missing: bool,
    debug_file: str | None,
    as_json: bool,
) -> None:
    """Print the events of PROBEs, specs (.sey) or bundles (.seyp), and of -e, as they happen.

    Without -p every process that the programs of the PROBEs match. It ends by --for, --count, the end of the
    processes, or an interrupt; a second one gives up. Then the probes are gone, and a summary follows on stderr. With
    -o nothing is printed, and all of it is in a capture for `sey query`.
    """
    if engine == "interp":
        raise SeyError(NoEventsByInterpreter())
    if wait and pids:
        raise click.UsageError("--wait is for processes that the programs of a spec match; -p names running ones.")
    if output is not None:
        writable_target(output)
    read = _read(probes, events)
    options = Options(allow_missing, debug_file) if allow_missing or debug_file else None
    ends = Ends(for_ns or 0, count or 0)
    with stopping() as stop:
        chosen = _chosen(read, pids, options, stop if wait else None)
        if chosen is not None:
            newcomers = Newcomers(read, options, chosen) if wait else None
            _trace(chosen, newcomers, ends, max_overhead, stop, Output(output, hist, as_json))


def _read(paths: Sequence[str], events: tuple[str, ...]) -> list[Probe]:
    """The PROBEs, each with the events of the command line."""
    for path in paths:
        if path.partition(" ")[0] in _MOMENTS:
            raise click.UsageError(f"{path!r} is an event, and no file: it stands behind -e.")
    read = [read_probe(path) for path in paths]
    if not read and not events:
        raise SeyError(NoEvents())
    if events and any(probe.bundle is not None for probe in read):
        raise click.UsageError("-e adds an event to a spec; a bundle is compiled already.")
    return [Probe(each.name, each.spec, events=events) for each in read or [Probe("")]] if events else read


def _chosen(read: list[Probe], pids: Sequence[int], options: Options | None, waiting: Stop | None) -> Chosen | None:
    """What to trace; with `waiting` as soon as there is something, None where the user gives up."""
    while True:
        try:
            with working("preparing the probe"):
                chosen = choose(read, pids, options)
            break
        except SeyError as error:
            if waiting is None or not isinstance(error.problems[0], NoProcess):
                raise
            waiting.wait_until(time.monotonic() + _SOON)
            if waiting.wanted:
                return None
    for warning, source in chosen.warnings:
        problems.report([warning], source)
    return chosen


def _trace(
    chosen: Chosen,
    newcomers: Newcomers | None,
    ends: Ends,
    most: float,
    stop: Stop,
    output: Output,
) -> None:
    """Trace what was chosen, and say what came of it."""
    tell_of_failures(chosen)
    failures = len(chosen.failures)
    with contextlib.ExitStack() as kept:
        durations = Durations() if output.hist else None
        store = kept.enter_context(Store(output.path)) if output.path is not None else None
        sinks = [sink for sink in (durations, store) if sink is not None]
        status = Status(shown=bool(sinks) or not sys.stdout.isatty())
        lines = Lines(as_json=output.as_json, several=len(chosen.requests) > 1 or newcomers is not None)
        tracer = kept.enter_context(Tracer(ends, most, Several(*sinks) if sinks else lines, status.tell))
        for request in chosen.requests:
            failures += not _add(tracer, chosen, request, alone=len(chosen.requests) == 1 and newcomers is None)
        if not tracer.traced and newcomers is None:
            raise SeyError(NoneTraced(failures))
        if output.hist and not any(e.moment == "return" for t in tracer.traced for e in t.session.plan.events):
            raise SeyError(NoDurations())

        def look() -> bool:
            status.show(tracer)
            for request in newcomers.found() if newcomers is not None else ():
                _add(tracer, chosen, request, alone=False)
            return newcomers is not None

        started = time.monotonic()
        status.attached(tracer)
        reason = tracer.run(stop, look)
        status.clear()
        if durations is not None:
            durations.draw()
        for line in summary(tracer.traced, reason, time.monotonic() - started):
            stderr_line(line)
        if store is not None:
            store.save(chosen.bundles, tracer.traced, failed(chosen))
            stderr_line(f"{'written':10}  {store.path}")


def _add(tracer: Tracer, chosen: Chosen, request: Request, *, alone: bool) -> bool:
    """Trace one more process; whether that works. Raises SeyError where it is `alone`."""
    pid = request.process.pid
    session = Session(request.process, chosen.bundles[request.bundle].binaries[request.binary])
    programs = chosen.programs.get(pid, ())
    try:
        with working("attaching"):
            tracer.add(session, lambda: Reader(session, programs, request.bundle, request.binary))
    except SeyError as error:
        if alone:
            raise
        problems.show(error)
        return False
    return True
