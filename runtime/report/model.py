"""What a report says. Times are nanoseconds; every part is ordered by how much it matters."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

REPORT_VERSION = 1


@dataclass(frozen=True)
class Place:
    """Where goroutines are: the innermost function of their stacks that isn't of the standard library."""

    function: str
    file: str | None
    line: int | None


@dataclass(frozen=True)
class Crowd:
    """Goroutines that do the same at one place. `goids` are the first of them."""

    place: Place
    operation: str | None
    goroutines: int
    longest_wait_ns: int | None
    goids: tuple[int, ...]


@dataclass(frozen=True)
class State:
    """Goroutines of one state; `crowds` are the commonest places."""

    pid: int
    status: str
    wait_reason: str | None
    goroutines: int
    longest_wait_ns: int | None
    longest_goid: int | None
    crowds: tuple[Crowd, ...]


@dataclass(frozen=True)
class Holder:
    """A goroutine that probably holds a lock; `held_in` is the frame that says so, `doing` what it does now."""

    goid: int
    held_in: Place
    locked_at_line: int
    evidence: str
    doing: str
    now: Place


@dataclass(frozen=True)
class Lock:
    """A lock that goroutines wait for. `stopped` counts those too that wait for what these hold."""

    pid: int
    address: int
    kind: str
    waiters: int
    stopped: int
    locked: bool | None
    readers: int | None
    counter: int | None
    longest_wait_ns: int | None
    waiting: tuple[Crowd, ...]
    holders: tuple[Holder, ...]


@dataclass(frozen=True)
class Step:
    """A goroutine of a chain and the lock that it waits for; the last one of a chain waits for none."""

    goid: int
    now: Place
    doing: str
    lock: int | None
    kind: str | None


@dataclass(frozen=True)
class Chain:
    """Goroutines of which each waits for a lock that the next one probably holds. `stopped` counts all behind."""

    pid: int
    stopped: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Deadlock:
    """Goroutines that wait for each other in a circle."""

    pid: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Channels:
    """Channels of one type that are waited for at the same places. `addresses` are the first of them."""

    pid: int
    channels: int
    elem_type: str | None
    waiters: int
    shortest_len: int
    longest_len: int
    cap: int
    closed: bool
    receivers: tuple[Crowd, ...]
    senders: tuple[Crowd, ...]
    addresses: tuple[int, ...]


@dataclass(frozen=True)
class Leak:
    """Many goroutines that one function created, waiting at one place for the same kind of thing."""

    pid: int
    goroutines: int
    share: float
    created_by: str | None
    crowd: Crowd
    wait_reason: str | None


@dataclass(frozen=True)
class LateContext:
    """A captured context whose deadline had passed."""

    pid: int
    goid: int
    source: str
    name: str
    deadline: str
    overdue_ns: int
    cancelled: bool | None
    now: Place


@dataclass(frozen=True)
class Missing:
    """What is not in the capture, and why."""

    pid: int
    what: str
    count: int | None
    why: str


@dataclass(frozen=True)
class Traced:
    """An event of a trace: how many rows it has, and how many more there would be had there been room for them."""

    pid: int
    event: str
    rows: int
    lost: int


@dataclass(frozen=True)
class Process:
    """A captured process. `trace_ns` is how long it was traced, None for one that was paused."""

    pid: int
    executable: str
    go_version: str | None
    captured_at: str | None
    pause_ns: int | None
    engine: str | None
    core: str | None
    goroutines: int
    system_goroutines: int
    problem: str | None
    trace_ns: int | None


@dataclass(frozen=True)
class Report:
    """Everything that a report says."""

    processes: tuple[Process, ...]
    states: tuple[State, ...]
    deadlocks: tuple[Deadlock, ...]
    chains: tuple[Chain, ...]
    locks: tuple[Lock, ...]
    channels: tuple[Channels, ...]
    leaks: tuple[Leak, ...]
    contexts: tuple[LateContext, ...]
    missing: tuple[Missing, ...]
    events: tuple[Traced, ...] = ()

    def as_object(self) -> dict[str, Any]:
        """For JSON (spec/report.md)."""
        return {"version": REPORT_VERSION, **asdict(self)}
