"""Which line is meant, and which functions have code of it; results of functions without a frame."""

from __future__ import annotations

from typing import cast

import pytest

from sey.binary.pclntab import FuncFlag, PcFunc, PclnTab
from sey.binary.pctable import PcTable
from sey.frontend.debuginfo.lineplaces import Statements, line_instructions
from sey.frontend.debuginfo.machinecode import Code, Instruction, disassemble
from sey.frontend.debuginfo.model import Place, Range, Role
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.probes import Prober, Unprobed
from sey.frontend.debuginfo.sourcelines import LineTarget, NoCode, NoSuchFile, SeveralFiles, find_line
from tests.debuginfo.conftest import Opener
from tests.support.gobuild import TARGETS

SOURCE = TARGETS / "calling" / "main.go"
RAX = 0
CODE = 0x1000


@pytest.fixture(params=[("1.21", "plain"), ("1.27", "plain"), ("1.26", "noopt")], ids=lambda b: "-".join(b))
def calling(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    return opened(*request.param, "calling")


def number_of(text: str) -> int:
    (found,) = (n for n, line in enumerate(SOURCE.read_text().splitlines(), 1) if line.strip().startswith(text))
    return found


def test_a_line_and_its_functions(calling: BinaryDebugInfo) -> None:
    line = number_of("total += n")
    for path in ("calling/main.go", str(SOURCE)):
        found = find_line(calling, f"{path}:{line}")
        assert isinstance(found, LineTarget)
        assert (found.file, found.line) == (str(SOURCE), line)
        assert [body.function for body in found.bodies] == ["main.sum"]


def test_a_line_of_an_inlined_function(opened: Opener) -> None:
    info = opened("1.27", "plain", "calling")
    found = find_line(info, f"calling/main.go:{number_of('found[0]++')}")
    assert isinstance(found, LineTarget)
    assert {body.function for body in found.bodies} == {"main.call"}
    assert len({body.container for body in found.bodies}) > 2
    prober = Prober(info, info.pclntab)
    for body in found.bodies:
        places = prober.line(body, found.file, found.line)
        assert not isinstance(places, Unprobed)
        assert len(places) == 1


def test_lines_that_are_none(calling: BinaryDebugInfo) -> None:
    comment, first = number_of("// Counts a call"), number_of("found := counts[name]")
    missing = find_line(calling, f"calling/main.go:{comment}")
    assert isinstance(missing, NoCode)
    assert missing.next in (first, first - 1)
    behind = find_line(calling, "calling/main.go:100000")
    assert behind == NoCode(str(SOURCE), 100000, None)
    unknown = find_line(calling, "calling/mian.go:1")
    assert isinstance(unknown, NoSuchFile)
    assert str(SOURCE) in unknown.similar
    several = find_line(calling, "type.go:1")
    assert isinstance(several, SeveralFiles)
    assert all(file.endswith("/type.go") for file in several.candidates)


def test_lines_of_every_statement_are_where_the_function_table_has_them(calling: BinaryDebugInfo) -> None:
    seen = 0
    for line, addresses in calling.statements(str(SOURCE)).items():
        for address in addresses:
            assert calling.line_of(address) == (str(SOURCE), line)
            seen += 1
    assert seen > 100


@pytest.mark.parametrize(("function", "result"), [("main.leaf", "~r0"), ("main.sum", "total")])
def test_results_of_functions_without_a_frame(opened: Opener, function: str, result: str) -> None:
    info = opened("1.27", "plain", "calling")
    (body,) = (b for b in info.bodies(function) if not b.inline_level)
    (variable,) = (v for v in info.variables(body) if v.name == result and v.role is Role.RESULT)
    returns = Prober(info, info.pclntab).returns(body)
    assert not isinstance(returns, Unprobed)
    for place in returns:
        (at,) = (r for r in variable.locations if r.lo <= place.address < r.hi)
        assert [(p.place, p.value) for p in at.pieces] == [(Place.REGISTER, RAX)]


@pytest.mark.parametrize(("jumped", "places"), [("75 03", [0]), ("75 02", [0, 0xD])], ids=["aligns", "runs"])
def test_what_only_aligns_code_leads_nowhere(jumped: str, places: list[int]) -> None:
    # mov; test; jne (to the second nop, or to the first); jmp to the last mov; nop; nop; mov; ret
    text = bytes.fromhex(f"b801000000 85c0 {jumped} eb02 90 90 89c3 c3")
    function = PcFunc("main.f", CODE, CODE + len(text), 1, 0, FuncFlag(0), 0, 0, 0, 0, 0, (), ())
    code = Code(function, list(disassemble(text, CODE)), PcTable([len(text)], [0]))
    starts, another = [CODE, CODE + 0xD], [CODE + 0xB]
    of = Statements([Range(CODE, CODE + len(text))], starts, [starts, another])
    found = line_instructions(code, cast(PclnTab, None), of)
    assert [i.address - CODE for i in found if isinstance(i, Instruction)] == places
