from __future__ import annotations

import os
from pathlib import Path

import pytest

from sey.runtime.processors import usable_processors

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, ALL),
        ({"pod/app": "max 100000"}, ALL),
        ({"pod/app": "100000 100000"}, 1),
        ({"pod/app": "50000 100000"}, 1),
        ({"pod": "150000 100000", "pod/app": "max 100000"}, 1),
        ({"pod/app": "100000000 100000"}, ALL),
        ({"pod/app": "garbage"}, ALL),
    ],
)
def test_quotas_of_all_groups_count(tmp_path: Path, limits: dict[str, str], expected: int) -> None:
    (tmp_path / "cgroups" / "pod" / "app").mkdir(parents=True)
    for group, text in limits.items():
        (tmp_path / "cgroups" / group / "cpu.max").write_text(text + "\n")
    own = tmp_path / "cgroup"
    own.write_text("0::/pod/app\n")
    assert usable_processors(own, tmp_path / "cgroups") == expected


def test_hosts_without_control_groups(tmp_path: Path) -> None:
    assert usable_processors(tmp_path / "missing", tmp_path) == ALL
