"""What probes may cost: counters that tests make up, and a program whose probes cost too much."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pytest

from sey.ir.artifacts import PROBE_COUNTERS
from sey.ir.plan import Plan, PlanEvent, PlanProbe
from sey.runtime.events import traps
from sey.runtime.events.breaker import CALM_NS, MOST_THINNING, Breaker, Change
from sey.runtime.events.session import Session
from sey.runtime.pages import U64Array
from sey.runtime.process import Process
from tests.events.objects import event_plan
from tests.events.support import bare, frame_begin
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

MS = 1_000_000
LOOK = 20 * MS
TRAP, LEFT_OUT = 1000, 150


class Made:
    """A session whose probes are hit as a test says: `rates` by function, calls a second, each taking `ns` where it is
    kept and `LEFT_OUT` where it isn't."""

    def __init__(self, functions: Sequence[str], ns: int = 2000, sample: int = 0, events: int = 1) -> None:
        per = len(functions) // events
        self.plan: Plan = event_plan(
            tuple(PlanEvent(n, f"e{n}", f"event_{n}", "entry", "", (), (), sample=sample) for n in range(events)),
            tuple(PlanProbe(n, n // per, "entry", name, 0, True) for n, name in enumerate(functions)),
        )
        self.rates, self.ns = dict.fromkeys(functions, 0.0), ns
        self.samples, self.dropped, self.now = [max(sample, 1)] * events, set[str](), 0
        self._counts = np.zeros((len(functions), len(PROBE_COUNTERS)), dtype=np.float64)

    def probe_counts(self) -> U64Array:
        """The counters."""
        return self._counts.astype(np.uint64)

    def sample(self, event: PlanEvent, one_in: int) -> None:
        """Thin an event."""
        self.samples[event.index] = one_in

    def drop(self, event: PlanEvent, functions: Collection[str]) -> None:
        """Detach functions."""
        assert event in self.plan.events
        self.dropped |= set(functions)

    def run(self, breaker: Breaker, ns: int) -> list[tuple[int, Change]]:
        """Let time pass, with looks; what the breaker did, and when."""
        done = []
        for _ in range(ns // LOOK):
            self.now += LOOK
            for probe in self.plan.probes:
                hits = 0 if probe.function in self.dropped else self.rates[probe.function] * LOOK / 1e9
                kept = hits / self.samples[probe.event]
                self._counts[probe.number, :2] += hits, kept * self.ns + (hits - kept) * LEFT_OUT
            done += [(self.now, change) for change in breaker.look(self.now)]
        return done

    def share(self, breaker: Breaker) -> float:
        """What the probes take of a processor, over ten seconds from now on."""
        breaker.share(self.now)
        self.run(breaker, 10_000 * MS)
        return breaker.share(self.now)


def test_what_is_allowed_is_left_alone() -> None:
    made = Made(["a", "b"])
    breaker = Breaker(made, 0.02, 0)
    made.rates = {"a": 5000, "b": 1500}  # 3 µs a call: 1.95 %
    assert made.run(breaker, 60_000 * MS) == []
    assert made.share(breaker) == pytest.approx(0.0195, rel=0.01)


def test_a_burst_that_the_time_before_makes_up_for_is_left_alone() -> None:
    made = Made(["a"])
    breaker = Breaker(made, 0.02, 0)
    for _ in range(20):
        made.rates["a"] = 0
        assert made.run(breaker, 960 * MS) == []
        made.rates["a"] = 150_000  # 45 % for 40 ms: 1.8 % of the second
        assert made.run(breaker, 40 * MS) == []


def test_a_storm_is_ended_within_two_looks() -> None:
    made = Made(["a"])
    breaker = Breaker(made, 0.02, 0)
    made.run(breaker, 5000 * MS)
    made.rates["a"] = 600_000
    ((when, change),) = made.run(breaker, 5000 * MS)
    assert when <= 5000 * MS + 2 * LOOK
    assert (change.functions, change.whole) == (("a",), True)
    assert change.share > 1
    assert made.share(breaker) == 0


def test_an_event_is_thinned_no_more_than_it_takes() -> None:
    made = Made(["a"], ns=8000)
    breaker = Breaker(made, 0.02, 0)
    made.rates["a"] = 4000  # traps 0.4 %, the program 3.2 %
    ((_, change),) = made.run(breaker, 60_000 * MS)
    assert (change.sample, change.less, change.functions) == (4, True, ())
    assert 0.01 < made.share(breaker) <= 0.02


def test_of_several_events_that_which_costs_most_is_thinned() -> None:
    made = Made(["a", "b"], ns=8000, events=2)
    breaker = Breaker(made, 0.02, 0)
    made.rates = {"a": 300, "b": 4000}
    made.run(breaker, 10_000 * MS)
    assert made.samples == [1, 4]


def test_what_an_event_keeps_by_itself_is_where_thinning_begins() -> None:
    made = Made(["a"], ns=40_000, sample=10)
    breaker = Breaker(made, 0.02, 0)
    made.rates["a"] = 8000
    ((_, change),) = made.run(breaker, 60_000 * MS)
    assert change.sample == 40


def test_of_many_functions_the_hot_ones_alone_are_detached() -> None:
    made = Made(["cold", "hot", "warm", "hotter"])
    breaker = Breaker(made, 0.02, 0)
    made.rates = {"cold": 100, "hot": 50_000, "warm": 2000, "hotter": 90_000}
    ((_, change),) = made.run(breaker, 60_000 * MS)
    assert (change.functions, change.whole) == (("hotter", "hot"), False)
    assert made.samples == [1]
    assert made.share(breaker) == pytest.approx(0.0063, rel=0.01)


def test_the_others_stay_within_what_is_allowed_when_many_are_a_little_too_hot() -> None:
    names = [f"f{n}" for n in range(100)]
    made = Made(names)
    breaker = Breaker(made, 0.02, 0)
    made.rates = dict.fromkeys(names, 1000.0)
    made.run(breaker, 10_000 * MS)
    assert 0.01 < made.share(breaker) <= 0.02
    assert len(made.dropped) < 90


def test_what_thinning_as_far_as_it_goes_does_not_help_is_detached() -> None:
    made = Made(["a"], ns=MOST_THINNING * 100_000)
    breaker = Breaker(made, 0.02, 0)
    made.rates["a"] = 1000
    made.run(breaker, 60_000 * MS)
    assert made.dropped == {"a"}


def test_after_a_storm_all_is_kept_again_and_a_storm_that_comes_back_is_believed_more() -> None:
    made = Made(["a"], ns=8000)
    breaker = Breaker(made, 0.02, 0)
    waits = []
    for _ in range(3):
        made.rates["a"] = 4000
        made.run(breaker, 5000 * MS)
        assert made.samples == [4]
        made.rates["a"], stopped = 500, made.now
        changes = made.run(breaker, 60_000 * MS)
        assert made.samples == [1]
        assert not any(change.less for _, change in changes)
        waits.append(changes[-1][0] - stopped)
    assert waits[0] <= 2 * CALM_NS
    assert waits[1] > waits[0]
    assert waits[2] > waits[1]


def test_a_load_that_goes_on_does_not_make_it_go_to_and_fro() -> None:
    made = Made(["a"], ns=8000)
    breaker = Breaker(made, 0.02, 0)
    made.rates["a"] = 4000
    assert len(made.run(breaker, 600_000 * MS)) == 1


def test_what_a_trap_costs_is_measured_here() -> None:
    require_bpf()
    found = traps.measure()
    assert found is None or (found.measured and 100 < found.emulated < found.stepped)


def test_in_a_program_the_hot_function_is_detached_and_the_other_goes_on() -> None:
    require_bpf()
    path = build("traced")
    event = PlanEvent(0, "e0", "event_0", "entry", "main.*", (), ())
    names = ("main.deeper", "main.main", "main.answer")
    probes = tuple(PlanProbe(n, 0, "entry", name, frame_begin(path, name), True) for n, name in enumerate(names))
    probe = bare(path, event_plan((event,), probes))
    with run_target(path) as target, Session(Process.look(target.pid), probe) as session:
        session.attach()
        breaker = Breaker(session, 0.02, 0)
        target.ask("call 100000")
        (change,) = breaker.look(LOOK)
        assert (change.functions, change.whole) == (("main.deeper",), False)
        before = session.probe_counts()
        target.ask("call 1000")
        after = session.probe_counts()
        assert (after - before)[:, 0].tolist() == [0, 0, 1]
        assert session.attached.probes == {0: 2}
