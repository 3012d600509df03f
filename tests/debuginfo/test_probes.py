"""Places of probes over whole binaries: every function has them, or a reason that is true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from sey.binary.pclntab import FuncFlag
from sey.frontend.debuginfo import entries
from sey.frontend.debuginfo.model import Body
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.probes import Prober, Unprobed
from tests.debuginfo.conftest import Opener

BUILDS = [("1.21", "plain", "results"), ("1.24", "plain", "results"), ("1.26", "noopt"), ("1.27", "plain")]
PUSH_RBP = b"\x55"


@pytest.fixture(params=BUILDS, ids=["-".join(b[:2]) for b in BUILDS])
def info(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    return opened(*request.param)


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
