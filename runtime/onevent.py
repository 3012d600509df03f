"""A snapshot at the moment of an event: the thread that hit the probe is held there until all threads stop.

    with Session(process, probe, hold=Hold(event, HOLD_NS)) as session:
        session.attach()
        taken = take_on(bundles, request, limits, session, wait)

The held thread spins in the probe, in the kernel; it stops behind the instruction that is probed, which may have
returned. So the walk is given the registers of the hit instead: nothing else of its stack has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sey.ir.artifacts import HOLD_REGISTERS, HoldState
from sey.runtime.bundle import Bundle
from sey.runtime.capture import ProcessCapture
from sey.runtime.events.kernel import own_pid_namespace
from sey.runtime.events.session import Session
from sey.runtime.pause import RSP, Pauser
from sey.runtime.prepared import Limits, Prepared, Request
from sey.runtime.wording import duration

HOLD_NS = 100_000_000
"""How long a thread is held at most until the others are told to stop: with one processor it has this for itself."""
_NEAR = 1 << 12
"""How far apart the stack pointers of a thread may be before and after one instruction."""


@dataclass(frozen=True)
class Taken:
    """The snapshot, and the events of the session until then: the one, which `EventLog.parse` takes."""

    process: ProcessCapture
    events: bytes


def take_on(
    bundles: Sequence[Bundle],
    request: Request,
    limits: Limits,
    session: Session,
    wait: Callable[[Pauser], object],
) -> Taken:
    """Wait for the event of an attached session, and take a snapshot. Raises SeyError, also what `wait` raises.

    `wait` comes back when the Pauser has answered.
    """
    with Prepared(bundles, request, limits) as prepared:
        prepared.get_ready(session.gate())
        prepared.pause(wait)
        held = session.held()
        note = _put_back(prepared.threads, held)
        prepared.run()
        session.detach()
        capture = prepared.result(0, prepared.paused_at_ns)
    facts, held_ns = capture.facts, max(held["ended"] - held["time"], 0)
    facts = replace(facts, notes=(*facts.notes, *note), held_ns=held_ns)
    return Taken(replace(capture, facts=facts), session.drain())


def _put_back(threads: npt.NDArray[np.void], held: Mapping[str, int]) -> tuple[str, ...]:
    """Give the thread that was held the registers of the hit; a note where it is seen at a later moment.

    `held`: words of HOLD_WORDS.
    """
    if held["state"] == HoldState.EXPIRED:
        late = duration(held["ended"] - held["time"])
        return (f"the thread of the event ran on after {late}, before all threads were told to stop",)
    found = _thread_of(threads, held)
    if found is None:
        return ("the thread of the event is not among those that stopped",)
    threads["pc"][found] = held["pc"]
    threads["gpr"][found] = [held[f"register{number}"] for number in range(HOLD_REGISTERS)]
    return ()


def _thread_of(threads: npt.NDArray[np.void], held: Mapping[str, int]) -> int | None:
    """The number of the thread that was held: by its id, or where the kernel counts others than we, by its stack."""
    if own_pid_namespace():
        found = np.flatnonzero(threads["tid"] == held["tid"])
        return int(found[0]) if len(found) else None
    apart = np.abs(threads["gpr"][:, RSP].astype(np.int64) - np.int64(held[f"register{RSP}"]))
    nearest = int(apart.argmin()) if len(apart) else 0
    return nearest if len(apart) and apart[nearest] <= _NEAR else None
