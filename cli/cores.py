"""Take the snapshot of a core file, with a PROBE chosen as for a running process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from sey.binary.processpath import name_of
from sey.cli import problems
from sey.cli.probes import Chosen, Maker, Probe, fitting_probe
from sey.cli.progress import working
from sey.frontend.options import DEFAULT_OPTIONS, Options
from sey.runtime.capture import Capture
from sey.runtime.dump import open_dump
from sey.runtime.postmortem import take_dump
from sey.runtime.snapshot import Limits


def capture_core(
    core: str, exe: str | None, probes: Sequence[Probe], limits: Limits, options: Options | None
) -> Capture:
    """Snapshot the process of a core with the one of the probes that is for it. Raises SeyError.

    `exe` is its executable, None for the file that the core names; `options` are for compiling.
    """
    dump = open_dump(core, exe)
    if dump.found:
        click.echo(f"{'executable':10}  {dump.binary.elf.path}, as the core names it", err=True)
    with working("preparing the probe"):
        probe = fitting_probe(probes, dump, dump.binary) if len(probes) > 1 else next(iter(probes), Probe(""))
        path = dump.binary.elf.path
        chosen = Chosen()
        known = name_of(dump.executable)
        if known != name_of(path):
            options = replace(options or DEFAULT_OPTIONS, runs_as=known)
        target = f"the process of {core}"
        number, entry = Maker(chosen, options).bundle_for(probe, dump, dump.binary, path, known, target)
    for warning, source in chosen.warnings:
        problems.report([warning], source)
    with working("capturing"):
        capture = take_dump(chosen.bundles[number], entry, dump, limits)
    (process,) = capture.processes
    named = replace(process, facts=replace(process.facts, programs=chosen.programs[dump.pid]))
    return replace(capture, processes=(named,))
