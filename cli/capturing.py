"""Take the snapshots that were chosen, and tell of those that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import click

from sey.binary.errors import Exit, Problem, SeyError
from sey.cli import problems
from sey.cli.probes import Chosen, Probe, choose
from sey.cli.progress import working
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.snapshot import Limits, take

if TYPE_CHECKING:
    from sey.frontend.compile import Options


@dataclass(frozen=True)
class NothingCaptured(Problem):
    """Every one of several processes failed; each was told."""

    code: ClassVar[str] = "SEY0664"
    exit_status: ClassVar[Exit] = Exit.NOTHING
    title: ClassVar[str] = "none of {count} processes could be captured; no file was written"
    count: int


def capture_chosen(chosen: Chosen, limits: Limits) -> Capture:
    """Take the snapshots. Raises SeyError where no process could be captured."""
    tell_of_failures(chosen)
    with working("capturing"):
        capture = take(chosen.bundles, chosen.requests, limits)
    processes = [named(process, chosen) for process in capture.processes]
    require_some(processes, chosen)
    return Capture(capture.bundles, (*processes, *failed(chosen)))


def tell_of_failures(chosen: Chosen) -> None:
    """Say what keeps processes from being captured at all."""
    for error in chosen.failures.values():
        problems.show(error)


def require_some(processes: Sequence[ProcessCapture], chosen: Chosen) -> None:
    """Say what went wrong with which process. Raises SeyError where nothing was captured of any."""
    for process in processes:
        if process.facts.problem is not None:
            click.echo(f"error: process {process.facts.pid}: {process.facts.problem}", err=True)
    if all(process.facts.problem is not None for process in processes):
        raise SeyError(NothingCaptured(len(processes) + len(chosen.failures)))


def snapshot_of(pid: int, limits: Limits, options: Options | None = None) -> Capture:
    """Goroutines and stacks of one process. Raises SeyError."""
    with working("preparing the probe"):
        chosen = choose([Probe("")], [pid], options)
    return capture_chosen(chosen, limits)


def named(process: ProcessCapture, chosen: Chosen) -> ProcessCapture:
    """With the programs of the probe that the process is."""
    return replace(process, facts=replace(process.facts, programs=chosen.programs.get(process.facts.pid, ())))


def failed(chosen: Chosen) -> list[ProcessCapture]:
    """The processes that couldn't be captured at all, which are in the first snapshot without data."""
    return [
        ProcessCapture(ProcessFacts(pid, "", problem=error.problems[0].message()), None, None)
        for pid, error in chosen.failures.items()
    ]
