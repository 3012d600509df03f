"""Probes are hit as often as a program calls its functions and runs its lines, however its stacks grow."""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
from itertools import chain
from pathlib import Path

import pytest

from sey.binary.elf import ElfFile
from sey.frontend.debuginfo import uprobes
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.debuginfo.probes import Prober, Unprobed
from sey.frontend.debuginfo.sourcelines import LineTarget, find_line
from tests.kernel.support import INDEXES
from tests.support.gobuild import TARGETS, build
from tests.support.kernel import require_uprobes
from tests.support.uprobes import hits, open_uprobe

SOURCE = TARGETS / "calling" / "main.go"
FUNCTIONS = (
    *("main.big", "main.huge", "main.down", "main.leaf", "main.sum", "main.framed", "main.(*thing).several"),
    *("main.recovers", "main.panics", "main.generic[...]", "main.main.func4.1"),
)
CODES = (
    *("06", "0f0b", "50", "4150", "6c", "6f", "74", "9a", "cc", "cf", "ec", "f4", "ff", "48f7d8", "0fb6", "0f84"),
    *("6690", "2e90", "3e90", "6490", "f090", "f390", "66e9", "6674", "660f84", "f0480fc1", "0f3800", "660f3a0f"),
    *("f30fb8", "c5fe6f", "c5fe7f", "c4e271f7", "c4e2f8f2", "62f1fe486f", "62f1fe487f"),
)
_INSTRUCTION = 16


def offset_of(elf: ElfFile, address: int) -> int:
    (segment,) = (s for s in elf.loads if s.address <= address < s.address + s.file_size)
    return address - segment.address + segment.offset


def expected_lines(calls: int) -> dict[int, int]:
    """How often lines of the target are run, by what they say; the line that counts a call as often as there are."""
    said = {n: re.search(r"// (\d+) times$", text) for n, text in enumerate(SOURCE.read_text().splitlines(), 1)}
    (counting,) = (n for n, text in enumerate(SOURCE.read_text().splitlines(), 1) if text == "\tfound[0]++")
    return {n: int(found[1]) for n, found in said.items() if found} | {counting: calls}


def lines_of(prober: Prober) -> dict[int, list[int]]:
    """Offsets in the file for those lines."""
    found = dict[int, list[int]]()
    for line in expected_lines(0):
        target = find_line(prober.info, f"calling/main.go:{line}")
        assert isinstance(target, LineTarget)
        for body in target.bodies:
            places = prober.line(body, target.file, line)
            assert not isinstance(places, Unprobed)
            found.setdefault(line, []).extend(offset_of(prober.table.elf, place.address) for place in places)
    return found


@pytest.mark.parametrize(("go", "mode"), [("1.21", "plain"), ("1.26", "plain"), ("1.26", "noopt")])
def test_hits_are_calls_and_returns(go: str, mode: str, tmp_path: Path) -> None:
    require_uprobes()
    executable = Path(shutil.copy(build("calling", go=go, mode=mode), tmp_path / "calling"))
    info = open_debug_info(str(executable), cache_dir=INDEXES)
    prober = Prober(info, info.pclntab)
    entries, returns, first = dict[str, list[int]](), dict[str, list[int]](), dict[str, list[int]]()
    for name in FUNCTIONS:
        for body in (b for b in info.bodies(name) if not b.inline_level):
            entry, exits = prober.entry(body), prober.returns(body)
            assert not isinstance(entry, Unprobed)
            assert not isinstance(exits, Unprobed)
            entries.setdefault(name, []).append(offset_of(info.binary.elf, entry.address))
            returns.setdefault(name, []).extend(offset_of(info.binary.elf, place.address) for place in exits)
            first.setdefault(name, []).append(offset_of(info.binary.elf, body.physical.lo))
    wanted = chain(*entries.values(), *returns.values(), first["main.big"], first["main.huge"])
    lines = lines_of(prober)
    printed, found = hits(executable, chain(wanted, *lines.values()))
    counted = json.loads(printed)
    assert {n: [sum(map(found.__getitem__, of[n])) for of in (entries, returns)] for n in FUNCTIONS} == counted
    # What the places are for: the first instructions are run more often.
    for name in ("main.big", "main.huge"):
        assert sum(map(found.__getitem__, first[name])) > counted[name][0]
    calls = sum(called for called, _ in counted.values())
    assert {line: sum(map(found.__getitem__, at)) for line, at in lines.items()} == expected_lines(calls)


def test_the_kernel_takes_the_instructions_that_are_said_to_be_taken(tmp_path: Path) -> None:
    require_uprobes()
    # Each takes a tenth of a second. Left out are prefixes of vector instructions alone, which aren't whole, and system
    # calls, which only we refuse.
    codes = [bytes.fromhex(text) for text in CODES]
    code = b"".join(c.ljust(_INSTRUCTION, b"\xc0") for c in codes)
    file = tmp_path / "code"
    file.write_bytes(code.ljust(2 * mmap.PAGESIZE, b"\x90"))
    taken, events = list[bool](), list[int]()
    with file.open("rb") as opened:
        # The kernel looks at an instruction when a process has it mapped.
        mapped = mmap.mmap(opened.fileno(), len(code), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
        for at in range(0, len(code), _INSTRUCTION):
            try:
                events.append(open_uprobe(file, at, pid=os.getpid()))
                taken.append(True)
            except OSError:
                taken.append(False)
        mapped.close()
    for event in events:
        os.close(event)
    said = [not uprobes.refused(code[at : at + _INSTRUCTION]) for at in range(0, len(code), _INSTRUCTION)]
    wrong = [c.hex() for c, really, by_us in zip(codes, taken, said, strict=True) if really is not by_us]
    assert wrong == []
