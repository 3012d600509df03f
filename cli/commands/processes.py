"""`sey ps`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click

from sey.cli.output import json_option, print_json, print_table, printable, terminal_width
from sey.cli.problems import format_option
from sey.runtime.ps import GoProcess, list_go_processes
from sey.runtime.wording import counted

_DEBUG_INFO = {"full": "yes", "-w": "no (-w)", "-s": "no (-s)", "": "?"}
_ON_DISK = {"deleted": " (deleted since)", "replaced": " (another file since)"}


@click.command()
@json_option
@format_option
def ps(as_json: bool) -> None:
    """Go processes of this host: Go version, how built, debug information, can each be captured.

    Below the table stands for those that can't, why, and what to do about it.
    """
    listing = list_go_processes()
    if as_json:
        print_json([_object(process) for process in listing.processes])
    elif listing.processes:
        names = ("PID", "GO", "BUILT", "DEBUG INFO", "CAPTURE", "EXECUTABLE")
        right = (True, False, False, False, False, False)
        print_table(names, map(_row, listing.processes), right=right, upright=False, width=terminal_width())
        for paragraph in _explained(listing.processes):
            click.echo(paragraph, nl=False)
    else:
        click.echo("no Go process is running that could be looked into", err=True)
    if listing.hidden:
        hidden = counted(listing.hidden, "process", "processes")
        click.echo(f"{hidden} could not be looked into; root sees all", err=True)


def _row(process: GoProcess) -> tuple[Any, ...]:
    return (
        process.pid,
        process.go_version.removeprefix("go").partition(" ")[0] or "?",
        " ".join(process.built) or "plain",
        _DEBUG_INFO.get(process.debug_info, process.debug_info),
        "no" if process.reasons else "stacks only" if process.debug_info == "-w" else "yes",
        process.executable + _ON_DISK.get(process.on_disk, ""),
    )


def _explained(processes: Sequence[GoProcess]) -> Iterator[str]:
    """For each thing that stands in the way of whole captures: the processes, the reason, what to do."""
    reasons: dict[tuple[str, str | None], list[int]] = {}
    for process in processes:
        for problem in process.reasons:
            reasons.setdefault((problem.message(), problem.advice()), []).append(process.pid)
        if not process.reasons and process.debug_info == "-w":
            reasons.setdefault(_WITHOUT_DWARF, []).append(process.pid)
    for (message, advice), pids in reasons.items():
        yield "\n"
        lines = [f"{', '.join(map(str, pids))}: {message}", *([f"so: {advice}"] if advice else [])]
        width = max(terminal_width() or 120, 40)
        for number, line in enumerate(lines):
            indent = "  " if number else ""
            yield textwrap.fill(printable(line), width, initial_indent=indent, subsequent_indent="  ") + "\n"


_WITHOUT_DWARF = (
    "built with -ldflags=-w, so it has no debug information: stacks can be captured, variables can't",
    "drop -w from the -ldflags and deploy it again; the program runs as fast with debug information",
)


def _object(process: GoProcess) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "uid": process.user,
        "executable": process.executable,
        "on_disk": process.on_disk,
        "go_version": process.go_version or None,
        "module": process.module or None,
        "built": list(process.built),
        "debug_info": process.debug_info or None,
        "capturable": process.capturable,
        "variables": process.capturable and process.debug_info == "full",
        "reasons": [{"code": problem.code, "message": problem.message()} for problem in process.reasons],
    }
