"""What is not in a capture, and why."""

from __future__ import annotations

from sey.runtime.report.base import Source
from sey.runtime.report.model import Missing

_PROCESSES = """
select pid, problem, goroutines_skipped, ended_by, goroutines_unreadable, rows_dropped, objects_dropped, notes
from last_processes order by pid
"""
_STACKS = """
select pid, ended, count(*), sum(goroutines)::bigint from last_stacks where ended <> 'complete' and goroutines > 0
group by all order by all
"""
_VALUES = """
select pid, source, name, status, count(*) as n from last_captures
where status not in ('ok', 'nil', 'absent') group by all order by n desc, source, name, status
"""
_HOLDERS = """
select l.pid, count(*) from last_waited_locks l
where l.kind in ('mutex', 'rwmutex') and not exists
    (from last_lock_holders h where h.pid = l.pid and h.address = l.address) group by all
"""
_WAITS = """
select g.pid, g.wait_reason, count(*) as n from last_goroutines g
where g.status = 'waiting' and not g.system
    and regexp_matches(g.wait_reason, '^(chan (receive|send)|select|sync\\.|semacquire)')
    and g.wait_reason not like '%nil chan%' and g.wait_reason not like '%no cases%'
    and not exists (from last_goroutine_waits w where w.pid = g.pid and w.goid = g.goid)
group by all order by n desc, wait_reason
"""
_SINCE = """
select pid, count(*) from crew where status = 'waiting' and not system and wait_ns is null group by all
"""
_EVENTS = """
select pid, event, lost, no_slot, rows_dropped, objects_dropped, when_missing, unmatched, not_saved
from last_events order by pid, event
"""
_EVENT_WORDS = (
    ("events", "the buffer that they are streamed through was full"),
    ("events", "too many at once"),
    ("events", "they were too large"),
    ("values behind pointers", "room or time ran out"),
    ("events", "an operand of `when` was missing"),
    ("returns", "the calls began before the trace, or weren't seen"),
    ("calls", "there was no room to keep them until they return"),
)
_WORDS = {
    "optimized_out": "the compiler kept no place for it",
    "not_live": "the program was past its last use, or not yet at its first",
    "unreadable": "its memory could not be read",
    "truncated": "longer than the limit",
    "depth": "behind more pointers than the limit",
    "budget": "room, time or a bound of the probe ran out",
    "type_unknown": "nothing describes its dynamic type",
    "unsupported": "nothing describes how it is laid out",
    "out_of_range": "a time that tables can't hold",
    "redacted": "the spec keeps it out",
}


def missing(source: Source) -> tuple[Missing, ...]:
    """All that is missing, what matters most first."""
    found = list[Missing]()
    for pid, problem, skipped, ended, unreadable, rows, objects, notes in source.rows(_PROCESSES):
        if problem:
            found.append(Missing(pid, "the process", None, problem))
        parts = (
            (skipped, "goroutines", ended or "the program ended early"),
            (unreadable, "goroutines", "their memory could not be read"),
            (rows, "rows of func blocks", "room or time ran out"),
            (objects, "values behind pointers", "room or time ran out"),
        )
        found += [Missing(pid, what, count, why) for count, what, why in parts if count]
        if notes:
            found.append(Missing(pid, "", None, notes))
    for pid, event, *counts in source.rows(_EVENTS) if source.has_events else ():
        told = zip(counts, _EVENT_WORDS, strict=True)
        found += [Missing(pid, f"{what} of {event}", count, why) for count, (what, why) in told if count]
    for pid, ended, _, goroutines in source.rows(_STACKS):
        why = "memory led nowhere" if ended == "unreadable" else "deeper than stacks are walked"
        found.append(Missing(pid, "the outer end of goroutines' stacks", goroutines, why))
    for pid, name, column, status, count in source.rows(_VALUES):
        found.append(Missing(pid, f"{name}.{column}", count, _WORDS.get(status, status)))
    for pid, reason, count in source.rows(_WAITS):
        why = "the program's Go doesn't note it, or it changed just then"
        found.append(Missing(pid, f"what goroutines wait for ({reason})", count, why))
    for pid, count in source.rows(_HOLDERS):
        why = "no stack shows a frame inside of a critical section with it; Go itself notes no holder"
        found.append(Missing(pid, "holders of locks", count, why))
    for pid, count in source.rows(_SINCE):
        why = "Go notes it when its garbage collector passes, and it hasn't since"
        found.append(Missing(pid, "since when goroutines wait", count, why))
    return tuple(found)
