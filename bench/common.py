"""What the measurements share: targets, the printing of verdicts, what the machine was busy with."""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.support.gobuild import build
from tests.support.target import Target, run_target

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = ROOT / ".cache" / "bench"
_AUTOGROUP = Path("/proc/self/autogroup")


@contextmanager
def many(goroutines: int, depth: int = 8, distinct: int = 16) -> Iterator[tuple[Target, Path]]:
    """A running `tests/targets/many`, and its executable; a stack has `depth` + 5 frames with the runtime's own."""
    executable = build("many")
    arguments = ("-n", str(goroutines), "-depth", str(depth), "-distinct", str(distinct))
    with run_target(executable, *arguments, timeout=120) as target:
        yield target, executable


def heading(title: str) -> None:
    """Print what is measured, when, and on what; from here on we and our children go before others that want to run."""
    load = os.getloadavg()[0]
    when = datetime.now().strftime("%Y-%m-%d %H:%M")
    _go_first()
    print(f"# {title}\n{when}, {os.cpu_count()} cores, load {load:.1f}, Linux {platform.release()}\n", flush=True)


def _go_first() -> None:
    """Times of a machine that others keep busy say little, so be preferred to them, where that is allowed.

    Where the kernel groups processes by session (sched(7), autogroup) a process's own priority counts only among those
    of its session, and the session has one as well; that one is put back at the end.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        before = _AUTOGROUP.read_text().split()[-1]
        _AUTOGROUP.write_text("-15")
        atexit.register(lambda: _AUTOGROUP.write_text(before))


def verdict(what: str, value: float, budget: float, unit: str) -> bool:
    """Print one figure against its budget; whether it is met."""
    met = value <= budget
    word = "met" if met else f"MISSED by {value / budget - 1:.0%}"
    print(f"  {what:58} {value:9.2f} {unit:<4} budget {budget:g} {unit:<4} {word}", flush=True)
    return met


def spread(values: Sequence[float], unit: str = "") -> str:
    """The least and the median of several measurements."""
    return f"{min(values):.2f}{unit} (median {statistics.median(values):.2f}{unit} of {len(values)})"
