"""Places of probes over whole binaries: every function has them, or a reason that is true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from sey.binary.pclntab import FuncFlag
from sey.frontend.debuginfo import entries, inlined
from sey.frontend.debuginfo.flow import Flow, flow_of
from sey.frontend.debuginfo.inlined import Inlined
from sey.frontend.debuginfo.machinecode import read_code
from sey.frontend.debuginfo.model import Body
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.probes import Prober, Unprobed
from tests.debuginfo.conftest import Opener

BUILDS = [("1.21", "plain", "results"), ("1.24", "plain", "results"), ("1.26", "noopt"), ("1.27", "plain")]
PUSH_RBP = b"\x55"


@pytest.fixture(params=BUILDS, ids=["-".join(b[:2]) for b in BUILDS])
def info(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    return opened(*request.param)


INLINED_REASONS = {
    inlined.NOTHING_FIXED, inlined.LOOPS, inlined.SEVERAL_WAYS, inlined.UNCERTAIN_TEST, inlined.REFUSED,
    inlined.UNKNOWN_JUMP,
}  # fmt: skip


class Unmarked(Inlined):
    """As if no NOP marked where the call is."""

    def _is_mark(self, number: int) -> bool:
        return False


def out_of_line(info: BinaryDebugInfo) -> Iterator[Body]:
    return (b for name in info.function_names() for b in info.bodies(name) if not b.inline_level)


def is_assembly(info: BinaryDebugInfo, body: Body) -> bool:
    function = info.pclntab.function_at(body.physical.lo)
    assert function is not None
    return bool(function.flags & FuncFlag.ASSEMBLY)


def test_entries_of_all_functions(info: BinaryDebugInfo) -> None:
    prober, kinds, reasons = Prober(info, info.pclntab), Counter[str](), Counter[str]()
    for body in out_of_line(info):
        place, assembly = prober.entry(body), is_assembly(info, body)
        if isinstance(place, Unprobed):
            reasons[place.reason] += 1
            # Compiled code is refused for loops without a frame, and for single locked instructions.
            assert assembly or place.reason == entries.LOOPS or "(lock " in place.reason, place
            continue
        framed = info.binary.elf.read(place.address, 1) == PUSH_RBP
        checked = place.address != body.physical.lo
        assert framed or not checked or assembly, body
        assert place.cheap or not framed, body
        assert (place.phase, place.cfa_offset) == ("entry", 8), body
        # Compiled code that assembly calls has its goroutine in no register either.
        assert place.tls or not assembly, body
        kinds[f"{'assembly ' if assembly else ''}{'checked' if checked else 'framed' if framed else 'frameless'}"] += 1
    print(kinds, reasons)
    assert kinds["checked"] > 0.6 * kinds.total()
    assert min(kinds["framed"], kinds["frameless"], kinds["assembly frameless"]) > 20
    assert reasons.total() < 0.03 * kinds.total(), reasons


def test_entries_of_inlined_functions(info: BinaryDebugInfo) -> None:
    prober, kinds, reasons = Prober(info, info.pclntab), Counter[str](), Counter[str]()
    flows: dict[int, Flow | None] = {}
    for body in (b for name in info.function_names()[::4] for b in info.bodies(name) if b.inline_level):
        place = prober.entry(body)
        if isinstance(place, Unprobed):
            reasons[place.reason] += 1
            continue
        function = info.pclntab.function_at(body.physical.lo)
        assert function is not None
        assert body.physical.holds(place.address)
        assert place.cfa_offset >= 8
        assert place.shown is not None
        assert any(r.holds(place.shown) for r in body.ranges) or place.shown == place.address
        if function.entry not in flows:
            flows[function.entry] = flow_of(read_code(info.pclntab, function), info.pclntab)
        flow = flows[function.entry]
        assert flow is not None
        kinds[_against_mark(flow, info, body)] += 1
    print(kinds, reasons)
    # Where a NOP marks the call, what is found without it is the same or nothing.
    assert not kinds["elsewhere"]
    assert set(reasons) <= INLINED_REASONS
    if kinds:
        assert kinds["same block"] > 30
        assert kinds.total() > reasons.total()


def _against_mark(flow: Flow, info: BinaryDebugInfo, body: Body) -> str:
    """Whether the rule for instances without a mark finds the block of the mark of one that has it."""
    code = flow.code
    mark = code.index(info.pclntab.inlined_calls(body.ranges[0].lo)[-body.inline_level].caller)
    if mark is None or code.instructions[mark].code != b"\x90":
        return "no mark"
    found = Unmarked(flow, info.pclntab, body).entry()
    if isinstance(found, str):
        return "refused"
    number = code.index(found.address)
    assert number is not None
    return "same block" if flow.block_of(number) == flow.block_of(mark) else "elsewhere"


def test_returns_of_all_functions(info: BinaryDebugInfo) -> None:
    prober, kinds, reasons = Prober(info, info.pclntab), Counter[int](), Counter[str]()
    for body in out_of_line(info):
        places = prober.returns(body)
        if isinstance(places, Unprobed):
            reasons[places.reason] += 1
            continue
        kinds[len(places)] += 1
        for place in places:
            assert info.binary.elf.read(place.address, 1) == b"\xc3"
            assert (place.phase, place.cfa_offset, place.cheap) == ("return", 8, False)
    print(kinds, reasons)
    assert kinds[1] > 0.5 * kinds.total()
    assert reasons.total() < 0.08 * kinds.total(), reasons
    assert set(reasons) <= {
        "it ends by jumping to another function",
        "it never returns",
        "it returns in a way that sey doesn't know",
    }
