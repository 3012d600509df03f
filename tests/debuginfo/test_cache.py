"""The index on disk: used when it is true, rebuilt when there is any doubt."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sey.binary.cachedir import cache_root
from sey.binary.errors import SeyError
from sey.frontend.debuginfo import cache, checksum
from sey.frontend.debuginfo import open as opening
from sey.frontend.debuginfo.index import ARRAYS, TEXTS, Index, build_index
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info
from tests.debuginfo.conftest import PROGRAM
from tests.support.gobuild import build

KEY = cache.cache_key(b"one")


@pytest.fixture
def binary() -> str:
    return str(build(PROGRAM))


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often an index is built."""
    count = [0]

    def counted(*arguments: object) -> Index:
        count[0] += 1
        return build_index(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "build_index", counted)
    return count


def sample() -> Index:
    texts = {name: "\n".join(f"{name}{i}" for i in range(3)).encode() for name in TEXTS}
    return Index(texts, {name: np.arange(number, dtype=np.int64) for number, name in enumerate(ARRAYS)})


def same(one: Index, other: Index) -> bool:
    arrays = all(np.array_equal(one.arrays[name], other.arrays[name]) for name in ARRAYS)
    return dict(one.texts) == dict(other.texts) and arrays


def summary(info: BinaryDebugInfo) -> tuple[object, ...]:
    return tuple(info.function_names()), tuple(info.type_names()), tuple(info.global_names()), info.bodies("main.tiny")


def test_what_is_stored_is_loaded(tmp_path: Path) -> None:
    cache.store(tmp_path, KEY, sample())
    found = cache.load(tmp_path, KEY)
    assert found is not None
    assert same(found, sample())
    assert cache.load(tmp_path, cache.cache_key(b"other")) is None
    (file,) = (tmp_path / "index").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_opening_uses_the_index(binary: str, tmp_path: Path, builds: list[int]) -> None:
    first = summary(open_debug_info(binary, cache_dir=tmp_path))
    assert summary(open_debug_info(binary, cache_dir=tmp_path)) == first
    assert builds == [1]


def test_a_damaged_index_is_built_again(binary: str, tmp_path: Path, builds: list[int]) -> None:
    first = summary(open_debug_info(binary, cache_dir=tmp_path))
    (file,) = (tmp_path / "index").iterdir()
    raw = file.read_bytes()
    for damaged in (b"", raw[:100], raw[:-1], raw + b"x", raw[:5000] + b"\xff" + raw[5001:], b"\0" * len(raw)):
        file.write_bytes(damaged)
        before = builds[0]
        assert summary(open_debug_info(binary, cache_dir=tmp_path)) == first
        assert builds[0] == before + 1
    assert file.read_bytes() == raw


def test_the_index_of_another_build_is_not_used(binary: str, tmp_path: Path, builds: list[int]) -> None:
    open_debug_info(binary, cache_dir=tmp_path)
    (file,) = (tmp_path / "index").iterdir()
    other = str(build(PROGRAM, mode="noopt"))
    expected = summary(open_debug_info(other, cache_dir=tmp_path))
    (second,) = (f for f in (tmp_path / "index").iterdir() if f != file)
    # The right name with another binary's content: the key inside tells.
    shutil.copyfile(file, second)
    assert summary(open_debug_info(other, cache_dir=tmp_path)) == expected
    assert builds == [3]


def test_a_copy_with_other_debug_information_has_an_index_of_its_own(
    binary: str, tmp_path: Path, builds: list[int]
) -> None:
    open_debug_info(binary, cache_dir=tmp_path)
    info = open_debug_info(binary, cache_dir=tmp_path)
    section = info.binary.elf.section(".debug_info")
    assert section is not None
    copy = tmp_path / "copy"
    raw = bytearray(Path(binary).read_bytes())
    raw[section.offset + section.size - 1] ^= 0xFF
    copy.write_bytes(raw)
    with pytest.raises(SeyError):
        open_debug_info(str(copy), cache_dir=tmp_path)


def test_files_of_others_are_not_believed(tmp_path: Path) -> None:
    cache.store(tmp_path, KEY, sample())
    (file,) = (tmp_path / "index").iterdir()
    file.chmod(0o622)
    assert cache.load(tmp_path, KEY) is None
    file.chmod(0o600)
    assert cache.load(tmp_path, KEY) is not None
    if os.geteuid() == 0:
        os.chown(file, 12345, 12345)
        assert cache.load(tmp_path, KEY) is None


def test_links_folders_and_pipes_are_not_believed(tmp_path: Path) -> None:
    cache.store(tmp_path, KEY, sample())
    (file,) = (tmp_path / "index").iterdir()
    file.rename(tmp_path / "real")
    file.symlink_to(tmp_path / "real")
    assert cache.load(tmp_path, KEY) is None
    file.unlink()
    file.mkdir()
    assert cache.load(tmp_path, KEY) is None
    cache.store(tmp_path, KEY, sample())
    file.rmdir()
    os.mkfifo(file)
    assert cache.load(tmp_path, KEY) is None


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(binary: str, tmp_path: Path, builds: list[int]) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert open_debug_info(binary, cache_dir=tmp_path / "file" / "below").function("main.outer")
    assert builds == [2]


def test_nothing_half_made_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    cache.store(tmp_path, KEY, sample())
    assert list((tmp_path / "index").iterdir()) == []


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEY_CACHE_DIR", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_root() == Path("/a")
    monkeypatch.delenv("SEY_CACHE_DIR")
    assert cache_root() == Path("/b/sey")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_root() == Path("/home/me/.cache/sey")


def test_several_processes_may_build_at_once(binary: str, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from sey.frontend.debuginfo.open import open_debug_info;"
        "print(len(open_debug_info(sys.argv[1], cache_dir=pathlib.Path(sys.argv[2])).function_names()))"
    )
    command = [sys.executable, "-c", code, binary, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    counts = {process.communicate()[0] for process in running}
    assert all(process.returncode == 0 for process in running)
    assert len(counts) == 1
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_parts_that_end_within_an_item_are_not_believed() -> None:
    """A right checksum is no proof: files of another program could have one."""
    sizes = [0] * (len(TEXTS) + len(ARRAYS))
    for size, believed in ((8, True), (9, False)):
        sizes[-1] = size
        table = cache.INDEX.table.pack(*(word for each in sizes for word in (each, 8)))
        body = cache._MAGIC + KEY + table + bytes(size + -size % 8)
        whole = body + checksum.checksum(memoryview(body))
        assert (cache.parse(memoryview(whole), KEY) is not None) == believed


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_changed_file_is_never_believed(tmp_path: Path, data: st.DataObject) -> None:
    cache.store(tmp_path, KEY, sample())
    (file,) = (tmp_path / "index").iterdir()
    raw = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(raw[: data.draw(st.sampled_from([len(raw), at]))])
    assert cache.load(tmp_path, KEY) is None
