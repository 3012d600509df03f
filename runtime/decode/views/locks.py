"""What package sync keeps, read from the words of its structs (Go's sources: sync/*.go, internal/sync/mutex.go)."""

from __future__ import annotations

import numpy as np

from sey.ir.plan import PlanType
from sey.runtime.decode.forms import BIGINT, BOOLEAN, JSON, struct_form
from sey.runtime.decode.vectors import Vector
from sey.runtime.decode.views.parts import Types, View, counts, first_place, flags, part, place, record
from sey.runtime.pages import I64Array, U8Array

_LOCKED, _STARVING, _WAITERS_SHIFT = 1, 4, 3
"""Bits of a mutex's state; 2 is set while a waiter has been woken."""
_MAX_READERS = 1 << 30
"""Taken off an RWMutex's count of readers from when a writer wants it until it is done."""
_STATE = "state mu.state"
"""Of a mutex: since Go 1.24 sync.Mutex is around one of internal/sync."""
_INTEGERS = "int uint bool"


def mutex(kind: PlanType, types: Types) -> View | None:
    """sync.Mutex: {locked, waiters, starving}."""
    state = first_place(kind, types, _STATE, "int", 4)
    if state is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        word = state.numbers(raw)
        members = {
            "locked": flags(word & _LOCKED != 0),
            "waiters": counts((word & 0xFFFF_FFFF) >> _WAITERS_SHIFT),
            "starving": flags(word & _STARVING != 0),
        }
        return record(kind, len(vector), members)

    return View(show, struct_form([("locked", BOOLEAN), ("waiters", BIGINT), ("starving", BOOLEAN)]))


def rw_mutex(kind: PlanType, types: Types) -> View | None:
    """sync.RWMutex: {locked, readers, waiting_readers, waiting_writers}.

    A writer first locks `w`, then takes `_MAX_READERS` off the count, then waits until the readers that were there are
    gone (`readerWait`). Readers that come meanwhile are in the count, and wait.
    """
    writer = first_place(kind, types, "w.state w.mu.state", "int", 4)
    readers = first_place(kind, types, "readerCount.v readerCount", "int", 4)
    leaving = first_place(kind, types, "readerWait.v readerWait", "int", 4)
    if writer is None or readers is None or leaving is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        count, wait = readers.numbers(raw), np.maximum(leaving.numbers(raw), 0)
        wanted = count < 0
        there = np.where(wanted, count + _MAX_READERS, count)
        reading = np.where(wanted, np.minimum(wait, there), there)
        queue = (writer.numbers(raw) & 0xFFFF_FFFF) >> _WAITERS_SHIFT
        members = {
            "locked": flags(wanted & (reading == 0)),
            "readers": counts(reading),
            "waiting_readers": counts(there - reading),
            "waiting_writers": counts(queue + (wanted & (reading > 0))),
        }
        return record(kind, len(vector), members)

    integers = ("readers", "waiting_readers", "waiting_writers")
    return View(show, struct_form([("locked", BOOLEAN), *((name, BIGINT) for name in integers)]))


def wait_group(kind: PlanType, types: Types) -> View | None:
    """sync.WaitGroup: {counter, waiters}. The high half of the state counts, the low one has the waiters; its top bit
    marks groups of a synctest bubble (Go 1.25 and newer)."""
    state = place(kind, types, "state.v", "uint", 8)
    if state is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        word = state.numbers(raw)
        return record(kind, len(vector), {"counter": counts(word >> 32), "waiters": counts(word & 0x7FFF_FFFF)})

    return View(show, struct_form([("counter", BIGINT), ("waiters", BIGINT)]))


def once(kind: PlanType, types: Types) -> View | None:
    """sync.Once: {done, running}; its mutex is held while the function runs."""
    done = first_place(kind, types, "done.v done", _INTEGERS)
    state = first_place(kind, types, "m.state m.mu.state", "int", 4)
    if done is None or state is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        over = done.numbers(raw) != 0
        running = ~over & (state.numbers(raw) & _LOCKED != 0)
        return record(kind, len(vector), {"done": flags(over), "running": flags(running)})

    return View(show, struct_form([("done", BOOLEAN), ("running", BOOLEAN)]))


def cond(kind: PlanType, types: Types) -> View | None:
    """sync.Cond: {waiters, L}; those that wait have a ticket that wasn't called yet."""
    tickets = place(kind, types, "notify.wait", "uint", 4)
    called = place(kind, types, "notify.notify", "uint", 4)
    if tickets is None or called is None or place(kind, types, "L", "interface") is None:
        return None

    def show(raw: U8Array, vector: Vector) -> Vector:
        locker = part(vector, "L")
        if locker is None:
            return vector
        waiters: I64Array = (tickets.numbers(raw) - called.numbers(raw)) & 0xFFFF_FFFF
        return record(kind, len(vector), {"waiters": counts(waiters), "L": locker})

    return View(show, struct_form([("waiters", BIGINT), ("L", JSON)]))
