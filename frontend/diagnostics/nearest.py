"""The closest names that exist, fast enough for a binary with 100 000 functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SHORTLIST = 40
_KEPT = 1000
"""Answers that are kept: an editor asks for the same misspelled names after each letter."""
_AT_ONCE = 1 << 15
"""Names that are looked at at once: memory for a binary with a million is bounded so."""
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
        self._answers: dict[tuple[str, int], tuple[str, ...]] = {}

    @property
    def all(self) -> Sequence[str]:
        """The names, in their order."""
        return self._names

    @cached_property
    def _folded(self) -> list[str]:
        return [name.lower() for name in self._names]

    def nearest(self, wanted: str, count: int = 3) -> tuple[str, ...]:
        """Up to `count` names close to `wanted`, the closest first; none where nothing is close."""
        if (wanted, count) not in self._answers:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            self._answers[wanted, count] = self._nearest(wanted, count)
        return self._answers[wanted, count]

    def _nearest(self, wanted: str, count: int) -> tuple[str, ...]:
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

        Comparing each name properly would take minutes.
        """
        if len(self._names) <= _SHORTLIST:
            return list(self._names)
        import numpy as np  # not needed for the few names of a spec, and not quick to import

        scores = np.concatenate([_shared(wanted, self._folded[i : i + _AT_ONCE]) for i in self._parts])
        # Among names that share as many runs, those of a similar length are closer.
        lengths = np.fromiter(map(len, self._folded), dtype=np.int64, count=len(self._folded))
        order = np.lexsort((np.abs(lengths - len(wanted)), -scores))[:_SHORTLIST]
        return [self._names[i] for i in order.tolist() if scores[i]]

    @property
    def _parts(self) -> range:
        return range(0, len(self._names), _AT_ONCE)


def _shared(wanted: str, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """How many of the runs of `wanted` each of the names holds. All are in lower case."""
    import numpy as np

    width = 3 if len(wanted) > 4 else 2 if len(wanted) > 2 else 1
    sought = np.unique(_runs(_bytes(wanted[:80]), width))
    # No name holds a NUL, so no run over the end of one is sought.
    data = _bytes("\0".join(names))
    present = _runs(data, width)
    number = np.full(1 << 8 * width, -1, dtype=np.int16)
    number[sought] = np.arange(len(sought))
    at = np.flatnonzero(number[present] >= 0)
    owner = np.cumsum(data == 0, dtype=np.int32)[at]
    held = np.zeros((len(names), len(sought)), dtype=bool)
    held[owner, number[present[at]]] = True
    found: npt.NDArray[np.int64] = held.sum(axis=1, dtype=np.int64)
    return found


def _bytes(text: str) -> npt.NDArray[np.int32]:
    import numpy as np

    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.int32)


def _runs(data: npt.NDArray[np.int32], width: int) -> npt.NDArray[np.int32]:
    """All runs of so many bytes, each as one number, the last byte of a run lowest."""
    many = max(len(data) - width + 1, 0)
    found = data[:many]
    for i in range(1, width):
        found = found << 8 | data[i : i + many]
    return found


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
