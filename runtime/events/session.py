"""The events of one process: its probes attached, what they stream and count, until they are detached.

    with Session(process, probe) as session:
        session.attach()
        while ...:
            blob = session.drain()
        session.detach()
        blob = session.drain()     # what came until then

Whatever ends our process takes the probes out: there is nothing but file descriptors of ours.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType

from sey.binary.errors import SeyError
from sey.binary.gobinary import GoBinary
from sey.ir.artifacts import PROBE_COUNTERS
from sey.ir.plan import EVENT_COUNTERS, PlanEvent
from sey.runtime.assemble import require_build
from sey.runtime.bundle import BinaryProbe
from sey.runtime.events.attach import Attached, Attacher, Place
from sey.runtime.events.errors import NoEvents, NotAttached
from sey.runtime.events.kernel import own_pid_namespace, require_events, several_at_once
from sey.runtime.events.probe import LoadedEvents
from sey.runtime.host_errors import OtherArchitecture, ProcessExited
from sey.runtime.pages import U64Array
from sey.runtime.pause import Gate
from sey.runtime.plausible import check_layout
from sey.runtime.process import Image, Process

RING_BYTES = 16 << 20
"""Room for a third of a second of 200 000 events of 250 bytes a second."""


@dataclass(frozen=True)
class Started:
    """The moment at which the probes were in place: Unix time, and CLOCK_MONOTONIC."""

    unix_ns: int
    monotonic_ns: int


@dataclass(frozen=True)
class Hold:
    """That the first row of event `event` is to hold its thread, for `limit_ns` at most, and is the only one."""

    event: PlanEvent
    limit_ns: int


class Session:
    """One process and its event program; a context that detaches and frees all of it. Methods raise SeyError.

    With a `hold` only the probes of its event are attached.
    """

    def __init__(
        self, process: Process, probe: BinaryProbe, *, ring_bytes: int = RING_BYTES, hold: Hold | None = None
    ) -> None:
        if probe.events is None or not probe.events.plan.events:
            raise SeyError(NoEvents())
        self.hold = hold
        self.process, self.probe, self.plan = process, probe, probe.events.plan
        self._program, self.ring_bytes = probe.events.program, ring_bytes
        self._loaded: LoadedEvents | None = None
        self.attached = Attached()
        self._dropped: dict[int, set[str]] = {}
        self.bias = 0
        self.ended_ns = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.attached.close()
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def attach(self) -> None:
        """Load the program and attach every probe.

        Raises SeyError: events aren't possible or permitted here, no probe at all could be attached, not that build,
        the process is gone or becomes another program.
        """
        require_events()
        self.binary = self._look()
        multi = several_at_once()
        plan = self.plan
        self._loaded = loaded = LoadedEvents(self._program, plan, self.ring_bytes, multi=multi)
        leader = self.process.leader_lives()
        if not leader and not own_pid_namespace():
            raise SeyError(NotAttached(self.process.pid, ("its first thread ended, and sey is in a pid namespace",)))
        loaded.start(self.bias, self.process.pid if own_pid_namespace() else 0)
        if self.hold is not None:
            loaded.shut(self.hold.limit_ns)
        # The kernel asks the first thread what program the process runs; where that ended, our program tells processes
        # apart.
        place = Place(self.process.exe_path, self.process.pid if leader else 0)
        self._attacher = Attacher(loaded.object, self._program.program, self.binary.elf, place, multi=multi)
        self.attached = self._attacher.attached
        events = plan.events if self.hold is None else (self.hold.event,)
        for event in events:
            self._attach(event)
        self.started = Started(time.time_ns(), time.monotonic_ns())
        for event in events:
            if event.for_ns:
                loaded.set(event.index, until=self.started.monotonic_ns + event.for_ns)
        self._require_same()
        if not any(self.attached.probes.values()):
            raise SeyError(NotAttached(self.process.pid, self._reasons()))

    def drain(self) -> bytes:
        """The events that are there, as `EventLog.from_parts` takes them."""
        return self._live.ring.drain()

    def runs(self) -> bool:
        """Whether the process still runs the program that was asked for."""
        return self._image_now() == self.image

    def detach(self, event: PlanEvent | None = None) -> None:
        """Take out the probes of an event, or all. What they streamed before is still there to be drained."""
        if event is None:
            self.attached.close()
            self.ended_ns = self.ended_ns or time.monotonic_ns()
        else:
            self.attached.detach(event.index)

    def drop(self, event: PlanEvent, functions: Collection[str]) -> None:
        """Take out the probes of an event in some functions. The others are out as well for a moment.

        Raises SeyError where they can't be put in again.
        """
        self.attached.detach(event.index)
        dropped = self._dropped.setdefault(event.index, set())
        dropped.update(functions)
        # Calls that were kept may return meanwhile, unseen: what was kept of them isn't to be found by others.
        self._live.set(event.index, era=len(dropped))
        self._attach(event)

    def sample(self, event: PlanEvent, one_in: int) -> None:
        """Keep only one of so many from now on."""
        self._live.set(event.index, sample=one_in)

    def counters(self) -> dict[str, dict[str, int]]:
        """By event what the program and its probes counted (EVENT_COUNTERS, PROBE_COUNTERS)."""
        counts = self._live.counts()
        found = {}
        for event in self.plan.events:
            own = [probe.number for probe in self.plan.probes if probe.event == event.index]
            sums = counts.probes[own].sum(axis=0).tolist()
            words = zip(EVENT_COUNTERS, counts.events[event.index].tolist(), strict=True)
            probes = zip(PROBE_COUNTERS, sums, strict=True)
            found[event.table] = {**{name: int(count) for name, count in probes}, **dict(words)}
        return found

    def probe_counts(self) -> U64Array:
        """What each probe counted so far, by its number: PROBE_COUNTERS."""
        return self._live.counts().probes

    def gate(self) -> Gate:
        """What waits for the thread that will be held."""
        return self._live.gate()

    def held(self) -> dict[str, int]:
        """The words of HOLD_WORDS, by name."""
        return self._live.held()

    def type_words(self) -> dict[int, int]:
        """The first words of interfaces met so far, as `ProcessFacts.type_words` has them."""
        return dict(self._live.words("typewords")) if "typewords" in self._program.dicts else {}

    def _attach(self, event: PlanEvent) -> None:
        """Attach an event's probes, but for those in functions that it was dropped from. Raises SeyError."""
        dropped = self._dropped.get(event.index, set())
        own = [p for p in self.plan.probes if p.event == event.index and p.function not in dropped]
        # Entries first: a return whose entry nobody saw has lost what was to be kept of the call.
        self._attacher.attach(event.index, sorted(own, key=lambda probe: probe.phase != "entry"))

    @property
    def _live(self) -> LoadedEvents:
        assert self._loaded is not None
        return self._loaded

    def _look(self) -> GoBinary:
        """The process's own executable, when it is the build that the probe was made for."""
        machine = self.process.machine()
        if machine != "amd64":
            raise SeyError(OtherArchitecture(self.process.pid, machine, "amd64"))
        binary = self.process.open_go()
        require_build(self.probe, binary, f"process {self.process.pid}")
        self.image = self.process.image()
        self.bias = self.process.load_bias(binary.elf.entry)
        if self.plan.layout is not None:
            check_layout(self.process, binary, self.bias)
        return binary

    def _require_same(self) -> None:
        if not self.runs():
            raise SeyError(ProcessExited(self.process.pid))

    def _image_now(self) -> Image | None:
        try:
            return self.process.image()
        except SeyError:
            return None

    def _reasons(self) -> tuple[str, ...]:
        events = {event.index: event.table for event in self.plan.events}
        refused = [f"{probe.function}: the kernel refuses a probe there: {why}" for probe, why in self.attached.refused]
        left_out = [f"{each.function} (event {events[each.event]}): {each.reason}" for each in self.plan.unprobed]
        return tuple((*refused, *left_out)[:12])
