"""Keeps the probes of a process from costing more of a processor than the user allows.

They may take their share of every second, and save up as much as a second's worth: so a burst does no harm, and a storm
of hits is noticed as soon as it used that up. Then, by what each probe took since:

- What no thinning helps against (the traps, and the program's way to where it leaves out a call) is brought down by
  detaching the functions that cost most, one by one, and no more than it takes.
- The rest by keeping one of 2, 4, 8, … of the events that cost most.

Where it was calm for long enough, and would be with more of them kept, events are thinned less again; each time that
this proves wrong the breaker waits twice as long. What is detached stays so: nothing tells how often it would be hit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sey.ir.artifacts import PROBE_COUNTERS
from sey.ir.plan import Plan, PlanEvent
from sey.runtime.events.relief import Load, recovery, relief
from sey.runtime.events.traps import USUAL, TrapCost
from sey.runtime.pages import F64Array, U64Array

MOST_THINNING = 1024
"""Beyond what the event's own `sample` says."""
SAVED_NS = 1_000_000_000
"""How long probes may have taken nothing, to take so much more later."""
CALM_NS, LONGEST_CALM_NS = 5_000_000_000, 600_000_000_000
"""How long it must have been calm before an event is thinned less, at first and at last."""
_LEFT_OUT_NS = 150
"""What the program takes of a call that it leaves out: claiming a slot, two looks at the clock, counting."""
_ROOM, _CALM = 0.9, 0.5
"""Parts of what is allowed: where a storm is brought down to, and what may be expected before more is kept."""
_HITS, _NS = PROBE_COUNTERS.index("hits"), PROBE_COUNTERS.index("ns")


class Watched(Protocol):
    """What the breaker needs of a session."""

    @property
    def plan(self) -> Plan:
        """Its events and probes."""
        ...

    def probe_counts(self) -> U64Array:
        """What each probe counted so far, by its number: PROBE_COUNTERS."""
        ...

    def sample(self, event: PlanEvent, one_in: int) -> None:
        """Keep only one of so many from now on."""
        ...

    def drop(self, event: PlanEvent, functions: Collection[str]) -> None:
        """Take out the probes of an event in these functions."""
        ...


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
class Change:
    """What became of an event whose process's probes took `share` of a processor.

    `functions` were detached, `whole` if no other is left. Without any, one of `sample` calls is kept from now on,
    which is `less` than before, or more.
    """

    event: PlanEvent
    share: float
    sample: int = 0
    less: bool = True
    functions: tuple[str, ...] = ()
    whole: bool = False


