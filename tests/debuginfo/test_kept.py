"""What is kept beside the index: inflated sections, hashes of files; bounded, and never believed when damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sey.binary import cachedir, remembered
from sey.frontend.debuginfo import inflated
from sey.frontend.debuginfo.open import open_debug_info
from tests.debuginfo.conftest import PROGRAM
from tests.support.gobuild import build

KEY = b"k" * 32


def test_a_section_comes_back_and_a_damaged_one_doesnt(tmp_path: Path) -> None:
    section = bytes(range(256)) * 50 + b"end"
    kept = inflated.store(tmp_path, KEY, len(section), [section[:1000], section[1000:]])
    assert kept is not None
    assert kept[:] == section
    found = inflated.load(tmp_path, KEY, len(section))
    assert found is not None
    assert found[:] == section
    assert inflated.load(tmp_path, b"o" * 32, len(section)) is None
    assert inflated.load(tmp_path, KEY, len(section) - 8) is None


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_changed_section_is_never_believed(tmp_path: Path, data: st.DataObject) -> None:
    inflated.store(tmp_path, KEY, 5000, [b"0123456789" * 500])
    (file,) = (tmp_path / "sections").iterdir()
    raw = bytearray(file.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(raw)
    assert inflated.load(tmp_path, KEY, 5000) is None


def test_what_goes_wrong_while_inflating_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise KeyError("two")

    with pytest.raises(KeyError):
        inflated.store(tmp_path, KEY, 6, pieces())
    assert list((tmp_path / "sections").iterdir()) == []


def test_a_full_disk_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflated, "_FREE_SHARE", 1 << 60)
    assert inflated.store(tmp_path, KEY, 3, [b"abc"]) is None
    assert list((tmp_path / "sections").iterdir()) == []


def test_details_are_the_same_from_kept_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(build(PROGRAM))
    plain = open_debug_info(path, cache_dir=tmp_path / "one")
    monkeypatch.setattr(inflated, "SMALLEST", 1)
    for _ in range(2):
        info = open_debug_info(path, cache_dir=tmp_path / "two")
        for name in ("main.outer", "main.tiny", "main.gen[...]"):
            assert info.function(name) == plain.function(name)
            assert info.bodies(name) == plain.bodies(name)
            assert [info.variables(x) for x in info.bodies(name)] == [plain.variables(x) for x in plain.bodies(name)]
    assert list((tmp_path / "two" / "sections").iterdir())


def test_the_oldest_go_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old", "older", "oldest")):
        (tmp_path / f"{name}.idx").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{name}.idx", (1_000_000 - age, 1_000_000 - age))
    (tmp_path / ".building-begun").write_bytes(b"")
    os.utime(tmp_path / ".building-begun", (1, 1))
    (tmp_path / ".building-now").write_bytes(b"")
    (tmp_path / "another").write_bytes(b"x" * 1000)
    cachedir.forget_oldest(tmp_path / "older.idx", 250)
    assert {path.name for path in tmp_path.iterdir()} == {"new.idx", "older.idx", ".building-now", "another"}


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEY_CACHE_DIR", str(tmp_path / "cache"))
    file, asked = tmp_path / "file", list[int]()

    def compute() -> bytes:
        asked.append(1)
        return file.read_bytes()

    def ask() -> bytes:
        return remembered.remembered(remembered.stamp(file.stat()), "contents", compute)

    file.write_bytes(b"one")
    assert (ask(), ask(), len(asked)) == (b"one", b"one", 2)  # it has only just changed
    monkeypatch.setattr(remembered, "_SETTLED_NS", -(10**12))
    assert (ask(), ask(), len(asked)) == (b"one", b"one", 3)
    file.write_bytes(b"two")
    assert (ask(), len(asked)) == (b"two", 4)
    for kept in (tmp_path / "cache" / "files").iterdir():
        kept.write_bytes(b"damaged" + kept.read_bytes())
    assert (ask(), len(asked)) == (b"two", 5)
