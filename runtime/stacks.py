"""Identical stacks grouped and counted, as text that a person reads first when something hangs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sey.runtime.database import Database
from sey.runtime.wording import duration, printable

_SHOWN_GOIDS = 10
_ENDS = {"limit": "and more: this is as deep as stacks are walked", "unreadable": "the rest could not be read"}


@dataclass(frozen=True)
class Frame:
    """A frame as Go's dump would show it."""

    function: str
    file: str | None
    line: int | None
    inlined: bool
    depth: int


@dataclass(frozen=True)
class Group:
    """Goroutines of one process whose visible frames are the same.

    `states` are (status, wait reason or None, how many), commonest first; `longest_wait_ns` is None where none waits
    since a known time. `truncated` is how many frames were left out of the middle of the stack, `ended` how its walk
    ended (`complete`, `unreadable`, `limit`).
    """

    pid: int
    goids: tuple[int, ...]
    states: tuple[tuple[str, str | None, int], ...]
    longest_wait_ns: int | None
    created_by: str | None
    frames: tuple[Frame, ...]
    truncated: int
    ended: str

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "pid": self.pid,
            "goroutines": len(self.goids),
            "states": [{"status": s, "wait_reason": r, "goroutines": n} for s, r, n in self.states],
            "longest_wait_ns": self.longest_wait_ns,
            "created_by": self.created_by,
            "truncated": self.truncated,
            "ended": self.ended,
            "frames": [
                {"function": f.function, "file": f.file, "line": f.line, "inlined": f.inlined} for f in self.frames
            ],
            "goids": list(self.goids),
        }


_GOROUTINES = """
    select pid, stack_id, created_by, status, wait_reason, max(wait_ns), list(goid order by goid)
    from goroutines where $system or not system group by all
"""
_FRAMES = """
    select pid, stack_id, depth, coalesce(function, printf('0x%x', pc)), file, line, inlined
    from frames where not hidden order by pid, stack_id, depth
"""
_LACKS = "select pid, stack_id, truncated, ended from stacks where truncated > 0 or ended <> 'complete'"


def groups(database: Database, *, system: bool = False) -> list[Group]:
    """The groups of all processes, by pid and then largest first; with `system` the runtime's own goroutines too."""
    frames: dict[tuple[int, int], list[Frame]] = {}
    for pid, stack, depth, function, file, line, inlined in database.query(_FRAMES).rows():
        frames.setdefault((pid, stack), []).append(Frame(function, file, line, inlined, depth))
    lacks = {(pid, stack): (count, ended) for pid, stack, count, ended in database.query(_LACKS).rows()}
    members: dict[tuple[int, str | None, tuple[Frame, ...], tuple[int, str]], list[tuple[Any, ...]]] = {}
    for pid, stack, created_by, *rest in database.query(_GOROUTINES.replace("$system", str(system))).rows():
        shown = tuple(frames.get((pid, stack), ()))
        lack = lacks.get((pid, stack), (0, "complete"))
        members.setdefault((pid, created_by, shown, lack), []).append(tuple(rest))
    found = [_group(*key, rows) for key, rows in members.items()]
    return sorted(found, key=lambda g: (g.pid, -len(g.goids), -(g.longest_wait_ns or 0), g.goids))


def _group(
    pid: int, created_by: str | None, frames: tuple[Frame, ...], lack: tuple[int, str], rows: list[tuple[Any, ...]]
) -> Group:
    counts: dict[tuple[str, str | None], int] = {}
    for status, reason, _, goids in rows:
        counts[status, reason] = counts.get((status, reason), 0) + len(goids)
    states = [(status, reason, count) for (status, reason), count in counts.items()]
    states.sort(key=lambda state: (-state[2], state[0], state[1] or ""))
    longest = max((wait for _, _, wait, _ in rows if wait is not None), default=None)
    goids = tuple(sorted(goid for *_, of in rows for goid in of))
    return Group(pid, goids, tuple(states), longest, created_by, frames, *lack)


def render(found: Sequence[Group], processes: Iterable[str]) -> str:
    """All groups as text, below one line for each process."""
    heads = "".join(f"{line}\n" for line in processes)
    return heads + "".join("\n" + _text(group) for group in found)


_PROCESSES = """
    select pid, executable, go_version, goroutines, goroutines_skipped, pause_ns, core, problem, notes,
        (select count(*) from goroutines g where g.pid = p.pid and g.system), trace_ns from processes p
"""


def process_lines(database: Database, *, system: bool = False) -> list[str]:
    """A line for each process: what it is, how many goroutines were captured, how long it stood still."""
    lines = []
    for row in database.query(_PROCESSES).rows():
        pid, executable, version, captured, skipped, pause, core, problem, notes, own, traced = row
        if problem is not None:
            lines.append(f"process {pid}  {executable}  not captured: {problem}")
            continue
        if traced is not None:
            lines.append(f"process {pid}  {executable}  {version}  a trace, without goroutines of one moment")
            continue
        missing = f" ({skipped} more were skipped)" if skipped else ""
        counted = f"{_plural(captured if system else captured - own, 'goroutine')}{missing}"
        if own and not system:
            counted += f" and {own} of the runtime's own (--system shows them)"
        lines.append(f"process {pid}  {executable}  {version}  {counted}, {_came(core, pause)}")
        if notes:
            lines.append(f"    {notes}")
    return lines


def _came(core: str | None, pause_ns: int) -> str:
    return f"from the core {core}" if core else f"paused for {duration(pause_ns)}"


def _text(group: Group) -> str:
    lines = [f"{_plural(len(group.goids), 'goroutine')}: {_states(group)}"]
    names = [frame.function for frame in group.frames]
    width = min(max(map(len, names), default=0), 60)
    last = -1
    for frame in group.frames:
        if group.truncated and frame.depth - last > group.truncated and last >= 0:
            lines.append(f"    … {_plural(group.truncated, 'frame')} left out …")
        last = frame.depth
        place = f"{short_path(frame.file)}:{frame.line}" if frame.file and frame.line else ""
        inlined = " (inlined)" if frame.inlined else ""
        lines.append(f"    {frame.function:{width}}  {place}{inlined}".rstrip())
    if not group.frames:
        lines.append("    no stack")
    elif group.ended in _ENDS:
        lines.append(f"    … {_ENDS[group.ended]} …")
    if group.created_by:
        lines.append(f"    created by {group.created_by}")
    lines.append(f"    {_goids(group.goids)}")
    return "".join(f"{printable(line)}\n" for line in lines)


def _states(group: Group) -> str:
    several = len(group.states) > 1
    words = []
    for status, reason, count in group.states:
        word = f"{status} ({reason})" if reason else status
        words.append(f"{count} {word}" if several else word)
    waited = f", for up to {duration(group.longest_wait_ns)}" if group.longest_wait_ns is not None else ""
    return ", ".join(words) + waited


def _goids(goids: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, goids[:_SHOWN_GOIDS]))
    more = f" and {len(goids) - _SHOWN_GOIDS} more" if len(goids) > _SHOWN_GOIDS else ""
    return f"goid {shown}{more}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def short_path(path: str) -> str:
    """The last two elements of a source path: package folder and file."""
    return "/".join(path.split("/")[-2:])
