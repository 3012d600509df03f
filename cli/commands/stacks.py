"""`sey stacks`."""

from __future__ import annotations

import click

from sey.binary.corefile import is_core
from sey.cli import completion
from sey.cli.interrupts import leave_on_interrupt
from sey.cli.options import debug_file_option, exe_option, max_bytes_option, max_pause_option
from sey.cli.output import json_option, print_json
from sey.cli.params import is_pid
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.snapshots import only, snapshot_option
from sey.runtime.capture import Capture


@click.command()
@click.argument("source", metavar="PID|FILE", shell_complete=completion.pids_or_captures)
@exe_option
@click.option("--system", is_flag=True, help="The runtime's own goroutines too, which Go's dumps leave out.")
@snapshot_option
@max_pause_option
@max_bytes_option
@debug_file_option
@json_option
@format_option
def stacks(
    source: str,
    exe: str | None,
    system: bool,
    snapshot: int | None,
    max_pause: int,
    max_bytes: int,
    debug_file: str | None,
    as_json: bool,
) -> None:
    """Identical stacks, grouped and counted: of a capture, or of a process or its core file, captured first.

    Of several snapshots it is the last one, unless --snapshot says which.
    """
    if exe is not None or is_core(source):
        capture = _take_core(source, exe, max_bytes, debug_file)
    else:
        capture = _take(source, max_pause, max_bytes, debug_file) if is_pid(source) else Capture.load(source)
    shown = capture.last if snapshot is None else only(capture, snapshot)
    if len(capture.snapshots) > 1:
        (number,) = shown.snapshots
        click.echo(f"snapshot {number} of {len(capture.snapshots)}, numbered from 0", err=True)
    leave_on_interrupt()
    from sey.runtime.database import open_database
    from sey.runtime.stacks import groups, process_lines, render

    with working("decoding the capture"):
        database = open_database(shown)
    with database:
        found = groups(database, system=system)
        if as_json:
            print_json([group.as_object() for group in found])
        else:
            click.echo(render(found, process_lines(database, system=system)), nl=False)


def _take_core(source: str, exe: str | None, max_bytes: int, debug_file: str | None) -> Capture:
    from sey.cli.cores import capture_core
    from sey.frontend.options import Options
    from sey.runtime.snapshot import Limits

    return capture_core(source, exe, [], Limits(max_bytes=max_bytes), Options(debug_file=debug_file))


def _take(source: str, max_pause: int, max_bytes: int, debug_file: str | None) -> Capture:
    # Only a process needs what takes snapshots, and that is much.
    from sey.cli.capturing import snapshot_of
    from sey.frontend.compile import Options
    from sey.runtime.snapshot import Limits

    return snapshot_of(int(source[:18]), Limits(max_pause, max_bytes), Options(debug_file=debug_file))
