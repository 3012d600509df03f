"""Everything that a report says, from the tables of a capture."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from sey.runtime.report.base import CROWD, Source, crowd_of, place_of
from sey.runtime.report.locking import locking
from sey.runtime.report.missing import missing
from sey.runtime.report.model import Channels, Crowd, LateContext, Leak, Process, Report, State, Traced

_CROWDS_A_STATE = 5
_MOST_ADDRESSES = 20
_FEWEST_LEAKED = 20
_LEAKED_SHARE = 0.05
_MANY_LEAKED = 100
_LONG_IO_NS = 10 * 60 * 10**9

_PROCESSES = """
select p.pid, p.executable, p.go_version, strftime(p.captured_at, '%Y-%m-%dT%H:%M:%S.%fZ'), p.pause_ns, p.engine,
    p.core,
    count(c.goid) filter (not c.system), count(c.goid) filter (c.system), p.problem, p.trace_ns
from last_processes p left join crew c using (pid) group by all order by p.pid
"""
_EVENTS = """
select pid, event, coalesce(emitted, 0), coalesce(lost, 0) + coalesce(no_slot, 0) + coalesce(rows_dropped, 0)
from last_events order by pid, event
"""
_STATES = """
select pid, status, wait_reason, count(*) as n, max(wait_ns) as longest, arg_max(goid, wait_ns), null as crowds
from crew where not system group by all order by pid, n desc, status, wait_reason
"""
_STATE_CROWDS = f"""
with crowds as (
    select pid, status, wait_reason, place, {CROWD} from crew c where not system group by all
)
select pid, status, wait_reason, place, null, n, longest, goids from crowds
qualify row_number() over (partition by pid, status, wait_reason order by n desc, place) <= {_CROWDS_A_STATE}
order by n desc, place
"""
# What is waited for at the same places by the same operations is one entry, however many channels it is.
_CHANNEL_ENDS = """
create or replace temp table ends as
with one as (
    select w.pid, w.address, w.operation, c.place_key, count(*) as n
    from last_goroutine_waits w join crew c using (pid, goid)
    where w.kind = 'channel' and not c.system group by all
), whole as (
    select pid, address, bit_xor(hash(operation, place_key)) as signature, sum(n)::bigint as waiters
    from one group by all
)
select w.pid, w.address, w.waiters, c.elem_type, c.len, c.cap, c.closed,
    hash(w.pid, w.signature, c.elem_type, c.cap, c.closed) as family
from whole w left join last_waited_channels c using (pid, address)
"""
_FAMILIES = f"""
select family, pid, count(*) as channels, elem_type, sum(waiters)::bigint as waiters, coalesce(min(len), 0),
    coalesce(max(len), 0), coalesce(cap, 0), coalesce(closed, false), list_sort(min(address, {_MOST_ADDRESSES}))
from ends group by all order by pid, waiters desc, channels desc, min(address)
"""
_FAMILY_CROWDS = f"""
select e.family, c.place, w.operation, {CROWD}
from ends e join last_goroutine_waits w using (pid, address) join crew c on c.pid = w.pid and c.goid = w.goid
where not c.system group by all order by n desc, c.place, w.operation
"""
_LEAKS = f"""
with total as (select pid, count(*) as n from crew where not system group by pid),
groups as (
    select pid, created_by, wait_reason, place, null, {CROWD}, min(c.wait_ns) as least from crew c
    where not system and status = 'waiting' group by all
)
select g.pid, g.created_by, g.wait_reason, g.n / t.n, g.place, null, g.n, g.longest, g.goids
from groups g join total t using (pid)
where g.n >= {_FEWEST_LEAKED} and (g.n >= {_LEAKED_SHARE} * t.n or g.n >= {_MANY_LEAKED})
    and not regexp_matches(coalesce(g.wait_reason, ''), '^sync\\.(RW)?Mutex')
    and (g.wait_reason is distinct from 'IO wait' or g.least >= {_LONG_IO_NS})
order by g.pid, g.n desc, g.created_by, g.place
"""
_CONTEXTS = """
with found as (
    select pid, goid, source, name, context->>'$.deadline' as deadline, context->>'$.cancelled' as cancelled
    from (
        -- Any text may look like one, and be cut.
        select pid, goid, source, name, try_cast(value as json) as context from last_captures
        where goid is not null and value like '{"type":%"deadline":"%'
    )
)
select f.pid, f.goid, f.source, f.name, f.deadline,
    -- Nanoseconds end in 2262, deadlines needn't.
    (epoch_us(p.captured_at) - epoch_us(try_cast(f.deadline as timestamp)))::hugeint * 1000 as overdue,
    f.cancelled = 'true', c.place
from found f join last_processes p using (pid) join crew c on c.pid = f.pid and c.goid = f.goid
where overdue > 0 order by overdue desc, f.pid, f.goid
"""


def gather(source: Source) -> Report:
    """The report of a capture."""
    locks = locking(source)
    return Report(
        processes=tuple(Process(*row) for row in source.rows(_PROCESSES)),
        states=_states(source),
        deadlocks=locks.deadlocks,
        chains=locks.chains,
        locks=locks.locks,
        channels=_channels(source),
        leaks=tuple(
            Leak(pid, crowd[2], share, created_by, crowd_of(*crowd), reason)
            for pid, created_by, reason, share, *crowd in source.rows(_LEAKS)
        ),
        contexts=tuple(replace(LateContext(*row), now=place_of(row[-1])) for row in source.rows(_CONTEXTS)),
        missing=missing(source),
        events=tuple(Traced(*row) for row in source.rows(_EVENTS)) if source.has_events else (),
    )


def _states(source: Source) -> tuple[State, ...]:
    crowds: dict[tuple[int, str, str | None], list[Crowd]] = defaultdict(list)
    for pid, status, reason, *crowd in source.rows(_STATE_CROWDS):
        crowds[pid, status, reason].append(crowd_of(*crowd))
    return tuple(replace(State(*row), crowds=tuple(crowds[row[0], row[1], row[2]])) for row in source.rows(_STATES))


def _channels(source: Source) -> tuple[Channels, ...]:
    source.execute(_CHANNEL_ENDS)
    crowds: dict[int, list[Crowd]] = defaultdict(list)
    for family, *crowd in source.rows(_FAMILY_CROWDS):
        crowds[family].append(crowd_of(*crowd))
    found = []
    for family, pid, channels, elem, waiters, shortest, longest, cap, closed, addresses in source.rows(_FAMILIES):
        senders = tuple(crowd for crowd in crowds[family] if crowd.operation == "send")
        receivers = tuple(crowd for crowd in crowds[family] if crowd.operation != "send")
        found.append(
            Channels(pid, channels, elem, waiters, shortest, longest, cap, closed, receivers, senders, tuple(addresses))
        )
    return tuple(found)
