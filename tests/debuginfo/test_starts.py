"""In unoptimized code a slot stands for its variable in the whole function; `starts` must not come before the store."""

from __future__ import annotations

from collections.abc import Iterator

import capstone
import pytest

from sey.frontend.debuginfo.model import Body, Place, Role, Variable
from sey.frontend.debuginfo.open import BinaryDebugInfo
from tests.debuginfo.conftest import Opener

Store = tuple[int, int, int]
"""Address behind the instruction, and the bytes that it writes as offsets from the CFA: start, end."""


def stores(info: BinaryDebugInfo, body: Body) -> Iterator[Store]:
    """Every direct store to the frame, by disassembly."""
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.detail = True
    code = info.binary.elf.read(body.physical.lo, body.physical.hi - body.physical.lo)
    for instruction in machine.disasm(code, body.physical.lo):
        depth = info.pclntab.pcsp(instruction.address)
        if not instruction.operands or depth is None:
            continue
        target = instruction.operands[0]
        stack = target.type == capstone.x86.X86_OP_MEM and instruction.reg_name(target.mem.base) == "rsp"
        if stack and not target.mem.index and not instruction.mnemonic.startswith(("cmp", "test", "lea", "call")):
            start = target.mem.disp - depth - 8
            yield instruction.address + instruction.size, start, start + target.size


def first_store(found: list[Store], variable: Variable) -> int | None:
    slots = [(p.value, p.value + p.size) for r in variable.locations for p in r.pieces if p.place is Place.CFA]
    hits = [after for after, start, end in found if any(start < hi and lo < end for lo, hi in slots)]
    return min(hits, default=None)


def size_of(variable: Variable) -> int:
    return sum(p.size for p in variable.locations[0].pieces)


@pytest.mark.parametrize("go", ["1.24", "1.26"])
def test_a_variable_is_stored_before_it_starts(opened: Opener, go: str) -> None:
    info = opened(go, "noopt")
    checked = available = 0
    for name in info.function_names():
        if not name.startswith(("main.", "fmt.", "strconv.", "time.", "os.", "sort.", "errors.")):
            continue
        for body in info.bodies(name):
            found = list(stores(info, body))
            for variable in info.variables(body):
                first = first_store(found, variable) if variable.starts is not None else None
                # Larger ones are set through a pointer, which this test can't follow.
                if first is None or variable.starts is None or size_of(variable) > 16:
                    continue
                checked += 1
                assert first <= variable.starts, (name, variable.name, hex(first), hex(variable.starts))
                available += variable.starts < max(r.hi for r in variable.scope)
    assert checked > 300
    assert available > 0.9 * checked


def test_locals_start_behind_the_line_that_declares_them(opened: Opener) -> None:
    info = opened("1.26", "noopt")
    body = info.bodies("main.locals")[0]
    found = {v.name: v for v in info.variables(body)}
    starts = [found[name].starts or 0 for name in ("n", "first", "second", "size")]
    assert starts == sorted(starts)
    assert body.physical.lo < starts[0]
    assert found["ctx"].starts is None
    assert {found[name].role for name in ("first", "i", "tag", "size")} == {Role.LOCAL}
    line = info.line_of(found["first"].starts or 0)
    assert line is not None
    assert line[1] > found["first"].decl_line
