"""`sey diff`."""

from __future__ import annotations

import click

from sey.cli import completion
from sey.cli.interrupts import leave_on_interrupt
from sey.cli.output import json_option, print_json
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.runtime.capture import Capture


@click.command()
@click.argument("before", metavar="A", type=click.Path(), shell_complete=completion.files(".seyc"))
@click.argument("after", metavar="B", type=click.Path(), shell_complete=completion.files(".seyc"))
@json_option
@format_option
def diff(before: str, after: str, as_json: bool) -> None:
    """What changed from capture A to capture B.

    By stack and by table: what appeared, is gone, grew, waits longer. Goroutines and locks of the same process are
    followed by id and address. Of another build stacks are the same where their functions are.
    """
    leave_on_interrupt()
    first, second = Capture.load(before), Capture.load(after)
    from sey.runtime.diff.compare import compare
    from sey.runtime.diff.text import render

    with working("comparing the captures"):
        found = compare(first, second)
    if as_json:
        print_json(found.as_object())
    else:
        click.echo(render(found), nl=False)
