"""What `sey vars` says of where a variable can be had."""

from __future__ import annotations

from sey.frontend.debuginfo.availability import Availability, Where, availability
from sey.frontend.debuginfo.model import Body, LocationRange, Piece, Place, Range, Role, Variable
from sey.frontend.debuginfo.open import BinaryDebugInfo
from tests.debuginfo.conftest import Opener

BODY = Body("main.f", "main.f", 1, (Range(100, 200),), Range(100, 200), "main.f", 0)
SLOT = (Piece(Place.CFA, -16, 0, 8),)
REGISTER = (Piece(Place.REGISTER, 0, 0, 8),)
HALF = (Piece(Place.CFA, -16, 0, 8), Piece(Place.NOWHERE, 0, 8, 8))


def line_of(pc: int) -> tuple[str, int] | None:
    return "f.go", pc // 10


def summarise(
    *locations: LocationRange, problem: str | None = None, starts: int | None = None, depth: int = 0
) -> Availability:
    scope = (Range(100, 200),) if not depth else (Range(150, 200),)
    variable = Variable("v", 1, Role.LOCAL, False, scope, depth, 3, locations, problem, starts)
    return availability(BODY, variable, line_of)


def test_everywhere() -> None:
    found = summarise(LocationRange(100, 200, SLOT))
    assert (found.where, found.share, found.waiting_share, found.at_entry) == (Where.EVERYWHERE, 1.0, 1.0, True)
    assert found.text() == "whole function"
    assert [(r.first, r.last, r.whole) for r in found.lines] == [(10, 19, True)]
    assert summarise(LocationRange(100, 200, SLOT), depth=1).text() == "whole scope"


def test_at_entry_only() -> None:
    found = summarise(LocationRange(100, 120, REGISTER))
    assert (found.where, found.text(), found.share) == (Where.ENTRY_ONLY, "at entry only", 0.2)


def test_in_part() -> None:
    found = summarise(LocationRange(100, 110, REGISTER), LocationRange(150, 180, SLOT))
    assert (found.where, found.share, found.waiting_share) == (Where.PARTLY, 0.4, 0.3)
    assert found.text() == "40% of the code, at entry"
    assert [(r.first, r.last) for r in found.lines] == [(10, 10), (15, 17)]


def test_some_bytes() -> None:
    found = summarise(LocationRange(100, 150, HALF))
    assert (found.share, found.partial_share, found.at_entry) == (0.0, 0.5, False)
    assert found.text() == "some bytes in 50% of the code"
    assert not found.lines[0].whole


def test_never() -> None:
    assert summarise().text() == "never: optimized out"
    assert summarise(problem="its location list is damaged").text() == "never: its location list is damaged"
    assert summarise(LocationRange(100, 140, SLOT), depth=1).where is Where.NEVER


def test_a_slot_counts_from_where_it_is_set() -> None:
    found = summarise(LocationRange(100, 200, SLOT), starts=150)
    assert (found.where, found.share, found.at_entry) == (Where.PARTLY, 0.5, False)


def test_without_lines() -> None:
    variable = Variable("v", 1, Role.LOCAL, False, BODY.ranges, 0, 3, (LocationRange(100, 200, SLOT),))
    assert availability(BODY, variable, lambda _: None).lines == ()


def test_real_functions(opened: Opener) -> None:
    info = opened("1.26")
    found = summaries(info, "main.outer")
    assert found["b"].where is Where.ENTRY_ONLY
    assert found["b"].at_entry
    assert found["s"].where is Where.EVERYWHERE
    assert found["total"].text() == "when the function returns"
    everything = summaries(opened("1.26", "noopt"), "main.outer")
    assert everything["s"].where is Where.EVERYWHERE
    assert all(r.file.endswith("main.go") for a in everything.values() for r in a.lines)


def summaries(info: BinaryDebugInfo, name: str) -> dict[str, Availability]:
    body = info.bodies(name)[0]
    return {v.name: availability(body, v, info.line_of) for v in info.variables(body)}


def test_lists_that_do_not_fit_are_named_and_not_read(opened: Opener) -> None:
    """Go 1.21 writes pieces that sum to more than the type has (golang/go#61700)."""
    info = opened("1.21", target="values")
    (body,) = info.bodies("main.slices")
    found = {variable.name: variable for variable in info.variables(body)}
    for name in ("refs", "rows"):
        assert found[name].problem == "its location's pieces don't fit its type"
        assert found[name].locations == ()
    assert found["points"].problem is None
