"""The function table against Go's own tools and against the binary's CFI."""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from pathlib import Path

import numpy as np
import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from sey.binary.elf import open_elf
from sey.binary.errors import SeyError
from sey.binary.gobinary import open_go
from sey.binary.moduledata import find_module_data
from sey.binary.pclnheader import locate_pclntab
from sey.binary.pclntab import FuncData, FuncFlag, PcData, PclnTab, open_pclntab
from sey.binary.problems import TableMissing
from sey.binary.stackdelta import pcsp_rows
from sey.binary.symbolize import open_symbolizer
from tests.binary.support import FRAMES, MATRIX, RELEASES, frames_binary, go_output, opened, symbolizer


def table_of(go: str, mode: str) -> PclnTab:
    return symbolizer(go, mode).table


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_functions_are_those_of_nm(go: str, mode: str) -> None:
    listed = go_output(go, "tool", "nm", str(frames_binary(go, mode)))
    theirs = {
        (int(address, 16), re.sub(r"\.abi(0|internal)$", "", name))
        for address, kind, name in re.findall(r"^\s*([0-9a-f]+) ([tT]) (.+)$", listed, re.MULTILINE)
    }
    mine = {(f.entry, f.name) for f in table_of(go, mode).functions()}
    # Markers of the linker are in one list only, C code is never in ours, and nm leaves out what has a `·`.
    assert {(a, n) for a, n in mine - theirs if not n.startswith("go:") and "·" not in n} == set()
    go_names = re.compile(r"(main|runtime|sync|reflect|encoding/json|os|type:)\b.*")
    markers = {"runtime.text", "runtime.etext"}
    assert {n for _, n in theirs - mine if go_names.match(n)} <= markers
    assert len(mine) > 1500


