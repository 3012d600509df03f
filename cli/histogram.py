"""How long calls took, as a histogram in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sey.runtime.wording import counted, duration

_BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Histogram:
    """Counts durations by powers of two of nanoseconds."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._total = 0

    def add(self, durations: Iterable[int]) -> None:
        """Count durations in nanoseconds; unknown ones (negative) aren't."""
        for each in durations:
            if each >= 0:
                self._counts[each.bit_length()] += 1
                self._total += each

    def lines(self, name: str) -> list[str]:
        """A line for each power of two between the shortest and the longest, below a title."""
        count = sum(self._counts.values())
        if not count:
            return [f"{name}: no durations"]
        most = max(self._counts.values())
        lines = [f"{name}: {counted(count, 'call')}, {duration(self._total // count)} on average"]
        for bits in range(min(self._counts), max(self._counts) + 1):
            low, high = (1 << bits - 1) if bits else 0, 1 << bits
            count = self._counts[bits]
            lines.append(f"{duration(low):>8} – {duration(high):8} {count:>9}  {_bar(count, most)}".rstrip())
        return lines


def _bar(count: int, most: int) -> str:
    eighths = -(-count * _BAR * 8 // most)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
