"""Decoded captures in the cache folder, and the lines that follow a snapshot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sey.ir.plan import State, Status
from sey.runtime import decoded_cache
from sey.runtime.capture import Capture, ProcessCapture, ProcessFacts
from sey.runtime.database import open_database
from sey.runtime.summary import summarize
from sey.runtime.views import SpecSql
from tests.support.captures import Shop


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(decoded_cache, "_SMALLEST", 0)
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def saved(tmp_path: Path) -> Capture:
    Shop().capture().save(str(tmp_path / "a.seyc"))
    return Capture.load(str(tmp_path / "a.seyc"))


def answer(capture: Capture, spec: SpecSql | None = None) -> list[tuple[object, ...]]:
    with open_database(capture, spec) as database:
        return list(database.query("select count(*), any_value(request.path) from handle").rows())


def test_a_capture_is_decoded_once(cache: Path, saved: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(saved) == [(6, "/cart")]
    (file,) = cache.iterdir()
    assert (file.stat().st_mode & 0o777, cache.stat().st_mode & 0o777) == (0o600, 0o700)

    def again(_: Capture) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("sey.runtime.database.stream_capture", again)
    monkeypatch.setattr("sey.runtime.decoded_cache.stream_capture", again)
    assert answer(saved) == [(6, "/cart")]
    assert answer(saved, SpecSql("other")) == [(6, "/cart")]


def test_another_capture_has_a_file_of_its_own(cache: Path, saved: Capture, tmp_path: Path) -> None:
    answer(saved)
    Shop(waiting=1).capture().save(str(tmp_path / "b.seyc"))
    assert answer(Capture.load(str(tmp_path / "b.seyc"))) == [(2, "/cart")]
    assert len(list(cache.iterdir())) == 2


def test_damaged_and_unwritable_caches_are_done_without(cache: Path, saved: Capture) -> None:
    answer(saved)
    (file,) = cache.iterdir()
    file.write_bytes(b"damaged")
    assert answer(saved) == [(6, "/cart")]
    file.unlink()
    cache.rmdir()
    cache.write_bytes(b"in the way")
    assert answer(saved) == [(6, "/cart")]


def test_only_the_latest_are_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded_cache, "_KEPT", 2)
    for waiting in range(1, 5):
        Shop(waiting=waiting).capture().save(str(tmp_path / "x.seyc"))
        assert answer(Capture.load(str(tmp_path / "x.seyc"))) == [(waiting + 1, "/cart")]
    assert len(list(cache.iterdir())) == 2


def test_small_captures_and_unsaved_ones_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEY_CACHE_DIR", str(tmp_path / "cache"))
    Shop().capture().save(str(tmp_path / "a.seyc"))
    answer(Capture.load(str(tmp_path / "a.seyc")))
    monkeypatch.setattr(decoded_cache, "_SMALLEST", 0)
    answer(Shop().capture())
    assert not (tmp_path / "cache").exists()


def test_the_summary_says_what_is_missing() -> None:
    capture = Shop(waiting=9).capture()
    assert summarize(capture) == [
        "pause       1.23 ms (process 4242, 7 threads)",
        "goroutines  10 in 2 distinct stacks",
        "commonest   9 main.(*server).lock (sync.Mutex.Lock), 1 main.(*server).lock (IO wait)",
        "missing     handle.done not_live in 10 of 10",
    ]


def test_the_summary_of_a_capture_that_a_bound_bit() -> None:
    capture = Shop().capture()
    (process,) = capture.processes
    counters = dict(process.facts.counters) | {
        "state": int(State.OUT_OF_TIME),
        "goroutines": 30,
        "unreadable": 2,
        "rows_dropped": 5,
    }
    facts = dataclasses.replace(process.facts, counters=counters, when_missing={"handle": 4}, notes=("a note",))
    failed = ProcessCapture(ProcessFacts(7, "", problem="process 7 exited"), None, None)
    lines = summarize(Capture(capture.bundles, (dataclasses.replace(process, facts=facts), failed)))
    assert lines[1] == "goroutines  6 in 2 distinct stacks; 20 skipped: the pause budget was spent"
    assert lines[3] == (
        "missing     process 7, handle.done not_live in 6 of 6, 5 rows dropped for lack of room or time, "
        "4 frames of handle whose `when` had a missing operand, and 2 more"
    )


def test_the_summary_of_several_processes_says_which() -> None:
    lines = summarize(Shop().capture(pids=(11, 12)))
    assert lines[0] == "pause       1.23 ms (process 11, 7 threads), 1.23 ms (process 12, 7 threads)"
    assert lines[1] == "goroutines  process 11: 6 in 2 distinct stacks | process 12: 6 in 2 distinct stacks"


def test_nothing_missing_is_said_too() -> None:
    shop = Shop(waiting=1)
    block = dataclasses.replace(shop.plan.blocks[0], columns=shop.plan.blocks[0].columns[:2], sites=())
    site = dataclasses.replace(shop.plan.blocks[0].sites[0], forms=(0, 0))
    shop.plan = dataclasses.replace(shop.plan, blocks=(dataclasses.replace(block, sites=(site,)),))
    assert summarize(shop.capture())[3] == "missing     nothing"
    assert Status.OK.word == "ok"
