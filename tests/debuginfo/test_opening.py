"""Files whose debug information can't be had: each ends in a problem that says what to do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sey.binary.errors import Exit, SeyError
from sey.frontend.debuginfo import debugfile
from sey.frontend.debuginfo.open import open_debug_info
from tests.debuginfo.conftest import PROGRAM
from tests.support.gobuild import build


def problem(path: Path | str, cache: Path, debug_file: Path | None = None) -> tuple[str, Exit, str]:
    with pytest.raises(SeyError) as caught:
        open_debug_info(str(path), cache_dir=cache, debug_file=str(debug_file) if debug_file else None)
    (found,) = caught.value.problems
    return found.code, caught.value.exit_status, f"{found.message()} | {found.advice()}"


@pytest.mark.parametrize(("mode", "flag"), [("stripped", "-s -w"), ("nodwarf", "-w")])
def test_stripped_files_name_the_flag_to_drop(mode: str, flag: str, tmp_path: Path) -> None:
    _, status, text = problem(build(PROGRAM, mode=mode), tmp_path)
    assert status == Exit.TARGET
    assert f"build it without {flag} in -ldflags" in text


@pytest.mark.parametrize(("mode", "word"), [("386", "32-bit"), ("arm64", "arm64"), ("darwin-arm64", "Mach-O")])
def test_other_machines(mode: str, word: str, tmp_path: Path) -> None:
    _, status, text = problem(build(PROGRAM, mode=mode), tmp_path)
    assert status == Exit.TARGET
    assert word in text


def test_files_that_are_no_go_programs(tmp_path: Path) -> None:
    text_file = tmp_path / "text"
    text_file.write_text("#!/bin/sh\n")
    assert problem(text_file, tmp_path)[1] == Exit.TARGET
    assert problem("/bin/true", tmp_path)[1] == Exit.TARGET
    assert problem(tmp_path / "missing", tmp_path)[1] == Exit.USAGE
    assert problem(tmp_path, tmp_path)[1] == Exit.USAGE


needs_objcopy = pytest.mark.skipif(not shutil.which("objcopy"), reason="needs objcopy (package binutils)")


@pytest.fixture
def split(tmp_path: Path) -> tuple[Path, Path]:
    """A stripped program and its debug file."""
    whole, bare, debug = build(PROGRAM), tmp_path / "bare", tmp_path / "bare.debug"
    subprocess.run(["objcopy", "--only-keep-debug", str(whole), str(debug)], check=True)
    subprocess.run(["objcopy", "--strip-debug", str(whole), str(bare)], check=True)
    return bare, debug


@needs_objcopy
def test_a_separate_debug_file(split: tuple[Path, Path], tmp_path: Path) -> None:
    bare, debug = split
    assert problem(bare, tmp_path)[1] == Exit.TARGET
    info = open_debug_info(str(bare), cache_dir=tmp_path, debug_file=str(debug))
    whole = open_debug_info(str(build(PROGRAM)), cache_dir=tmp_path)
    assert info.function_names() == whole.function_names()
    assert info.bodies("main.tiny") == whole.bodies("main.tiny")
    assert info.line_of(info.bodies("main.outer")[0].physical.lo) is not None


@needs_objcopy
def test_a_debug_file_found_by_build_id(
    split: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, debug = split
    monkeypatch.setattr(debugfile, "_DEBUG_ROOT", tmp_path / "root")
    info = open_debug_info(str(bare), cache_dir=tmp_path, debug_file=str(debug))
    build_id = info.binary.elf.note(".note.gnu.build-id", b"GNU")
    assert build_id is not None
    place = tmp_path / "root" / ".build-id" / build_id.hex()[:2] / f"{build_id.hex()[2:]}.debug"
    place.parent.mkdir(parents=True)
    debug.rename(place)
    assert open_debug_info(str(bare), cache_dir=tmp_path).function("main.outer")


@needs_objcopy
def test_a_debug_file_found_by_its_link(split: tuple[Path, Path], tmp_path: Path) -> None:
    bare, debug = split
    linked = tmp_path / "linked"
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", str(bare), str(linked)], check=True)
    assert open_debug_info(str(linked), cache_dir=tmp_path).function("main.outer")


@needs_objcopy
def test_a_debug_file_of_another_build(split: tuple[Path, Path], tmp_path: Path) -> None:
    bare, debug = split
    other = build(PROGRAM, mode="noopt")
    code, status, text = problem(other, tmp_path, debug)
    assert (code, status) == ("SEY0453", Exit.FILE)
    assert "build id" in text
    code, _, text = problem(other, tmp_path, bare)
    assert code == "SEY0453"
    assert "no debug information" in text
