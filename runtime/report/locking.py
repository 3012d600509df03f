"""Locks with who waits and who probably holds them, chains of waiting, deadlocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sey.runtime.report.base import CROWD, Source, crowd_of, place_of
from sey.runtime.report.cycles import circles
from sey.runtime.report.model import Chain, Crowd, Deadlock, Holder, Lock, Step

Goroutine = tuple[int, int]
"""pid and goid."""
Address = tuple[int, int]
"""pid and address of a lock."""

_LOCKS = """
select l.pid, l.address, l.kind, l.waiters, l.locked, l.readers, l.counter, max(c.wait_ns)
from last_waited_locks l left join last_goroutine_waits w using (pid, address)
left join crew c on c.pid = w.pid and c.goid = w.goid group by all
"""
_CROWDS = f"""
select w.pid, w.address, c.place, w.operation, {CROWD}
from last_goroutine_waits w join crew c using (pid, goid) where w.kind <> 'channel'
group by all order by n desc, c.place, w.operation
"""
_HOLDERS = """
select h.pid, h.address, h.goid, h.locked_at_line, h.evidence, c.status, c.wait_reason, c.place,
    {'function': f.function, 'file': f.file, 'line': f.line}
from last_lock_holders h join crew c using (pid, goid)
left join last_frames f on f.pid = c.pid and f.stack_id = c.stack_id and f.depth = h.depth
order by h.pid, h.address, h.goid
"""
# Waits of holders alone make chains; whom else they stop is counted.
_NEXT = """
select distinct w.pid, w.goid, w.address, w.kind from last_goroutine_waits w
where w.kind in ('mutex', 'rwmutex')
    and exists (from last_lock_holders h where h.pid = w.pid and h.goid = w.goid)
order by all
"""


@dataclass(frozen=True)
class Locking:
    """What was found of locks."""

    locks: tuple[Lock, ...]
    chains: tuple[Chain, ...]
    deadlocks: tuple[Deadlock, ...]


def locking(source: Source) -> Locking:
    """Everything about locks, the most troublesome first."""
    return _Locking(source).found()


class _Locking:
    def __init__(self, source: Source) -> None:
        self.rows = source.rows(_LOCKS)
        self.waiting: dict[Address, list[Crowd]] = defaultdict(list)
        for pid, address, *crowd in source.rows(_CROWDS):
            self.waiting[pid, address].append(crowd_of(*crowd))
        self.holders: dict[Address, list[Holder]] = defaultdict(list)
        for pid, address, goid, line, evidence, status, reason, now, frame in source.rows(_HOLDERS):
            holder = Holder(goid, place_of(frame), line, evidence, reason or status, place_of(now))
            if all(other.goid != goid for other in self.holders[pid, address]):
                self.holders[pid, address].append(holder)
        self.next: dict[Goroutine, list[tuple[int, str]]] = defaultdict(list)
        for pid, goid, address, kind in source.rows(_NEXT):
            self.next[pid, goid].append((address, kind))
        self.waiters = {(pid, address): waiters for pid, address, _, waiters, *_ in self.rows}

    def found(self) -> Locking:
        locks = sorted((self._lock(*row) for row in self.rows), key=_trouble)
        chains = tuple(chain for lock in locks if (chain := self._chain(lock)) is not None)
        return Locking(tuple(locks), chains, tuple(self._deadlocks()))

    def _lock(self, pid: int, address: int, kind: str, waiters: int, *state: Any) -> Lock:
        at = (pid, address)
        crowds, holders = tuple(self.waiting.get(at, ())), tuple(self.holders.get(at, ()))
        locked, readers, counter, longest = state
        stopped = self._stopped(at)
        return Lock(pid, address, kind, waiters, stopped, locked, readers, counter, longest, crowds, holders)

    @cached_property
    def _behind(self) -> Mapping[Address, list[Address]]:
        """For each lock those whose holders wait for it."""
        behind: dict[Address, list[Address]] = defaultdict(list)
        for (pid, address), holders in self.holders.items():
            for holder in holders:
                for wanted, _ in self.next.get((pid, holder.goid), ()):
                    behind[pid, wanted].append((pid, address))
        return behind

    def _stopped(self, lock: Address) -> int:
        """How many goroutines wait for a lock, or for one that a waiter for it holds, and so on."""
        seen, todo, count = {lock}, [lock], 0
        while todo:
            at = todo.pop()
            count += self.waiters.get(at, 0)
            for other in self._behind.get(at, ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return count

    def _chain(self, lock: Lock) -> Chain | None:
        """From a lock that no holder of another one waits for, to whoever stops them all; circles are deadlocks."""
        if self._behind.get((lock.pid, lock.address)) or not lock.holders or not lock.waiting:
            return None
        first = lock.waiting[0]
        steps = [Step(first.goids[0], first.place, first.operation or "", lock.address, lock.kind)]
        seen = set[int]()
        at: int | None = lock.address
        while at is not None and at not in seen:
            seen.add(at)
            holders = self.holders.get((lock.pid, at), [])
            if not holders:
                break
            holder = holders[0]
            wanted = self.next.get((lock.pid, holder.goid), [(None, None)])[0]
            steps.append(Step(holder.goid, holder.now, holder.doing, *wanted))
            at = wanted[0]
        # A chain of one lock is what the lock itself says.
        ends = at is None
        return Chain(lock.pid, self._stopped_by(lock.pid, steps), tuple(steps)) if ends and len(steps) > 2 else None

    def _stopped_by(self, pid: int, steps: Iterable[Step]) -> int:
        return max((self._stopped((pid, step.lock)) for step in steps if step.lock is not None), default=0)

    def _deadlocks(self) -> Iterable[Deadlock]:
        edges: dict[Goroutine, list[Goroutine]] = {}
        lock_of: dict[tuple[Goroutine, Goroutine], tuple[int, str]] = {}
        for waiter, wanted in self.next.items():
            edges[waiter] = []
            for address, kind in wanted:
                for holder in self.holders.get((waiter[0], address), ()):
                    edges[waiter].append((waiter[0], holder.goid))
                    lock_of[waiter, (waiter[0], holder.goid)] = (address, kind)
        known = {(pid, holder.goid): holder for (pid, _), held in self.holders.items() for holder in held}
        for circle in circles(edges):
            steps = [
                Step(node[1], known[node].now, known[node].doing, *lock_of[node, after])
                for node, after in zip(circle, [*circle[1:], circle[0]], strict=True)
            ]
            yield Deadlock(circle[0][0], tuple(steps))


def _trouble(lock: Lock) -> tuple[int, int, int, int]:
    return (lock.pid, -lock.stopped, -(lock.longest_wait_ns or 0), lock.address)
