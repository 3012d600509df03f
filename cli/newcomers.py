"""Processes that start while others are traced, and that the programs of the PROBEs match."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sey.binary.errors import SeyError
from sey.binary.gobinary import open_go
from sey.cli.probes import Chosen, Maker, Probe, fitting_probe
from sey.frontend.options import Options
from sey.runtime.process import Process, all_pids
from sey.runtime.snapshot import Request


class Newcomers:
    """Looks for them; those that were `chosen` already are none."""

    def __init__(self, probes: Sequence[Probe], options: Options | None, chosen: Chosen) -> None:
        self._probes, self._chosen = probes, chosen
        self._maker = Maker(chosen, options)
        self._known = {request.process.pid for request in chosen.requests} | set(chosen.failures) | {os.getpid()}
        self._seen: set[tuple[int, str]] = set()

    def found(self) -> list[Request]:
        """Those that are new since the last time, each with the probe for it."""
        before = len(self._chosen.requests)
        for pid in sorted(set(all_pids()) - self._known):
            try:
                # A process is born as a copy of another, and becomes what it is later.
                seen = pid, os.readlink(f"/proc/{pid}/exe")
                if seen in self._seen:
                    continue
                self._seen.add(seen)
                process = Process.look(pid)
                binary = open_go(process.exe_path)
                if any(probe.applies(process, binary.build.module) for probe in self._probes):
                    self._known.add(pid)
                    self._maker.add(process, fitting_probe(self._probes, process, binary))
            except (OSError, SeyError):
                continue  # not Go, gone, or not ours to see
        return self._chosen.requests[before:]
