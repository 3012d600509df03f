"""Compares captured goroutines with a dump that the target made of itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tests.kernel.support import Tables
from tests.support.godump import Elided, Frame, Goroutine


@dataclass(frozen=True)
class Captured:
    """A goroutine as captured. `frames`: those that Go prints of itself, or all; `left_out`: how many of a stack."""

    goid: int
    state: str
    locked: bool
    labels: dict[str, str]
    created_by: str | None
    parent: int | None
    start_function: str | None
    frames: tuple[tuple[str, str, int, bool], ...]
    left_out: int


def captured(tables: Tables, *, hidden: bool = False) -> dict[int, Captured]:
    """The goroutines of a capture by id; with `hidden`, the frames that dumps leave out are in."""
    frames = defaultdict(list)
    for row in tables.rows("select * from frames order by stack_id, depth"):
        if hidden or not row["hidden"]:
            frames[row["stack_id"]].append((row["function"], row["file"], row["line"], row["inlined"]))
    left_out = {row["stack_id"]: row["truncated"] for row in tables.rows("select * from stacks")}
    found = {}
    for row in tables.rows("select * from goroutines"):
        found[row["goid"]] = Captured(
            goid=row["goid"],
            state=row["wait_reason"] if row["status"] == "waiting" and row["wait_reason"] else row["status"],
            locked=row["locked"],
            labels=dict(row["labels"] or {}),
            created_by=row["created_by"],
            parent=row["parent_goid"] or None,
            start_function=row["start_function"],
            frames=tuple(frames[row["stack_id"]]),
            left_out=left_out.get(row["stack_id"], 0),
        )
    return found


def differences(dumped: Goroutine, ours: Captured) -> list[str]:
    """What a dump and a capture of one goroutine at rest say differently; nothing if they agree."""
    found = frame_differences(dumped, ours)
    created = dumped.created_by.function if dumped.created_by else None
    for what, theirs, own in (
        # Dumps mark waits inside of a synctest bubble, in most cases beyond what the runtime calls the reason.
        ("state", dumped.state.removesuffix(" (durable)"), ours.state.removesuffix(" (durable)")),
        ("locked", dumped.locked, ours.locked),
        ("created by", created, ours.created_by),
        ("parent", dumped.parent, ours.parent if created else None),
    ):
        if theirs != own:
            found.append(f"{what}: dump {theirs!r}, captured {own!r}")
    return found


def frame_differences(dumped: Goroutine, ours: Captured) -> list[str]:
    """Frame by frame: function, file, line, inlined or not; around the frames that a long dump leaves out."""
    theirs = [_shown(frame) for frame in dumped.frames if isinstance(frame, Frame)]
    frames = list(ours.frames)
    for at, frame in enumerate(dumped.frames):
        if isinstance(frame, Elided):
            tail = len(dumped.frames) - at - 1
            missing = len(frames) + ours.left_out - at - tail
            if missing != frame.count:
                return [f"the dump leaves out {frame.count} frames where the capture has {missing}"]
            frames = frames[:at] + frames[len(frames) - tail :]
    if theirs == frames:
        return []
    return ["frames:", *(f"   dump {t}" for t in theirs), *(f"    own {f}" for f in frames)]


def _shown(frame: Frame) -> tuple[str, str, int, bool]:
    return frame.function, frame.file, frame.line, frame.inlined
