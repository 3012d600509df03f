"""Which regions of a long `main` become functions of their own: a jump of BPF reaches 32 767 instructions.

Passes before this one join everything that is called once, so that a spec with many captures ends up in one loop over
its rows. A region that is cut out takes a frame, which there must be; what it shares with the rest is in the frame in
memory anyway (`allocate.py`). Regions of such a region are not cut out again: a chain of calls gets one frame more.
"""

from __future__ import annotations

from collections.abc import Iterator

from sey.ir.measure import MAX_FRAMES, frames
from sey.ir.nodes import Loop, Op, Program, Region
from sey.ir.rewrite import regions_of

LONG = 2_500
"""Operations in one piece from which on regions are cut out; an operation takes 3 instructions or so, at most 60."""
WORTHWHILE = 24
"""Operations in a region that is worth a call."""


def outlined_regions(program: Program) -> frozenset[int]:
    """The `id`s of the regions to cut out; none where `main` is short or there is no frame to spare."""
    body = program.function("main").body
    if all(_weight(piece) <= LONG for piece in _pieces(body)) or len(frames(program)) >= MAX_FRAMES:
        return frozenset()
    return frozenset(id(region) for piece in _pieces(body) if _weight(piece) > LONG for region in _parts(piece))


def _pieces(region: Region) -> Iterator[Region]:
    """The region and the bodies of all loops in it."""
    yield region
    for op in _ops(region):
        if isinstance(op, Loop):
            yield from _pieces(op.body)


def _ops(region: Region) -> Iterator[Op]:
    """All operations but those in loops."""
    for op in region.ops:
        yield op
        if not isinstance(op, Loop):
            for inner in regions_of(op):
                yield from _ops(inner)


def _weight(region: Region) -> int:
    return sum(1 for _ in _ops(region))


def _parts(region: Region) -> Iterator[Region]:
    """The largest regions that are neither long nor too short."""
    for op in region.ops:
        for inner in () if isinstance(op, Loop) else regions_of(op):
            weight = _weight(inner)
            if weight > LONG:
                yield from _parts(inner)
            elif weight >= WORTHWHILE:
                yield inner
