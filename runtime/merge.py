"""The outputs of several parts of one walk as the output of the whole walk.

    merged = merge(plan.streams, [part0, part1], "the probe's output")      # each a list of raw pages, by number

Each part has numbered its pages and the stacks that it met by itself. Pages are laid one part behind the other, and
what points into them (fields called `position`) moves with them. A stack that several parts met is kept once, and
stacks get the numbers that a walk in one piece gives: by the place in the walk of the goroutine that had each first.
All this is done in the pages themselves; they are copied once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
import numpy.typing as npt

from sey.ir.nodes import PAGE_BYTES
from sey.ir.plan import PlanStream, StackEnd
from sey.runtime.pages import I64Array, Pages, discard, raw_pages, raw_records, record_dtype

RawPages = Sequence[memoryview]
Records = npt.NDArray[np.void]
_NO_STACK = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Merged:
    """The pages of the whole walk; how many stacks were met again by another part, and how many of these are bad."""

    pages: Pages
    again: int
    bad_again: int


def merge(streams: Sequence[PlanStream], parts: Sequence[RawPages], origin: str) -> Merged:
    """Merge parts, whose pages are changed. Raises SeyError where they contradict themselves; `origin` names them."""
    stack = next(stream for stream in streams if stream.name == "stack")
    firsts = np.cumsum([0, *map(len, parts)])
    for part, first in zip(parts, firsts.tolist(), strict=False):
        _move(streams, part, first * PAGE_BYTES, origin)
    by_part = [_all_records(stack, part, origin) for part in parts]
    records = np.concatenate(by_part)
    numbers, kept_at = number_stacks(records["hash"], records["first"])
    for part, own, new in zip(parts, by_part, np.split(numbers, np.cumsum([*map(len, by_part)])[:-1]), strict=True):
        _renumber(streams, part, own["id"], new, origin)
    kept = records[kept_at]
    kept["id"] = np.arange(len(kept), dtype=np.uint32)
    for page, _ in _views(stack, chain(*parts), origin):
        discard(page)
    pages = Pages.from_pages(zip(count(), chain(*parts, raw_pages(stack, kept)), strict=False), origin)
    bad = int(np.count_nonzero(np.delete(records["end"], kept_at) != StackEnd.COMPLETE))
    return Merged(pages, len(records) - len(kept), bad)


def number_stacks(
    hashes: npt.NDArray[np.uint64], firsts: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint32], I64Array]:
    """The number of each record's stack, and for each number which record to keep: the first in the walk."""
    order = np.argsort(firsts, kind="stable")
    _, first, group = np.unique(hashes[order], return_index=True, return_inverse=True)
    by_place = np.argsort(first)
    rank = np.empty(len(first), dtype=np.uint32)
    rank[by_place] = np.arange(len(first), dtype=np.uint32)
    numbers = np.empty(len(hashes), dtype=np.uint32)
    numbers[order] = rank[group.reshape(-1)]
    return numbers, order[first[by_place]].astype(np.int64)


def _views(stream: PlanStream, pages: Iterable[memoryview], origin: str) -> Iterator[tuple[memoryview, Records]]:
    """The pages of a stream, and the records in each as an array that writes through."""
    for number, page in enumerate(pages):
        records = raw_records(stream, page, origin, number)
        if records is not None:
            yield page, records


def _all_records(stream: PlanStream, pages: RawPages, origin: str) -> Records:
    """A copy of a stream's records."""
    return np.concatenate([np.zeros(0, record_dtype(stream)), *(view for _, view in _views(stream, pages, origin))])


def _move(streams: Sequence[PlanStream], pages: RawPages, shift: int, origin: str) -> None:
    """Move what points into the pages."""
    for stream in _with_field(streams, "position") if shift else ():
        for _, view in _views(stream, pages, origin):
            view["position"] += np.uint64(shift)


def _renumber(
    streams: Sequence[PlanStream],
    pages: RawPages,
    ids: npt.NDArray[np.uint32],
    numbers: npt.NDArray[np.uint32],
    origin: str,
) -> None:
    """Give what names a stack (goroutines, rows) the stack's new number."""
    known = np.full(int(ids.max(initial=0)) + 2, _NO_STACK, dtype=np.uint32)
    known[ids] = numbers
    for stream in _with_field(streams, "stack"):
        for _, view in _views(stream, pages, origin):
            view["stack"] = known[np.minimum(view["stack"], len(known) - 1)]


def _with_field(streams: Sequence[PlanStream], name: str) -> list[PlanStream]:
    return [stream for stream in streams if any(field.name == name for field in stream.fields)]
