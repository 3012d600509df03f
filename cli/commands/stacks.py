"""`sey stacks`."""

from __future__ import annotations

import click

from sey.cli import completion
from sey.cli.interrupts import leave_on_interrupt
from sey.cli.options import debug_file_option, max_bytes_option, max_pause_option
from sey.cli.output import json_option, print_json
from sey.cli.params import is_pid
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.runtime.capture import Capture


@click.command()
@click.argument("source", metavar="PID|FILE", shell_complete=completion.pids_or_captures)
@click.option("--system", is_flag=True, help="The runtime's own goroutines too, which Go's dumps leave out.")
@max_pause_option
@max_bytes_option
@debug_file_option
@json_option
@format_option
def stacks(source: str, system: bool, max_pause: int, max_bytes: int, debug_file: str | None, as_json: bool) -> None:
    """Identical stacks, grouped and counted: of a capture, or of a process, which is captured first."""
    capture = _take(source, max_pause, max_bytes, debug_file) if is_pid(source) else Capture.load(source)
    leave_on_interrupt()
    from sey.runtime.database import open_database
    from sey.runtime.stacks import groups, process_lines, render

    with working("decoding the capture"):
        database = open_database(capture)
    with database:
        found = groups(database, system=system)
        if as_json:
            print_json([group.as_object() for group in found])
        else:
            click.echo(render(found, process_lines(database, system=system)), nl=False)


def _take(source: str, max_pause: int, max_bytes: int, debug_file: str | None) -> Capture:
    # Only a process needs what takes snapshots, and that is much.
    from sey.cli.capturing import snapshot_of
    from sey.frontend.compile import Options
    from sey.runtime.snapshot import Limits

    return snapshot_of(int(source[:18]), Limits(max_pause, max_bytes), Options(debug_file=debug_file))
