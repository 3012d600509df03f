"""`sey snapshot`."""

from __future__ import annotations

import json
import os
import time

import click

from sey.cli import completion, problems
from sey.cli.capturing import capture_chosen
from sey.cli.options import (
    allow_missing_option,
    debug_file_option,
    exe_option,
    max_bytes_option,
    max_overhead_option,
    max_pause_option,
)
from sey.cli.output import json_option, print_json
from sey.cli.params import Duration, Pid
from sey.cli.probes import Chosen, Probe, choose, read_probe
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.frontend.options import Options
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.choose_engine import ENGINES
from sey.runtime.files import writable_target
from sey.runtime.snapshot import Limits
from sey.runtime.wording import printable


@click.command()
@click.argument(
    "probes", nargs=-1, type=click.Path(), metavar="[PROBE...]", shell_complete=completion.files(".sey", ".seyp")
)
@click.option(
    "-p",
    "--pid",
    "pids",
    multiple=True,
    type=Pid(),
    shell_complete=completion.pids,
    help="A process to capture; may be given repeatedly.",
)
@click.option("-o", "--output", type=click.Path(), help="OUT.seyc; without it, a name that isn't taken yet.")
@click.option("--core", type=click.Path(), help="Capture the process of this core file instead of a running one.")
@exe_option
@max_pause_option
@max_bytes_option
@click.option("--engine", type=click.Choice(ENGINES), default="auto", help="What reads the processes.")
@click.option(
    "--every",
    type=Duration(10**8, 24 * 3600 * 10**9),
    help="Take snapshots this far apart, into one file, until --count is reached or you interrupt it.",
)
@click.option("--count", type=click.IntRange(1), help="How many snapshots to take with --every.")
@click.option(
    "--on",
    "on",
    metavar="EVENT",
    help="Wait for an event, and take the snapshot at its moment: 'return \"main.f\" when duration > 1s { x }', or the"
    " name of an event of the spec.",
)
@click.option(
    "--for", "for_ns", type=Duration(10**6, 30 * 24 * 3600 * 10**9), help="Give up waiting for --on after this time."
)
@max_overhead_option
@allow_missing_option
@debug_file_option
@json_option
@format_option
def snapshot(
    probes: tuple[str, ...],
    pids: tuple[int, ...],
    output: str | None,
    core: str | None,
    exe: str | None,
    max_pause: int,
    max_bytes: int,
    engine: str,
    every: int | None,
    count: int | None,
    on: str | None,
    for_ns: int | None,
    max_overhead: float,
    allow_missing: bool,
    debug_file: str | None,
    as_json: bool,
) -> None:
    """Capture processes with PROBEs: specs (.sey) or bundles (.seyp).

    Without a PROBE goroutines and stacks alone; without -p every process that the programs of the PROBEs match.
    With --every there are several snapshots in the file, told apart by the column `snapshot` of every table. An
    interrupt ends the series after the snapshot at hand, with a whole file; a second one gives up.
    With --core the process of a core file, which is read with its executable: --exe, else the file that the core names.
    With --on the snapshot is of the moment at which an event happens (its `when` holds): the thread that came by is
    held there until all stand still. The event is the column `on_event` of `processes`.
    """
    _check_usage(pids, core, exe, engine)
    _check_series(core, every, count)
    _check_on(on, for_ns, core, every)
    if output is not None:
        writable_target(output)
    read = [read_probe(path) for path in probes]
    options = None
    if allow_missing or debug_file:
        options = Options(allow_missing, debug_file)
    limits = Limits(max_pause, max_bytes, engine=engine)
    if core is not None:
        from sey.cli.cores import capture_core

        _finish(capture_core(core, exe, read, limits, options), output, as_json)
        return
    if on is not None:
        from sey.cli.onevent import Wanted, capture_on, with_event

        wanted = Wanted(on, for_ns or 0, max_overhead)
        chosen = _chosen(with_event(read, wanted), pids, options)
        _finish(capture_on(chosen, limits, wanted), output, as_json)
        return
    chosen = _chosen(read, pids, options)
    _tell_of_events(chosen)
    if every is None:
        _finish(capture_chosen(chosen, limits), output, as_json)
        return
    from sey.cli.series import series

    with series(chosen, limits, every, count, output or os.path.join(os.path.curdir, "capture")) as capture:
        _finish(capture, output, as_json)


