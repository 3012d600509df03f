"""Options that several commands share."""

from __future__ import annotations

import click

from sey.cli.params import Duration, Percent, Size

max_pause_option = click.option(
    "--max-pause",
    type=Duration(1_000_000, 60 * 10**9),
    default="250ms",
    show_default=True,
    help="How long a process may stand still.",
)
max_bytes_option = click.option(
    "--max-bytes",
    type=Size(1 << 20, 64 << 30),
    default="256MiB",
    show_default=True,
    help="How much may be collected from a process.",
)
max_overhead_option = click.option(
    "--max-overhead",
    type=Percent(),
    default="2%",
    show_default=True,
    help="What all probes of a process may take of a processor; beyond, the worst are thinned or detached.",
)
allow_missing_option = click.option(
    "--allow-missing", is_flag=True, help="What a binary lacks is a warning, and missing in the result."
)
exe_option = click.option("--exe", type=click.Path(), help="The executable of the core; else the file it names.")
debug_file_option = click.option(
    "--debug-file",
    type=click.Path(),
    help="A separate file with the debug information, where it isn't found by build id or debuglink.",
)
