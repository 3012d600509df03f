"""Cores that can't be captured, and executables that aren't theirs: the error says what is wrong and what to do."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sey.binary.core_problems import (
    CoreDamaged,
    CoreIncomplete,
    CoreTruncated,
    CoreUnreadable,
    ExecutableNeeded,
    OtherExecutable,
)
from sey.binary.corefile import open_core
from sey.binary.elf import open_elf
from sey.binary.errors import Problem, SeyError
from sey.binary.problems import NotElf, NotGo
from sey.runtime.dump import open_dump
from sey.runtime.postmortem import take_dump
from sey.runtime.snapshot import Limits
from tests.binary.coremaker import Core, Thread
from tests.core.support import ended, kernel_cores
from tests.kernel.support import compiled, sey
from tests.support.gobuild import build
from tests.support.target import Target


@dataclass(frozen=True)
class Dumped:
    """A core of the target `crash`, with a copy of its executable that the core names."""

    core: Path
    executable: Path
    named: Path


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    folder = tmp_path_factory.mktemp("refused")
    executable = build("crash", go="1.26")
    named = folder / "crash"
    shutil.copy(executable, named)
    with kernel_cores(folder), Target(named, env={"GOTRACEBACK": "crash"}) as target:
        target.tell("panic")
        return Dumped(ended(target, folder, None), executable, named)


def _problem(core: Path, executable: Path | None) -> Problem:
    with pytest.raises(SeyError) as caught:
        open_dump(str(core), str(executable) if executable else None)
    return caught.value.problems[0]


def test_without_an_executable_the_one_that_the_core_names_is_taken(dumped: Dumped) -> None:
    dump = open_dump(str(dumped.core), None)
    assert dump.found
    assert dump.executable == dump.binary.elf.path == str(dumped.named)
    assert not open_dump(str(dumped.core), str(dumped.executable)).found


def test_a_core_without_a_list_of_files_names_what_was_executed(dumped: Dumped, tmp_path: Path) -> None:
    """By AT_EXECFN, whose text is on the first stack."""
    at = dumped.core.read_bytes()[: 1 << 16].index(b"ELIF")
    changed = tmp_path / "changed"
    shutil.copy(dumped.core, changed)
    with changed.open("r+b") as file:
        file.seek(at)
        file.write(b"none")
    assert not open_core(changed).notes.files
    assert open_dump(str(changed), None).executable == str(dumped.named)


@pytest.mark.parametrize(
    ("core", "what"),
    [(Core(threads=()), "threads"), (Core(threads=(Thread(1),)), "auxiliary vector")],
    ids=["threads", "auxv"],
)
def test_a_core_without_the_notes_that_are_needed(core: Core, what: str, dumped: Dumped, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(core.to_bytes())
    problem = _problem(tmp_path / "small", dumped.executable)
    assert isinstance(problem, CoreIncomplete)
    assert what in problem.what


def test_the_command_line_and_the_environment_are_in_the_core(dumped: Dumped) -> None:
    dump = open_dump(str(dumped.core), None)
    assert dump.command() == [str(dumped.named)]
    assert "GOTRACEBACK=crash" in dump.environment()


def test_an_executable_that_is_gone_or_was_replaced(dumped: Dumped, tmp_path: Path) -> None:
    hidden = dumped.named.rename(tmp_path / "elsewhere")
    try:
        problem = _problem(dumped.core, None)
        assert problem == ExecutableNeeded(str(dumped.core), f"there is no {dumped.named} here")
        assert "--exe" in (problem.advice() or "")
        shutil.copy(build("crash", go="1.26", mode="trimpath"), dumped.named)
        problem = _problem(dumped.core, None)
        assert isinstance(problem, ExecutableNeeded)
        assert "is another build now" in problem.reason
    finally:
        hidden.rename(dumped.named)


@pytest.mark.parametrize(
    ("go", "target", "mode"),
    [("1.26", "crash", "trimpath"), ("1.21", "crash", "plain"), ("1.26", "crash", "pie"), ("1.26", "many", "plain")],
)
def test_another_executable_is_named_with_what_differs(dumped: Dumped, go: str, target: str, mode: str) -> None:
    other = build(target, go=go, mode=mode)
    problem = _problem(dumped.core, other)
    assert isinstance(problem, OtherExecutable)
    assert str(dumped.core) in problem.message()
    assert str(other) in problem.message()
    assert str(dumped.named) in problem.notes()[0]
    assert problem.of_core != problem.of_executable


def test_a_build_from_other_sources_is_told_by_the_build_information_alone(dumped: Dumped, tmp_path: Path) -> None:
    """Where no page with build ids was dumped."""
    section = open_elf(dumped.executable).section(".go.buildinfo")
    assert section is not None
    data = bytearray(dumped.executable.read_bytes())
    at = data.index(b"build\t-compiler=gc", section.offset)
    data[at + 16 : at + 18] = b"xx"
    other = tmp_path / "other"
    other.write_bytes(data)
    problem = _problem(_without(dumped.core, 0x400000, tmp_path), other)
    assert isinstance(problem, OtherExecutable)
    assert "-compiler=gc" in problem.of_core
    assert "-compiler=xx" in problem.of_executable


def test_an_unstripped_executable_serves_for_the_core_of_a_stripped_one(tmp_path: Path) -> None:
    """`strip` leaves what is loaded as it was."""
    executable, stripped = build("crash", go="1.26"), tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, executable], check=True)
    with kernel_cores(tmp_path), Target(stripped, env={"GOTRACEBACK": "crash"}) as target:
        target.tell("nil")
        core = ended(target, tmp_path, None)
    done = sey("snapshot", "--core", str(core), "--exe", str(executable), "-o", str(tmp_path / "out.seyc"))
    assert done.returncode == 0, done.stderr
    done = sey("snapshot", "--core", str(core), "-o", str(tmp_path / "none.seyc"))
    assert done.returncode == 4
    assert "SEY0410" in done.stderr
    core.unlink()


def test_programs_that_are_not_go(dumped: Dumped, tmp_path: Path) -> None:
    source, program = tmp_path / "main.c", tmp_path / "in-c"
    source.write_text("#include <stdlib.h>\nint main(void) { abort(); }\n")
    subprocess.run(["gcc", "-o", program, source], check=True)
    with kernel_cores(tmp_path):
        assert subprocess.run([program], check=False).returncode < 0
    (core,) = tmp_path.glob("core*")
    assert _problem(core, None) == NotGo(str(program))
    assert _problem(core, program) == NotGo(str(program))
    assert isinstance(_problem(core, dumped.executable), OtherExecutable)
    assert isinstance(_problem(dumped.core, source), NotElf)


def test_a_core_without_private_memory(tmp_path: Path) -> None:
    """As with a coredump_filter that leaves it out."""
    executable = build("crash", go="1.26")
    with kernel_cores(tmp_path), Target(executable, env={"GOTRACEBACK": "crash"}) as target:
        Path(f"/proc/{target.pid}/coredump_filter").write_text("0x10")
        target.tell("panic")
        core = ended(target, tmp_path, None)
    problem = _problem(core, None)
    assert isinstance(problem, CoreIncomplete)
    assert "coredump_filter" in (problem.advice() or "")


def test_a_core_cut_off_anywhere(dumped: Dumped, tmp_path: Path) -> None:
    whole = dumped.core.stat().st_size
    cut = tmp_path / "cut"
    shutil.copy(dumped.core, cut)
    lengths = [64, 65, 120, 1000, 5000, 70_000, *range(100_000, whole, whole // 40), whole - 1]
    for length in sorted(lengths, reverse=True):
        os.truncate(cut, length)
        problem = _problem(cut, dumped.executable)
        assert isinstance(problem, CoreTruncated), (length, problem)
        assert problem.size == length


def test_damaged_anywhere(dumped: Dumped, tmp_path: Path) -> None:
    """Bytes that flipped: an error that has a code, or a capture that says what it couldn't read."""
    bundle = compiled(dumped.executable, 'func "main.wait" as wait { order as held }')
    places = _interesting(dumped.core)
    generator = random.Random(1)
    endings: dict[str, int] = {}
    broken = tmp_path / "broken"
    shutil.copy(dumped.core, broken)
    for _ in range(60):
        with broken.open("r+b") as file:
            undo = []
            for _ in range(generator.choice((1, 4, 64))):
                start, size = generator.choice(places)
                at = start + generator.randrange(size)
                file.seek(at)
                undo.append((at, file.read(1)))
                file.seek(at)
                file.write(bytes([generator.randrange(256)]))
        code = "captured"
        try:
            take_dump(bundle, 0, open_dump(str(broken), str(dumped.executable)), Limits(max_bytes=4 << 20))
        except SeyError as error:
            code = error.problems[0].code
        endings[code] = endings.get(code, 0) + 1
        with broken.open("r+b") as file:
            for at, byte in reversed(undo):
                file.seek(at)
                file.write(byte)
    assert endings.pop("captured") > 10
    assert endings, "nothing that was broken mattered"
    assert all(code.startswith("SEY073") for code in endings), endings


