"""Keeps the probes of a process from costing more of a processor than the user allows.

What a hit costs is the time in our program, which that measures itself, and the trap around it, which only the kernel
could: for that there are constants, measured on Linux 6.18.
"""

from __future__ import annotations

from dataclasses import dataclass

from sey.ir.artifacts import PROBE_COUNTERS
from sey.ir.plan import PlanEvent
from sey.runtime.events.session import Session

CHEAP_TRAP_NS, STEPPED_TRAP_NS = 1_000, 14_000
"""A trap at an instruction that the kernel emulates, and at one that it runs by itself in another place."""
_MOST_THINNING = 1024
_HITS, _NS = PROBE_COUNTERS.index("hits"), PROBE_COUNTERS.index("ns")


@dataclass(frozen=True)
class Cost:
    """Nanoseconds of processor time that an event's probes took: by their traps, and in the program."""

    traps: float = 0.0
    program: float = 0.0

    @property
    def all(self) -> float:
        """Both."""
        return self.traps + self.program


@dataclass(frozen=True)
class Tripped:
    """An event that cost too much: thinned to 1 in `sample`, or detached where that is 0. `share` of a processor."""

    event: PlanEvent
    sample: int
    share: float


class Breaker:
    """Watches one session. `most` is the share of a processor (0.02) that all its probes together may take."""

    def __init__(self, session: Session, most: float, now_ns: int) -> None:
        self._session, self._most, self._then = session, most, now_ns
        self._before = self.costs()
        self._samples = {event.index: max(event.sample, 1) for event in session.plan.events}
        self._gone: set[int] = set()
        self.share = 0.0
        """What they took between the last two looks."""
        self.tripped: list[Tripped] = []

    def costs(self) -> dict[int, Cost]:
        """What each event's probes took since the start."""
        found = {event.index: Cost() for event in self._session.plan.events}
        counts = self._session.probe_counts()
        for probe in self._session.plan.probes:
            hits, spent = int(counts[probe.number, _HITS]), int(counts[probe.number, _NS])
            trap = CHEAP_TRAP_NS if probe.cheap else STEPPED_TRAP_NS
            so_far = found[probe.event]
            found[probe.event] = Cost(so_far.traps + hits * trap, so_far.program + spent)
        return found

    def check(self, now_ns: int) -> Tripped | None:
        """Look again; where it was too much since the last time, do something about the worst event and tell it."""
        costs, passed = self.costs(), max(now_ns - self._then, 1)
        shares = {
            index: Cost(
                (cost.traps - self._before[index].traps) / passed, (cost.program - self._before[index].program) / passed
            )
            for index, cost in costs.items()
        }
        self._before, self._then = costs, now_ns
        self.share = sum(share.all for share in shares.values())
        if self.share <= self._most:
            return None
        left = [event for event in self._session.plan.events if event.index not in self._gone]
        if not left:
            return None
        worst = max(left, key=lambda event: shares[event.index].all)
        tripped = Tripped(worst, self._relieve(worst, shares[worst.index]), self.share)
        self.tripped.append(tripped)
        return tripped

    def _relieve(self, event: PlanEvent, share: Cost) -> int:
        """Thin an event, or detach it where its traps alone are too much; what it is thinned to, 0 where detached."""
        sample = self._samples[event.index] * 2
        if share.traps > self._most or sample > _MOST_THINNING:
            self._session.detach(event)
            self._gone.add(event.index)
            return 0
        self._samples[event.index] = sample
        self._session.sample(event, sample)
        return sample