def _finish(capture: Capture, output: str | None, as_json: bool) -> None:
    """Write the file and say what is in it."""
    path = output or _free_name(capture)
    capture.save(path)
    from sey.runtime.summary import summarize

    summary = summarize(capture)
    if as_json:
        print_json({"file": path, "processes": [_object(process.facts) for process in capture.processes]})
    for line in (*summary, f"{'written':10}  {path} ({_size(path)})"):
        click.echo(line, err=True)


def _check_usage(pids: tuple[int, ...], core: str | None, exe: str | None, engine: str) -> None:
    if core is None and exe is not None:
        raise click.UsageError("--exe names the executable of a core file, and there is no --core.")
    if core is not None and pids:
        raise click.UsageError("--core and -p exclude each other.")
    if core is not None and engine == "ebpf":
        raise click.UsageError("eBPF reads running processes; a core file is read by --engine interp (or auto).")


def _check_series(core: str | None, every: int | None, count: int | None) -> None:
    if count is not None and every is None:
        raise click.UsageError("--count says how many snapshots there are with --every, and that isn't given.")
    if core is not None and every is not None:
        raise click.UsageError("A core is of one moment: --core and --every exclude each other.")


def _check_on(on: str | None, for_ns: int | None, core: str | None, every: int | None) -> None:
    if for_ns is not None and on is None:
        raise click.UsageError("--for says how long to wait for --on, and that isn't given.")
    if on is not None and core is not None:
        raise click.UsageError("In a core nothing happens any more: --core and --on exclude each other.")
    if on is not None and every is not None:
        raise click.UsageError("--on takes one snapshot: --every and --on exclude each other.")


def _chosen(read: list[Probe], pids: tuple[int, ...], options: Options | None) -> Chosen:
    with working("preparing the probe"):
        chosen = choose(read, pids, options)
    for warning, source in chosen.warnings:
        problems.report([warning], source)
    return chosen


def _tell_of_events(chosen: Chosen) -> None:
    """Say of a spec that has events alone that this isn't how they are seen."""
    for bundle in chosen.bundles:
        plans = [binary.plan for binary in bundle.binaries if binary.events is not None]
        if plans and not any(plan.blocks or [g for g in plan.globals if not g.internal] for plan in plans):
            text = f"{bundle.spec_path} asks for events alone, which `sey trace` tells; a snapshot has none of them"
            click.echo(f"{'note':10}  {printable(text)}", err=True)


def _free_name(capture: Capture) -> str:
    """A file name in this folder: of the program, the process and the time; numbered where it is taken."""
    captured = [process.facts for process in capture.processes if process.facts.problem is None]
    name = os.path.basename(captured[0].executable) or "process"
    pids = {facts.pid for facts in captured}
    which = str(captured[0].pid) if len(pids) == 1 else f"{len(pids)}-processes"
    stem = f"{name}-{which}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(captured[0].captured_at_ns // 10**9))}"
    number, path = 1, f"{stem}.seyc"
    while os.path.lexists(path):
        number += 1
        path = f"{stem}-{number}.seyc"
    return path


def _size(path: str) -> str:
    size = os.path.getsize(path)
    return f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{size / 1024:.0f} KiB"


def _object(facts: ProcessFacts) -> dict[str, object]:
    return {
        "pid": facts.pid,
        "snapshot": facts.snapshot,
        "executable": facts.executable,
        "pause_ns": facts.pause_ns,
        "skew_ns": facts.skew_ns,
        "core": facts.core or None,
        "goroutines": facts.counters.get("captured", 0),
        "problem": facts.problem,
        "on_event": json.loads(facts.on_event) if facts.on_event else None,
    }