def test_a_count_of_goroutines_that_no_memory_could_hold(dumped: Dumped, tmp_path: Path) -> None:
    bundle = compiled(dumped.executable, "")
    core = _changed(dumped.core, bundle.binaries[0].plan.goroutine_count, (1 << 62).to_bytes(8, "little"), tmp_path)
    with pytest.raises(SeyError) as caught:
        take_dump(bundle, 0, open_dump(str(core), str(dumped.executable)), Limits())
    (problem,) = caught.value.problems
    assert isinstance(problem, CoreDamaged)
    assert "4611686018427387904 goroutines" in problem.reason


def test_goroutines_that_are_not_in_the_core(dumped: Dumped, tmp_path: Path) -> None:
    bundle = compiled(dumped.executable, "")
    count = bundle.binaries[0].plan.goroutine_count
    loads = open_core(dumped.core).loads["address"]
    core = _without(dumped.core, int(loads[loads <= count][-1]), tmp_path)
    with pytest.raises(SeyError) as caught:
        take_dump(bundle, 0, open_dump(str(core), str(dumped.executable)), Limits())
    assert isinstance(caught.value.problems[0], CoreUnreadable)


def _interesting(core: Path) -> list[tuple[int, int]]:
    """Runs of a core (file offset, size): its headers, and the memory that isn't zero."""
    found = []
    data, at = core.read_bytes(), 1 << 16
    while at < len(data):
        if any(data[at : at + 4096]):
            found.append((at, min(4096, len(data) - at)))
        at += 4096
    return found + [(0, 2000), (2000, 8000)] * (len(found) // 2)


def _offset(core: Path, address: int) -> int:
    """Where a core has the byte at an address."""
    for load in open_core(core).loads:
        if load["address"] <= address < load["address"] + load["file_size"]:
            return int(load["offset"]) + address - int(load["address"])
    raise AssertionError(f"{address:#x} is not in {core}")


def _changed(core: Path, address: int, data: bytes, folder: Path) -> Path:
    """A copy of a core with other memory at an address."""
    changed = folder / "changed"
    shutil.copy(core, changed)
    with changed.open("r+b") as file:
        file.seek(_offset(core, address))
        file.write(data)
    return changed


def _without(core: Path, address: int, folder: Path) -> Path:
    """A copy of a core in which the segment at an address was left out."""
    changed = folder / "without"
    shutil.copy(core, changed)
    data = changed.read_bytes()[: 1 << 16]
    with changed.open("r+b") as file:
        header = next(at for at in range(64, 1 << 14, 56) if data[at + 16 : at + 24] == address.to_bytes(8, "little"))
        file.seek(header + 32)
        file.write(bytes(8))
    return changed
