"""Kinds of command-line values: durations and sizes as specs write them, process ids."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Number = click.ParamType[int]
    _Fraction = click.ParamType[float]
else:
    _Number = _Fraction = click.ParamType  # generic only in newer releases of click

_UNITS_NS = {"ns": 1, "us": 1000, "µs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_UNITS_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


class Duration(_Number):
    """A Go duration (`250ms`, `1m30s`), as nanoseconds."""

    name = "duration"

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest, self.highest = lowest, highest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Nanoseconds, within the bounds."""
        if isinstance(value, int):
            return value
        if not re.fullmatch(f"(?:{_PART.pattern})+", value):
            self.fail(f"{value!r} is not a duration such as 250ms or 1m30s", param, ctx)
        total = int(sum(Fraction(number) * _UNITS_NS[unit] for number, unit in _PART.findall(value)))
        if not self.lowest <= total <= self.highest:
            bounds = f"{self.lowest // 10**6}ms to {self.highest // 10**9}s"
            self.fail(f"{value} is out of bounds ({bounds})", param, ctx)
        return total


class Size(_Number):
    """A size (`256MiB`), as bytes."""

    name = "size"

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest, self.highest = lowest, highest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes, within the bounds."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)(B|KiB|MiB|GiB)", value)
        if match is None:
            self.fail(f"{value!r} is not a size such as 64MiB", param, ctx)
        total = int(match[1]) * _UNITS_BYTES[match[2]]
        if not self.lowest <= total <= self.highest:
            self.fail(f"{value} is out of bounds ({self.lowest >> 20}MiB to {self.highest >> 30}GiB)", param, ctx)
        return total


class Pid(_Number):
    """A process id."""

    name = "pid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; whether there is such a process is found out later."""
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) == 0:
            self.fail(f"{value!r} is not a process id", param, ctx)
        return int(value)


def is_pid(text: str) -> bool:
    """Whether a TARGET means a process: all digits do."""
    return text.isascii() and text.isdigit()


class Percent(_Fraction):
    """A share (`2%`, `0.5%`, `150%`), as a fraction of one."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The fraction, above 0 and at most 100 (of as many processors)."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)%", value)
        if match is None or not 0 < float(match[1]) <= 10_000:
            self.fail(f"{value!r} is not a percentage such as 2% or 0.5%", param, ctx)
        return float(match[1]) / 100
