"""Numbers and texts as a terminal shows them."""

from __future__ import annotations


def duration(nanoseconds: int) -> str:
    """A length of time with about three digits: `850 µs`, `1.23 ms`, `5.1 s`, `12 min`, `3.5 h`."""
    for size, unit in ((3_600_000_000_000, "h"), (60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms")):
        # An hour is shown as 60 min up to 100 min, and so on: few digits and no loss.
        if nanoseconds >= size * (1 if unit in ("s", "ms") else 2):
            return f"{_digits(nanoseconds / size)} {unit}"
    return f"{_digits(nanoseconds / 1000)} µs"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 row`, `2 rows`, `2 processes`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    """Text without anything that could upset a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
