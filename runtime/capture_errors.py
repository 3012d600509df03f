"""What can go wrong between a probe that was loaded and a capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sey.binary.errors import Exit, Problem

if TYPE_CHECKING:
    from sey.binary.identity import Identity
    from sey.runtime.bundle import BinaryProbe

_MOST_SHOWN = 8
"""Identities of a bundle that are told."""


@dataclass(frozen=True)
class CaptureFailed(Problem):
    """What every snapshot starts from could not be read."""

    pid: int
    address: int
    code: ClassVar[str] = "SEY0650"
    exit_status: ClassVar[Exit] = Exit.TARGET
    title: ClassVar[str] = "the Go runtime's own data at {address:#x} of process {pid} could not be read"
    help: ClassVar[str | None] = "the process may have been about to exit, or to replace its program; try again"


@dataclass(frozen=True)
class CaptureOverrun(Problem):
    """The pause budget ran out before the capture was done, and the process was resumed beneath it."""

    pid: int
    budget_ms: int
    code: ClassVar[str] = "SEY0651"
    exit_status: ClassVar[Exit] = Exit.NOTHING
    title: ClassVar[str] = "process {pid} had to be resumed after {budget_ms} ms, before its snapshot was complete"
    help: ClassVar[str | None] = (
        "a read of its memory was held up (a page that had to come from disk or from another process); "
        "nothing was kept, since values could be of different moments; try again or give a longer --max-pause"
    )


@dataclass(frozen=True)
class NoBackend(Problem):
    """The bundle holds nothing that this host can run."""

    binary: str
    what: str
    code: ClassVar[str] = "SEY0652"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "the bundle has no {what} for {binary}"
    help: ClassVar[str | None] = "build it again with `sey build`"


@dataclass(frozen=True)
class OtherBuild(Problem):
    """The probe was made for another build of the program, or for several, of which none is what runs.

    `expected` are the identities that it was made for, each with a name where there are several.
    """

    binary: str
    expected: tuple[str, ...]
    target: str
    found: str
    code: ClassVar[str] = "SEY0750"
    exit_status: ClassVar[Exit] = Exit.FILE
    title: ClassVar[str] = "the probe for {binary} was made for another build than the one that {target} runs"
    help: ClassVar[str | None] = "build the probe from the executable that runs: `sey build SPEC /proc/PID/exe -o OUT`"

    def notes(self) -> tuple[str, ...]:
        """Every identity."""
        shown = [f"the probe is for: {expected}" for expected in self.expected[:_MOST_SHOWN]]
        more = len(self.expected) - len(shown)
        return (*shown, *([f"and for {more} more"] if more else []), f"running is: {self.found}")


def other_build(probes: Sequence[BinaryProbe], target: str, found: Identity) -> OtherBuild:
    """The problem of a target that runs the build `found`, which none of the `probes` was made for."""
    several = len(probes) > 1
    expected = tuple(f"{probe.path}: {probe.identity}" if several else str(probe.identity) for probe in probes)
    return OtherBuild(", ".join(dict.fromkeys(probe.path for probe in probes)), expected, target, str(found))