@pytest.mark.parametrize(("go", "mode"), [m for m in MATRIX if m.values[1] in ("plain", "cgo")])
def test_lines_are_those_of_addr2line(go: str, mode: str) -> None:
    table = table_of(go, mode)
    chance = random.Random(3)
    pcs = [chance.randrange(int(table.entries[0]), table.end) for _ in range(4000)]
    asked = "".join(f"{pc:#x}\n" for pc in pcs)
    answer = iter(go_output(go, "tool", "addr2line", str(frames_binary(go, mode)), stdin=asked).splitlines())
    compared = 0
    for pc, (name, place) in zip(pcs, zip(answer, answer, strict=True), strict=True):
        function = table.function_at(pc)
        file, line = table.file_line(pc) or ("?", 0)
        if line == 0:
            # Padding: the tool goes by the last line before it, we say that there is none.
            continue
        assert function is not None
        assert (function.name, f"{file}:{line}") == (name, place)
        compared += 1
    assert compared > 3000


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_stack_deltas_are_those_of_the_cfi(go: str, mode: str) -> None:
    table = table_of(go, mode)
    starts, deltas = pcsp_rows(table)
    with frames_binary(go, mode).open("rb") as file:
        entries = [e for e in ELFFile(file).get_dwarf_info().CFI_entries() if isinstance(e, FDE)]
        compared = 0
        for fde in random.Random(5).sample(entries, 700):
            low, size = fde.header["initial_location"], fde.header["address_range"]
            rows = [(row["pc"], row["cfa"].offset) for row in fde.get_decoded().table]
            if table.function_at(low) is None or not rows:
                continue
            for pc in sorted({low, low + size - 1, *(low + i * size // 7 for i in range(7)), *(r[0] for r in rows)}):
                expected = rows[bisect_right(rows, pc, key=lambda row: row[0]) - 1][1]
                delta = table.pcsp(pc)
                if delta is None:
                    continue
                assert delta + 8 == expected, hex(pc)
                found = int(np.searchsorted(starts, np.uint64(pc), side="right")) - 1
                assert deltas[found] == delta
                compared += 1
    assert compared > 5000


def test_delta_table_of_chosen_functions() -> None:
    table = table_of("1.26", "plain")
    chosen = [f for name in ("main.main", "main.record", "runtime.gopark") if (f := table.find(name))]
    assert len(chosen) == 3
    starts, deltas = pcsp_rows(table, chosen)
    assert np.all(np.diff(starts.astype(np.int64)) > 0)
    assert np.all(deltas[1:] != deltas[:-1])
    for function in chosen:
        for pc in range(function.entry, function.end):
            found = int(np.searchsorted(starts, np.uint64(pc), side="right")) - 1
            exact = table.pcsp(pc)
            assert exact is None or deltas[found] == exact
        after = int(np.searchsorted(starts, np.uint64(function.end), side="right")) - 1
        neighbour = any(f.entry == function.end for f in chosen)
        assert neighbour or deltas[after] == -1
    assert [len(part) for part in pcsp_rows(table, [])] == [0, 0]


def test_delta_table_covers_every_function() -> None:
    table = table_of("1.27", "cgo-pie")
    starts, deltas = pcsp_rows(table)
    found = np.searchsorted(starts, table.entries, side="right") - 1
    unknown = [table.names()[i] for i in np.flatnonzero(deltas[found] == -1)]
    assert all(name.startswith(("go:", "_cgo_", "x_cgo_", "runtime.text", "cgo")) for name in unknown), unknown
    assert int(deltas[-1]) == -1
    assert starts[-1] <= table.end


@pytest.mark.parametrize("go", RELEASES)
def test_flags_and_numbers(go: str) -> None:
    table = table_of(go, "plain")
    goexit, systemstack, main = (table.find(n) for n in ("runtime.goexit", "runtime.systemstack", "main.main"))
    assert goexit is not None
    assert goexit.top_frame
    assert FuncFlag.ASSEMBLY in goexit.flags
    assert systemstack is not None
    assert FuncFlag.SP_WRITE in systemstack.flags
    assert main is not None
    assert main.flags == FuncFlag(0)
    assert (FRAMES / "main.go").read_text().splitlines()[main.start_line - 1] == "func main() {"
    assert table.find("main.nope") is None
    assert table.find("ain.main") is None
    assert table.function_at(table.end) is None
    assert table.function_at(int(table.entries[0]) - 1) is None


@pytest.mark.parametrize("go", RELEASES)
def test_wrappers_have_the_last_number_of_the_enumeration(go: str) -> None:
    root = Path(go_output(go, "env", "GOROOT").strip())
    source = (root / "src/internal/abi/symtab.go").read_text()
    names = re.findall(r"^\t(FuncID\w+)(?: FuncID = iota)?(?: //.*)?$", source, re.MULTILINE)
    assert int(table_of(go, "plain").func_ids().max()) == names.index("FuncIDWrapper") == len(names) - 1


@pytest.mark.parametrize("mode", ["plain", "cgo-pie"])
@pytest.mark.parametrize("go", RELEASES)
def test_collectors_data(go: str, mode: str) -> None:
    """The stack maps have as many bitmaps as the PCs of a function name, and their count is sane."""
    table = table_of(go, mode)
    checked = 0
    for function in table.functions():
        address = table.funcdata(function, FuncData.LOCALS_POINTER_MAPS)
        if address is None or not function.name.startswith("main."):
            continue
        maps, bits = np.frombuffer(table.elf.read(address, 8), dtype="<i4").tolist()
        used = {table.pcdata(pc, PcData.STACK_MAP) for pc in range(function.entry, function.end)}
        assert max(used) < maps
        assert 0 <= bits < 10_000
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("mode", ["plain", "cgo", "pie", "cgo-pie"])
@pytest.mark.parametrize("go", RELEASES)
def test_stripped_binaries_lose_nothing(go: str, mode: str) -> None:
    """No symbols: the tables are found by their contents, and say the same."""
    stripped = open_go(frames_binary(go, mode, ["-ldflags=-s -w"]))
    assert not stripped.elf.has_symbols
    table = open_pclntab(stripped)
    whole = table_of(go, mode)
    main, twin = table.find("main.main"), whole.find("main.main")
    assert main is not None
    assert twin is not None
    assert table.file_line(main.entry) == whole.file_line(twin.entry)
    assert sorted(table.names()) == sorted(whole.names())
    names = open_symbolizer(stripped)
    for pc, other in zip(range(main.entry, main.end), range(twin.entry, twin.end), strict=True):
        mine, theirs = table.frames_at(pc, exact=True), whole.frames_at(other, exact=True)
        assert [f._replace(entry=0) for f in mine] == [f._replace(entry=0) for f in theirs]
    assert len(names.symbolize(np.array([main.entry], dtype=np.uint64), np.array([True])).function) == 1


@pytest.mark.parametrize(("go", "mode"), MATRIX)
def test_module_data_by_table_equals_by_symbols(go: str, mode: str) -> None:
    """The stripped file's module data, read by the table of offsets, against the symbols of the same build."""
    module = table_of(go, mode).module
    elf = opened(go, mode).elf
    for name, found in (
        ("runtime.types", module.types),
        ("runtime.etypes", module.etypes),
        ("go:func.*", module.gofunc),
    ):
        symbol = elf.symbol(name)
        assert symbol is not None
        assert symbol.value == found
    stripped = open_go(frames_binary(go, mode, ["-ldflags=-s -w"]))
    bare = find_module_data(stripped.elf, locate_pclntab(stripped.elf), stripped.build.version)
    assert bare.text - bare.address == pytest.approx(module.text - module.address, abs=1 << 20)
    inline = [f for f in table_of(go, mode).functions() if f.name == "main.main"]
    assert inline
    assert bare.types < bare.etypes
    assert bare.gofunc > bare.text


def test_unknown_table_is_named(tmp_path: Path) -> None:
    source = frames_binary("1.26", "plain")
    data = bytearray(source.read_bytes())
    section = open_elf(source).section(".gopclntab")
    assert section is not None
    data[section.offset] = 0xE0
    changed = tmp_path / "future"
    changed.write_bytes(data)
    with pytest.raises(SeyError) as caught:
        open_pclntab(open_go(changed))
    assert isinstance(caught.value.problems[0], TableMissing)
    assert "0xffffffe0" in str(caught.value)
