"""The closest names that exist, fast enough for a binary with 100 000 functions."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cached_property

_SHORTLIST = 40
_GOOD_ENOUGH = 0.55
_SAME = 0.999
"""Likeness of names that differ in case only."""
_AS_CLOSE = 0.12
"""A name this much less like than the best one isn't offered."""
_LAST_WORD = re.compile(r"[^\W\d]\w*(?=\W*(?:\[\.\.\.\]\W*)?$)")


class Names:
    """Names that exist, prepared for being misspelled."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: Sequence[str] = names if isinstance(names, Sequence) else list(names)

    @cached_property
    def _folded(self) -> list[str]:
        return [name.lower() for name in self._names]

    def nearest(self, wanted: str, count: int = 3) -> tuple[str, ...]:
        """Up to `count` names close to `wanted`, the closest first; none where nothing is close."""
        shortlist = self._shortlist(wanted.lower())
        scored = sorted((-_likeness(wanted, name), len(name), name) for name in shortlist)
        best = -scored[0][0] if scored else 0.0
        close = best if best >= _SAME else max(_GOOD_ENOUGH, best - _AS_CLOSE)
        return tuple(name for score, _, name in scored[:count] if -score >= close)

    def beginning(self, prefix: str) -> tuple[str, ...]:
        """What follows `prefix` in the names that begin with it, in their order."""
        return tuple(name[len(prefix) :] for name in self._names if name.startswith(prefix))

    def _shortlist(self, wanted: str) -> list[str]:
        """The names that share the most runs of three characters with `wanted` (given in lower case).

        Asking `run in name` for each run is a search in C; comparing each name properly would take minutes.
        """
        if len(self._names) <= _SHORTLIST:
            return list(self._names)
        width = 3 if len(wanted) > 4 else 2 if len(wanted) > 2 else 1
        runs = {wanted[i : i + width] for i in range(max(1, min(len(wanted), 80) - width + 1))}
        scores = [0] * len(self._folded)
        for run in runs:
            scores = [score + (run in name) for score, name in zip(scores, self._folded, strict=True)]
        # Among names that share as many runs, those of a similar length are closer.
        ranked = heapq.nlargest(
            _SHORTLIST, range(len(scores)), key=lambda i: (scores[i], -abs(len(self._folded[i]) - len(wanted)))
        )
        return [self._names[i] for i in ranked if scores[i]]


def _likeness(wanted: str, name: str) -> float:
    """0 to 1: the same but for case is nearly 1, the same last word counts for much (`GetInfo`, `server.GetInfo`).

    The package and receiver that both begin with say nothing about the rest, so they don't count.
    """
    a, b = wanted.lower(), name.lower()
    if a == b:
        return _SAME
    same_last_word = _last_word(wanted) == _last_word(name)
    if not same_last_word:
        shared = a[: next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))]
        cut = max(shared.rfind("."), shared.rfind("/")) + 1
        a, b = a[cut:], b[cut:]
    ratio = SequenceMatcher(None, a, b, autojunk=False).ratio()
    return max(ratio, 0.6 + 0.39 * ratio) if same_last_word else ratio


def _last_word(name: str) -> str:
    found = _LAST_WORD.search(name[-200:])
    return found.group().lower() if found else name.lower()
