"""Places for the registers of threads, where there are more threads than places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from sey.runtime import threadplaces
from sey.runtime.pause import THREAD
from sey.runtime.threadplaces import ThreadPlaces


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    monkeypatch.setattr(threadplaces, "THREAD_MAX", 4)
    return {}


def stopped(running: list[int], in_calls: list[int]) -> npt.NDArray[np.void]:
    threads = np.zeros(len(running) + len(in_calls), THREAD)
    threads["ns_tid"] = sorted(running + in_calls)
    threads["call"] = [-1 if tid in running else 0 for tid in threads["ns_tid"]]
    return threads


@pytest.mark.parametrize("expected", [[], [1, 2, 3], [1, 2, 3, 4, 5, 6], [7, 8, 9]])
def test_running_threads_come_first(table: dict[int, int], expected: list[int]) -> None:
    places = ThreadPlaces(table)
    places.expect(expected)
    threads = stopped([5, 6, 9], [1, 2, 3, 4, 7])
    found = dict(zip(threads["ns_tid"].tolist(), places.of(threads).tolist(), strict=True))
    placed = {tid: place for tid, place in found.items() if place >= 0}
    assert {5, 6, 9} <= placed.keys()
    assert len(placed) == 4
    assert sorted(placed.values()) == [0, 1, 2, 3]
    assert table.items() >= placed.items()
    assert sorted(table.values()) == [0, 1, 2, 3]  # nobody is found in another's place


def test_more_running_threads_than_places(table: dict[int, int]) -> None:
    places = ThreadPlaces(table)
    places.expect([1, 2])
    found = places.of(stopped([2, 3, 4, 5, 6, 7], [1])).tolist()
    assert sorted(place for place in found if place >= 0) == [0, 1, 2, 3]
