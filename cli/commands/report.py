"""`sey report`."""

from __future__ import annotations

import click

from sey.cli import completion
from sey.cli.interrupts import leave_on_interrupt
from sey.cli.output import json_option, print_json
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.runtime.capture import Capture


@click.command()
@click.argument("file", type=click.Path(), shell_complete=completion.files(".seyc"))
@click.option("--html", metavar="OUT", type=click.Path(), help="Write one HTML page with pictures instead.")
@json_option
@format_option
def report(file: str, html: str | None, as_json: bool) -> None:
    """What to look at first in a capture, whatever its spec, or without any.

    Deadlocks, locks with who waits and who probably holds them, chains of waiting, channels with senders and receivers,
    goroutines that may have leaked, contexts past their deadline, goroutines by state, and what the capture lacks.

    Go doesn't note who holds a lock. A holder is inferred from stacks, and called probable.
    """
    leave_on_interrupt()
    capture = Capture.load(file)
    from sey.runtime.database import open_database
    from sey.runtime.report.base import Source
    from sey.runtime.report.gather import gather

    with working("decoding the capture"):
        database = open_database(capture)
    with database:
        source = Source(database)
        found = gather(source)
        if html is not None:
            from sey.runtime.report.page import write_page

            write_page(html, found, source)
        if as_json:
            print_json(found.as_object())
        elif html is None:
            from sey.runtime.report.text import render

            click.echo(render(found), nl=False)
