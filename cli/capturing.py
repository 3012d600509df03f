"""Take the snapshots that were chosen, and tell of those that failed."""

from __future__ import annotations

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
    for error in chosen.failures.values():
        problems.show(error)
    with working("capturing"):
        capture = take(chosen.bundles, chosen.requests, limits)
    processes = [_named(process, chosen) for process in capture.processes]
    for process in processes:
        if process.facts.problem is not None:
            click.echo(f"error: process {process.facts.pid}: {process.facts.problem}", err=True)
    failed = [_failed(pid, error) for pid, error in chosen.failures.items()]
    if all(process.facts.problem is not None for process in processes):
        raise SeyError(NothingCaptured(len(processes) + len(failed)))
    return Capture(capture.bundles, (*processes, *failed))


def snapshot_of(pid: int, limits: Limits, options: Options | None = None) -> Capture:
    """Goroutines and stacks of one process. Raises SeyError."""
    with working("preparing the probe"):
        chosen = choose([Probe("")], [pid], options)
    return capture_chosen(chosen, limits)


def _named(process: ProcessCapture, chosen: Chosen) -> ProcessCapture:
    return replace(process, facts=replace(process.facts, programs=chosen.programs.get(process.facts.pid, ())))


def _failed(pid: int, error: SeyError) -> ProcessCapture:
    return ProcessCapture(ProcessFacts(pid, "", problem=error.problems[0].message()), None, None)
