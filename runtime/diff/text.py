"""A diff as text: what is new, more or stuck first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sey.runtime.diff.compare import Diff, Followed, StackChange
from sey.runtime.report.model import Place
from sey.runtime.report.text import address, joined, long, more, place, short_function
from sey.runtime.summary import is_standard
from sey.runtime.wording import counted, duration

_MOST = 10
_MOST_FRAMES = 4
_CHANGES = ("appeared", "grew", "waits longer", "gone", "shrank")


def render(diff: Diff) -> str:
    """The diff as lines of text."""
    sections = [("", _head(diff))]
    for change in _CHANGES:
        found = [stack for stack in diff.stacks if stack.change == change]
        sections.append((f"STACKS: {change.upper()}", _stacks(found)))
    sections.append(("LOCKS", _locks(diff)))
    sections.append(("TABLES", _tables(diff)))
    sections.append(("GOROUTINES BY ID", _followed(diff)))
    return joined(sections)


def _head(diff: Diff) -> Iterable[str]:
    when = "" if diff.between_ns is None else f", {_between(diff.between_ns)}"
    if diff.traced:
        yield f"a trace has no goroutines of one moment: only tables are compared{when}"
        return
    yield f"{diff.goroutines_before} goroutines before, {diff.goroutines_after} after{when}"
    if not diff.same_build:
        yield "another build: stacks are compared by their functions, not by lines"
    if not diff.followed_pids:
        yield "another process: goroutines and locks can't be followed"
    if not diff.stacks and not diff.locks:
        yield "the same stacks, and nobody waits longer"


def _between(nanoseconds: int) -> str:
    return f"{duration(nanoseconds)} later" if nanoseconds >= 0 else f"{duration(-nanoseconds)} earlier"


def _stacks(stacks: Sequence[StackChange]) -> Iterable[str]:
    for stack in stacks[:_MOST]:
        count = f"{stack.after}" if stack.change == "appeared" else f"{stack.before} → {stack.after}"
        yield f"  {count} {stack.doing}{_waits(stack)} at {_where(stack.frames)}"
        if stack.created_by:
            yield f"      created by {short_function(stack.created_by)}"
    yield from more(len(stacks), _MOST)


def _waits(stack: StackChange) -> str:
    before, after = stack.longest_before_ns, stack.longest_after_ns
    if after is None:
        return ""
    return long(after) + ("" if before is None else f" (before {duration(before)})")


def _where(frames: Sequence[Place]) -> str:
    own = [frame for frame in frames if not is_standard(frame.function)] or list(frames)
    shown = " < ".join(place(frame) for frame in own[:1])
    callers = "".join(f" < {short_function(frame.function)}" for frame in own[1:_MOST_FRAMES])
    return (shown + callers) if own else "no stack"


def _locks(diff: Diff) -> Iterable[str]:
    for lock in diff.locks[:_MOST]:
        yield f"  {lock.change}: {address(lock.kind, lock.address)} {lock.before} → {lock.after} waiting"
    yield from more(len(diff.locks), _MOST)


def _tables(diff: Diff) -> Iterable[str]:
    for table in diff.tables:
        before, after = ("none" if n is None else str(n) for n in (table.before, table.after))
        moved = ""
        if table.goroutines_appeared is not None:
            moved = f", {table.goroutines_appeared} goroutines appeared in it, {table.goroutines_gone} are gone"
        yield f"  {table.table}: {before} → {after} rows{moved}"


def _followed(diff: Diff) -> Iterable[str]:
    totals = Counter[str]()
    for one in diff.goroutines:
        totals[one.change] += one.goroutines
    if totals:
        yield "  " + ", ".join(f"{count} {change}" for change, count in sorted(totals.items()))
    still = [one for one in diff.goroutines if one.change == "still there"]
    for one in still[:_MOST]:
        yield f"  still there: {_group(one)}"


def _group(one: Followed) -> str:
    ids = ", ".join(map(str, one.goids[:5])) + (", …" if one.goroutines > 5 else "")
    doing = f"{one.doing}{long(one.longest_after_ns)}"
    return f"{counted(one.goroutines, 'goroutine')} ({ids}) {doing} at {_where(one.frames)}"
