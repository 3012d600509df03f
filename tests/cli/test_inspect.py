"""`sey inspect` of real bundles: layouts, sizes, and the programs in each of their forms."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from sey.binary.errors import SeyError
from sey.cli import bpf_listing
from sey.cli.bpf_listing import listing
from sey.runtime.bundle import Bundle
from tests.cli.conftest import Run
from tests.fuzz.damage import damaged
from tests.support.gobuild import build

SPEC = """# \x1b[2J a comment that clears terminals
func "main.request" as parked when id > 3 { id, name, job }
func glob "main.handle*" as handled { id, &job.Tags as tags }
global "main.parked" as parked_now
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for two builds of one program."""
    from sey.cli.main import main

    folder = tmp_path_factory.mktemp("made")
    (folder / "p.sey").write_text(SPEC)
    binaries = [str(build("many", mode=mode)) for mode in ("plain", "pie")]
    assert main(["build", str(folder / "p.sey"), *binaries, "-o", str(folder / "p.seyp")]) == 0
    return folder / "p.seyp"


def test_everything_is_shown(run: Run, made: Path) -> None:
    bundle = Bundle.load(str(made))
    text = run("inspect", made, "--layouts").out
    described = json.loads(run("inspect", made, "--json").out)
    for binary, shown in zip(bundle.binaries, described["bundles"][0]["binaries"], strict=True):
        assert shown["build"] == binary.identity.to_json()
        assert f"binary: {binary.path}  {binary.go_version}  ({binary.identity})" in text
        plan = binary.plan
        for stream in plan.streams:
            size = f"records of {stream.size} bytes" if stream.fields else "bytes of any length"
            assert f"  stream {stream.number} {stream.name}: {size}\n" in text
            for field in stream.fields:
                assert re.search(
                    rf"^ +{field.offset}  {field.name}  {field.type or f'{field.length} bytes'}$", text, re.M
                )
        for kind in plan.types:
            assert f"  type {kind.id} {kind.name}: {kind.kind}" in text
        for column in (c for block in plan.blocks for c in block.columns):
            assert f"    {column.name}: " in text
        assert [stream["name"] for stream in shown["plan"]["streams"]] == [stream.name for stream in plan.streams]
        assert binary.program is not None
        assert shown["bpf"] == binary.program.facts()
        for name in (*binary.program.buffers, *(f"dict {name}" for name in binary.program.dicts)):
            assert f"    {name}: " in text
    for section in described["sections"]:
        assert re.search(rf"^  {section['name']} +{section['bytes']} bytes$", text, re.M)
    short = run("inspect", made).out
    assert "stream 0 goroutine: records of" in short
    assert "type 1 string" not in short


def test_programs_of_each_binary(run: Run, made: Path) -> None:
    for form, begin in (("--ir", "file "), ("--bytecode", "buffer "), ("--bpf", "")):
        text = run("inspect", made, form).out
        heads = [n for n, line in enumerate(text.splitlines()) if line.startswith(f"# {made}, b")]
        assert len(heads) == 2
        assert all(text.splitlines()[n + 1].startswith(begin) for n in heads)
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) < 500


def test_bpf_with_the_names_of_what_it_uses(run: Run, made: Path, tmp_path: Path) -> None:
    assert run("inspect", made, "--extract", tmp_path).status == 0
    program = Bundle.load(str(made)).binaries[1].program
    assert program is not None
    data = (tmp_path / "b1" / "bpf.o").read_bytes()
    assert data == program.object
    lines = listing(data, "x")
    elf = ELFFile(io.BytesIO(data))
    symbols = list(section_of(elf, ".symtab").iter_symbols())
    functions = {s.name for s in symbols if s["st_info"]["type"] == "STT_FUNC"}
    assert {line.split(":")[0] for line in lines if re.match(r"\w+:  # ", line)} == functions
    text = "\n".join(lines)
    for name in (program.output, *program.dicts.values()):
        assert re.search(rf"lddw    r\d+, {name}$", text, re.M), name
    for name in ("bpf_copy_from_user_task", "bpf_loop", "bpf_map_lookup_elem", "fn_refill"):
        assert f"call    {name}\n" in text
    assert not re.search(r"^ +\d+:  \?|0xff[f0-9a-f]{6}\b|, \.text|helper \d", text, re.M)
    # Every slot of the code is an instruction or the second half of a load, and every jump ends at an instruction.
    code = sum(len(section_of(elf, name).data()) for name in (".text", "iter.s/task"))
    assert sum(2 if "  lddw " in line else 1 for line in lines if re.match(r" +\d+:", line)) == code // 8
    for body in re.split(r"^\w+:  # .*\n", text, flags=re.M)[1:]:
        numbers = set(re.findall(r"^ +(\d+):", body, re.M))
        targets = set(re.findall(r"^ +\d+:  j\w+ +(?:.*, )?(\d+)$", body, re.M))
        assert targets <= numbers
        assert len(re.findall(r"^ +\d+:  j", body, re.M)) == len(
            re.findall(r"^ +\d+:  j\w+ +(?:.*, )?\d+$", body, re.M)
        )


def test_without_a_disassembler(run: Run, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bpf_listing._decoder.cache_clear()
    monkeypatch.setitem(sys.modules, "capstone", None)
    done = run("inspect", made, "--bpf")
    assert (done.status, "error[SEY0721]" in done.err) == (3, True)
    assert "pip install 'sey[inspect]'" in done.err


def test_objects_that_are_damaged(made: Path) -> None:
    program = Bundle.load(str(made)).binaries[0].program
    assert program is not None
    data = program.object
    areas = [("it", 0, len(data)), ("headers", 0, 64), ("section headers", len(data) - 30 * 64, 30 * 64)]
    endings = [code_of(*damaged(data, areas, number)) for number in range(60)]
    assert set(endings) == {"SEY0722", ""}


def code_of(what: str, data: bytes) -> str:
    """The code of what is wrong with an object; none where it can be listed."""
    try:
        return "" if listing(data, what) else "nothing"
    except SeyError as error:
        return error.problems[0].code


def section_of(elf: ELFFile, name: str) -> Any:
    return elf.get_section_by_name(name)
