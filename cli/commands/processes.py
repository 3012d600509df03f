"""`sey ps`."""

from __future__ import annotations

from typing import Any

import click

from sey.cli.output import json_option, print_json, print_table
from sey.runtime.ps import GoProcess, list_go_processes

_DEBUG_INFO = {"full": "yes", "-w": "no (built with -w)", "-s": "no (built with -s)", "": "?"}
_ON_DISK = {"deleted": " (deleted since)", "replaced": " (another file since)"}


@click.command()
@json_option
def ps(as_json: bool) -> None:
    """Go processes of this host: Go version, debug information, can each be captured and if not why."""
    listing = list_go_processes()
    if as_json:
        print_json([_object(process) for process in listing.processes])
    else:
        rows = [_row(process) for process in listing.processes]
        names = ("PID", "GO", "DEBUG INFO", "EXECUTABLE", "CAPTURABLE")
        print_table(names, rows, right=(True, False, False, False, False))
    if listing.hidden:
        click.echo(f"{listing.hidden} processes could not be looked into; root sees all", err=True)


def _row(process: GoProcess) -> tuple[Any, ...]:
    reason = process.reasons[0].message() if process.reasons else ""
    return (
        process.pid,
        process.go_version or "?",
        _DEBUG_INFO.get(process.debug_info, process.debug_info),
        process.executable + _ON_DISK.get(process.on_disk, ""),
        f"no: {reason}" if reason else "stacks, no variables" if process.debug_info == "-w" else "yes",
    )


def _object(process: GoProcess) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "uid": process.user,
        "executable": process.executable,
        "on_disk": process.on_disk,
        "go_version": process.go_version or None,
        "module": process.module or None,
        "debug_info": process.debug_info or None,
        "capturable": process.capturable,
        "variables": process.capturable and process.debug_info == "full",
        "reasons": [{"code": problem.code, "message": problem.message()} for problem in process.reasons],
    }
