"""`sey stacks`."""

from __future__ import annotations

import click

from sey.binary.errors import Exit
from sey.cli.commands.snapshot import max_bytes_option, max_pause_option, snapshot_of
from sey.cli.output import json_option, print_json
from sey.cli.params import is_pid
from sey.cli.problems import format_option
from sey.runtime.capture import Capture
from sey.runtime.snapshot import Limits


@click.command()
@click.argument("source", metavar="PID|FILE")
@max_pause_option
@max_bytes_option
@click.option("--debug-file", type=click.Path(), help="A separate file with the debug information.")
@json_option
@format_option
def stacks(source: str, max_pause: int, max_bytes: int, debug_file: str | None, as_json: bool) -> int:
    """Identical stacks, grouped and counted: of a capture, or of a process, which is captured first."""
    capture = _captured(source, Limits(max_pause, max_bytes), debug_file) if is_pid(source) else Capture.load(source)
    from sey.runtime.database import open_database
    from sey.runtime.stacks import groups, process_lines, render

    with open_database(capture) as database:
        found = groups(database)
        if as_json:
            print_json([group.as_object() for group in found])
        else:
            click.echo(render(found, process_lines(database)), nl=False)
    return Exit.DONE


def _captured(source: str, limits: Limits, debug_file: str | None) -> Capture:
    pid = int(source[:18])
    if debug_file is None:
        return snapshot_of(pid, limits)
    from sey.frontend.compile import Options

    return snapshot_of(pid, limits, Options(debug_file=debug_file))
