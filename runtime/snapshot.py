"""Take snapshots of running processes, one or many, once or again and again.

    take([bundle], [Request(process, 0, 0)], Limits()).save("shop.seyc")

    with Taker([bundle], requests, Limits()) as taker:
        first, second = taker.take(), taker.take()      # the probes stay loaded in between

Of several processes all are paused before the first is captured, where that costs them little: then what one says of
the other is of one moment. Where it would make pauses long they are captured one after the other. Either way the
probes of all of them are loaded before, and `skew_ns` tells how far apart the moments are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType

from sey.binary.errors import SeyError
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.host_errors import ImageReplaced, ProcessExited
from sey.runtime.prepared import Limits, Prepared, Request, executable

__all__ = ["Limits", "Request", "Taker", "take"]

_TOGETHER = 16
"""Processes whose probes are loaded at once: each takes 64 MiB of the kernel's memory at least."""
_GOROUTINE_NS, _PROCESS_NS = 10_000, 2_000_000
"""What capturing takes at most as a rule, to tell beforehand how long all processes would stand still."""
_SHARE = 4
"""Which part of the pause that is allowed may go to waiting for each other."""


def take(bundles: Sequence[Bundle], requests: Sequence[Request], limits: Limits) -> Capture:
    """One snapshot of processes. A process that fails has its problem in its facts.

    Raises SeyError where there is but one process and it fails.
    """
    with Taker(bundles, requests, limits) as taker:
        return Capture(tuple(bundles), taker.take())


class Taker:
    """Takes snapshots of processes with probes that stay loaded in between; a context that frees them."""

    def __init__(self, bundles: Sequence[Bundle], requests: Sequence[Request], limits: Limits) -> None:
        self._limits = limits
        self._left = [Prepared(bundles, request, limits) for request in requests]
        self._alone = len(requests) == 1
        self._snapshots = 0

    def __enter__(self) -> Taker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for prepared in reversed(self._left):
            prepared.__exit__(kind, error, trace)

    @property
    def processes(self) -> int:
        """How many processes are left that further snapshots can be taken of."""
        return len(self._left)

    def take(self) -> tuple[ProcessCapture, ...]:
        """The next snapshot, numbered from 0: each process that was left, with its data or with what was in the way.

        A process that has ended, or runs something else now, is left out of the snapshots after that. Raises SeyError
        where the first snapshot is of one process, and fails.
        """
        found: dict[Prepared, ProcessCapture] = {}
        gone: list[Prepared] = []
        first_ns: int | None = None
        groups = [self._left[at : at + _TOGETHER] for at in range(0, len(self._left), _TOGETHER)]
        for group in groups:
            failed = self._take_group(group)
            taken = [prepared for prepared in group if prepared not in failed]
            if first_ns is None:
                first_ns = min((prepared.paused_at_ns for prepared in taken), default=None)
            for prepared in taken:
                with _noting(failed, prepared):
                    found[prepared] = prepared.result(self._snapshots, first_ns or 0)
            for prepared, error in failed.items():
                if self._alone and self._snapshots == 0:
                    raise error
                found[prepared] = self._without_data(prepared, error)
                gone += [prepared] if isinstance(error.problems[0], ProcessExited | ImageReplaced) else []
            if len(groups) > 1:
                for prepared in group:
                    prepared.unload()
        captured = tuple(found[prepared] for prepared in self._left)
        for prepared in gone:
            prepared.unload()
            self._left.remove(prepared)
        self._snapshots += 1
        return captured

    def _take_group(self, group: Sequence[Prepared]) -> dict[Prepared, SeyError]:
        """Run the probes of some processes, all at once loaded; what went wrong with which."""
        failed: dict[Prepared, SeyError] = {}
        try:
            for prepared in group:
                with _noting(failed, prepared):
                    prepared.get_ready()
            ready = [prepared for prepared in group if prepared not in failed]
            if self._at_once(ready):
                _run_at_once(ready, failed)
            else:
                for prepared in ready:
                    with _noting(failed, prepared):
                        prepared.pause()
                        prepared.run()
        finally:
            _let_all_go(group)
        return failed

    def _at_once(self, ready: Sequence[Prepared]) -> bool:
        """Whether all can wait for each other without standing still for long."""
        cost_ns = sum(_PROCESS_NS + _GOROUTINE_NS * prepared.goroutines for prepared in ready)
        return len(ready) > 1 and cost_ns * _SHARE <= self._limits.max_pause_ns

    def _without_data(self, prepared: Prepared, error: SeyError) -> ProcessCapture:
        process = prepared.process
        facts = ProcessFacts(process.pid, executable(process), problem=str(error), snapshot=self._snapshots)
        return ProcessCapture(facts, None, None)


def _run_at_once(ready: Sequence[Prepared], failed: dict[Prepared, SeyError]) -> None:
    """Pause all, then capture each and let it go: the last one first, as contexts end from the inside."""
    for prepared in ready:
        with _noting(failed, prepared):
            prepared.pause()
    for prepared in reversed(ready):
        if prepared not in failed:
            with _noting(failed, prepared):
                prepared.run()
        prepared.let_go()


def _let_all_go(group: Sequence[Prepared]) -> None:
    for prepared in reversed(group):
        prepared.let_go()


@contextlib.contextmanager
def _noting(failed: dict[Prepared, SeyError], prepared: Prepared) -> Iterator[None]:
    """Note what goes wrong with a process, and go on with the others."""
    try:
        yield
    except SeyError as error:
        failed[prepared] = error