class Breaker:
    """Watches one session. `most` is the share of a processor (0.02) that all its probes together may take; `trap` says
    what a trap costs, which may be known better later."""

    def __init__(
        self, session: Watched, most: float, now_ns: int, trap: Callable[[], TrapCost] = lambda: USUAL
    ) -> None:
        self._session, self._most, self._trap = session, most, trap
        plan = session.plan
        self._emulated = np.array([probe.cheap for probe in plan.probes], dtype=bool)
        functions = [(probe.event, probe.function) for probe in plan.probes]
        self._functions = list(dict.fromkeys(functions))
        numbers = {function: number for number, function in enumerate(self._functions)}
        self._function = np.array([numbers[function] for function in functions], dtype=np.int64)
        self._event = np.array([event for event, _ in self._functions], dtype=np.int64)
        self._left = np.bincount(self._event, minlength=len(plan.events)).tolist()
        self._least = [max(event.sample, 1) for event in plan.events]
        self._samples = list(self._least)
        self._calm_ns, self._recovered = CALM_NS, False
        self._saved = self._calm = self._told = now_ns, self._counts()
        """When there was a second's worth left for the last time, or something was done, and what was counted then;
        when it began to be calm; when the share was asked for."""
        self.changes: list[Change] = []

    @property
    def trap(self) -> TrapCost:
        """What a trap is taken to cost."""
        return self._trap()

    def costs(self) -> dict[int, Cost]:
        """What each event's probes took since the start."""
        counts = self._counts()
        traps, program = self._by_event(self._traps(counts)), self._by_event(counts[:, 1])
        return {event.index: Cost(traps[event.index], program[event.index]) for event in self._session.plan.events}

    def share(self, now_ns: int) -> float:
        """What they took of a processor since this was asked the last time, or the start."""
        (then, before), counts = self._told, self._counts()
        self._told = now_ns, counts
        return self._all(counts - before) / max(now_ns - then, 1)

    def look(self, now_ns: int) -> list[Change]:
        """Look again; where they took too much, or less for long, do something about it and tell what."""
        counts = self._counts()
        then, before = self._saved
        passed = max(now_ns - then, 1)
        spent = self._all(counts - before)
        changes: list[Change] = []
        if spent <= self._most * passed:
            self._saved = now_ns, counts
            if now_ns - self._calm[0] >= self._calm_ns:
                changes = self._recover((counts - self._calm[1]) / (now_ns - self._calm[0]))
                self._calm = now_ns, counts
        elif spent > self._most * (passed + SAVED_NS):
            self._saved = self._calm = now_ns, counts
            if self._recovered:
                self._calm_ns, self._recovered = min(2 * self._calm_ns, LONGEST_CALM_NS), False
            changes = self._relieve((counts - before) / passed, spent / passed)
        self.changes += changes
        return changes

    def _counts(self) -> F64Array:
        """Hits of each probe, and nanoseconds in the program."""
        return self._session.probe_counts()[:, [_HITS, _NS]].astype(np.float64)

    def _traps(self, counts: F64Array) -> F64Array:
        trap = self._trap()
        return np.multiply(counts[:, 0], np.where(self._emulated, trap.emulated, trap.stepped))

    def _all(self, counts: F64Array) -> float:
        return float(self._traps(counts).sum() + counts[:, 1].sum())

    def _by_event(self, of_probes: F64Array) -> list[float]:
        found: list[float] = np.bincount(self._event, self._by_function(of_probes), len(self._least)).tolist()
        return found

    def _by_function(self, of_probes: F64Array) -> F64Array:
        """The sums over the probes of each function."""
        return np.bincount(self._function, of_probes, len(self._functions)).astype(np.float64)

    def _load(self, rates: F64Array) -> Load:
        left_out = np.minimum(rates[:, 1], rates[:, 0] * _LEFT_OUT_NS)
        always, kept = self._traps(rates) + left_out, rates[:, 1] - left_out
        return Load(self._event, self._by_function(always), self._by_function(kept))

    def _relieve(self, rates: F64Array, share: float) -> list[Change]:
        most = [MOST_THINNING * least for least in self._least]
        found = relief(self._load(rates), self._samples, most, self._most * _ROOM)
        changes = []
        for index, event in enumerate(self._session.plan.events):
            functions = tuple(name for n in found.detach for of, name in [self._functions[n]] if of == index)
            if functions:
                self._session.drop(event, functions)
                self._left[index] -= len(functions)
                changes.append(Change(event, share, functions=functions, whole=not self._left[index]))
        return changes + self._keep(found.samples, share)

    def _recover(self, rates: F64Array) -> list[Change]:
        samples = recovery(self._load(rates), self._samples, self._least, self._most * _CALM)
        changes = self._keep(samples, self._all(rates))
        self._recovered = self._recovered or bool(changes)
        return changes

    def _keep(self, samples: Sequence[int], share: float) -> list[Change]:
        """Keep one of so many calls of each event; those that this changes, and that are still there."""
        changes = []
        for index, event in enumerate(self._session.plan.events):
            before, self._samples[index] = self._samples[index], samples[index]
            if samples[index] != before and self._left[index]:
                self._session.sample(event, samples[index])
                changes.append(Change(event, share, samples[index], less=samples[index] > before))
        return changes
