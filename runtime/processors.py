"""How many processors this process may keep busy at once."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def usable_processors(own_cgroup: Path = Path("/proc/self/cgroup"), cgroups: Path = _CGROUPS) -> int:
    """Those of its affinity mask, and no more than the quotas of its control groups (version 2) allow, at least 1.

    Whoever uses up a quota stands still until the next period, up to 100 ms later: in the middle of a pause.
    """
    processors = len(os.sched_getaffinity(0))
    try:
        lines = own_cgroup.read_text().splitlines()
    except OSError:
        lines = []
    for path in (line.removeprefix("0::/") for line in lines if line.startswith("0::/")):
        folder = cgroups / path
        for group in (folder, *folder.parents):
            if not group.is_relative_to(cgroups):
                break
            processors = min(processors, _quota(group) or processors)
    return max(1, processors)


def _quota(group: Path) -> int | None:
    """Whole processors that a control group's `cpu.max` (quota and period in µs) allows, None without a limit."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return None
