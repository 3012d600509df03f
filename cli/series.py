"""Snapshots at intervals, into one file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import click

from sey.binary.errors import Exit, Problem
from sey.cli import problems
from sey.cli.capturing import failed, named, require_some, tell_of_failures
from sey.cli.probes import Chosen
from sey.cli.stopping import Stop, stopping
from sey.runtime.capture import Capture, ProcessCapture
from sey.runtime.snapshot import Limits, Taker
from sey.runtime.spool import Spool
from sey.runtime.wording import counted, duration, printable


@dataclass(frozen=True)
class SeriesEnded(Problem):
    """A series of snapshots ended before it had as many as were asked for; those taken are in the file."""

    code: ClassVar[str] = "SEY0667"
    exit_status: ClassVar[Exit] = Exit.DONE
    title: ClassVar[str] = "the series ended after {taken}: {reason}"
    taken: str
    reason: str


@contextlib.contextmanager
def series(chosen: Chosen, limits: Limits, every_ns: int, count: int | None, path: str) -> Iterator[Capture]:
    """Take snapshots every so often, `count` of them or until interrupted; all of them, for a file at `path`.

    The data are there until the context ends. Raises SeyError where the first snapshot has nothing.
    """
    tell_of_failures(chosen)
    with Spool(path) as spool:
        taken: list[ProcessCapture] = []
        with stopping() as stop, Taker(chosen.bundles, chosen.requests, limits) as taker:
            reason = _take_all(taker, chosen, every_ns, count, stop, spool, taken)
        snapshots = len({process.facts.snapshot for process in taken})
        if reason:
            problems.report([SeriesEnded(counted(snapshots, "snapshot"), reason)])
        yield Capture(tuple(chosen.bundles), (*taken, *failed(chosen)))


def _take_all(
    taker: Taker,
    chosen: Chosen,
    every_ns: int,
    count: int | None,
    stop: Stop,
    spool: Spool,
    taken: list[ProcessCapture],
) -> str:
    """Take them into `taken`; why there will be no more, empty where it are as many as wanted."""
    number = 0
    interrupted = "interrupted" if count is not None else ""
    while True:
        started = time.monotonic()
        captured = [named(process, chosen) for process in taker.take()]
        if number == 0:
            require_some(captured, chosen)
        taken += [spool.keep(process) for process in captured]
        _tell(number, captured)
        number += 1
        if number == count:
            return ""
        if stop.wanted:
            return interrupted
        if not taker.processes:
            return "no process is left"
        size = sum(len(process.pages.data) for process in captured if process.pages is not None)
        if not spool.has_room(size):
            return "the disk is nearly full"
        stop.wait_until(started + every_ns / 1e9)
        if stop.wanted:
            return interrupted


def _tell(number: int, captured: Sequence[ProcessCapture]) -> None:
    """A line for each snapshot."""
    shown = []
    for process in captured:
        facts = process.facts
        if facts.problem is not None:
            shown.append(f"process {facts.pid}: {facts.problem}")
            continue
        which = f"process {facts.pid}: " if len(captured) > 1 else ""
        goroutines = counted(facts.counters.get("captured", 0), "goroutine")
        shown.append(f"{which}{goroutines}, paused for {duration(facts.pause_ns)}")
    click.echo(printable(f"snapshot {number:<3} {' | '.join(shown)}"), err=True)
