"""Where to probe a function: instructions that every call passes once, or every return, or that begin a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProbePlace:
    """An instruction to probe, `address` as linked. `phase` is `entry`, `return` or `line`.

    `cheap`: the kernel emulates it. `cfa_offset` is the CFA less RSP there. `tls`: its code keeps no goroutine in R14.
    """

    address: int
    phase: str
    cheap: bool
    cfa_offset: int
    tls: bool = False


@dataclass(frozen=True)
class Unprobed:
    """A function that can't be probed, and why, in plain words."""

    function: str
    reason: str
