"""What a call is given is found at its entry's place: parameters where the ABI has them, and what a closure holds."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator

import pytest

from sey.binary.stackmaps import StackMaps
from sey.frontend.debuginfo.abi import Assignment
from sey.frontend.debuginfo.machinecode import read_code
from sey.frontend.debuginfo.model import Body, Held, Piece, Place, Range, Role, Variable
from sey.frontend.debuginfo.open import BinaryDebugInfo
from sey.frontend.debuginfo.probes import Prober, Unprobed
from sey.frontend.lower.liveness import Liveness
from sey.frontend.lower.locate import Answer, Found, Missing, answers_at, as_called
from sey.frontend.lower.sites import Kept, Site
from sey.frontend.lower.straight import fetch_site
from sey.ir.builder import FunctionBuilder
from sey.ir.evaluate import Image, Machine
from sey.ir.nodes import Buffer, Program
from sey.ir.plan import Status
from tests.debuginfo.conftest import Opener

BUILDS = [("1.21", "plain", "results"), ("1.24", "noopt"), ("1.26", "noopt", "generics"), ("1.27", "plain")]
RDX, RDX_WORD = 1, 8 * (4 + 1)
CODE = 0x400000


@pytest.fixture(params=BUILDS, ids=["-".join(b[:2]) for b in BUILDS])
def info(request: pytest.FixtureRequest, opened: Opener) -> BinaryDebugInfo:
    return opened(*request.param)


def called(info: BinaryDebugInfo, *roles: Role) -> Iterator[tuple[Body, list[tuple[Variable, Answer]]]]:
    """The bodies that are called, and what is known there of their variables."""
    prober, liveness = Prober(info, info.pclntab), Liveness(info, StackMaps(info.pclntab))
    # All would take half a minute.
    names = [n for i, n in enumerate(info.function_names()) if i % 5 == 0 or n.startswith("main.")]
    for body in (b for name in names for b in info.bodies(name) if not b.inline_level):
        place = prober.entry(body)
        variables = [v for v in info.variables(body) if v.role in roles]
        if isinstance(place, Unprobed) or not variables:
            continue
        asked = list(dict.fromkeys(v.name for v in variables))
        found = answers_at(body, variables, asked, place.address, liveness)
        answers = [as_called(answer, place.address) for answer in found]
        yield body, [(next(v for v in variables if v.name == n), a) for n, a in zip(asked, answers, strict=True)]


def by_abi(info: BinaryDebugInfo, body: Body) -> dict[str, Assignment]:
    locator = info._variables.locator
    incoming = locator._incoming(body)
    children = info._functions.tree(body.die).children
    return {locator.declared(c.die).name or "": incoming[c.die.offset] for c in children if c.die.offset in incoming}


def test_parameters_are_where_the_abi_has_them(info: BinaryDebugInfo) -> None:
    seen, wrong = Counter[str](), list[tuple[str, str]]()
    for body, answers in called(info, Role.PARAMETER):
        assigned = by_abi(info, body)
        for variable, answer in answers:
            if not info.type(variable.type).size:
                continue
            if isinstance(answer, Missing):
                seen["missing"] += 1
            elif variable.name in assigned:
                seen["told"] += 1
                if not agrees(answer, assigned[variable.name]):
                    wrong.append((body.function, variable.name))
    assert wrong == []
    assert seen["told"] > 200
    assert seen["missing"] < 0.02 * seen["told"], seen


def agrees(answer: Found, assigned: Assignment) -> bool:
    there = [p for p in answer.pieces if p.place is not Place.NOWHERE]
    if assigned.registers is None:
        return all((p.place, p.value) == (Place.CFA, assigned.home + p.offset) for p in there)
    return all(p.place is Place.REGISTER and p.value in assigned.registers for p in there)


@pytest.mark.parametrize("build", [("1.26", "noopt"), ("1.27", "plain")], ids=lambda b: "-".join(b))
def test_what_closures_hold(opened: Opener, build: tuple[str, str]) -> None:
    info = opened(*build, "closures")
    loads = Counter[bool]()
    for body, answers in called(info, Role.CAPTURED):
        assert all(isinstance(answer, Found) and answer.held is not None for _, answer in answers), body.function
        held = [Range(v.held.offset, v.held.offset + size(info, v)) for v, _ in answers if v.held is not None]
        for offset in loaded(info, body):
            loads[any(r.holds(offset) for r in held)] += 1
    # Dictionaries are no variables, and a few variables aren't mentioned.
    assert loads[True] > 10
    assert loads[False] < 0.2 * loads[True], loads


def size(info: BinaryDebugInfo, variable: Variable) -> int:
    return 8 if variable.by_reference else info.type(variable.type).size


def loaded(info: BinaryDebugInfo, body: Body) -> Iterator[int]:
    """The offsets at which a closure's first instructions load from RDX."""
    function = info.pclntab.function_at(body.physical.lo)
    assert function is not None
    for instruction in read_code(info.pclntab, function).instructions:
        if instruction.mnemonic in ("call", "ret") or (instruction.jumps and instruction.mnemonic not in ("jbe", "jb")):
            return
        target, _, source = instruction.text.partition(", ")
        if "ptr [rdx + 0x" in source or "ptr [rdx + " in source:
            yield int(source.partition("[rdx + ")[2].rstrip("]"), 0)
        if target in ("rdx", "edx", "dx", "dl") and instruction.mnemonic not in ("cmp", "test"):
            return


@pytest.mark.parametrize("by_reference", [False, True])
def test_a_closures_variable_is_brought_from_it(by_reference: bool) -> None:
    closure, variable = 0x1000, 0x2000
    memory = {
        closure: bytes(8) + (variable if by_reference else 77).to_bytes(8, "little"),
        variable: (78).to_bytes(8, "little"),
    }
    held = Held(8, Range(CODE, CODE + 5), not by_reference)
    answer = as_called(
        Missing(
            Variable("n", 1, Role.CAPTURED, by_reference, (), 0, 1, (), held=held),
            Status.NOT_LIVE,
        ),
        CODE + 4,
    )
    assert isinstance(answer, Found)
    assert (answer.pieces, answer.held) == ((Piece(Place.REGISTER, RDX, 0, 8),), held)
    kept = Kept(answer.pieces, Status.NOT_LIVE, 8, 0 if by_reference else 8, 8 if by_reference else None)
    b = FunctionBuilder("main")
    fetch_site(b, Site(0, "main.f", 0, (kept,), ()))
    buffers = (Buffer("vars", 4096, 256), Buffer("in_regs", 1024, 512), Buffer("in_bias", 8), Buffer("cfa", 8))
    machine = Machine(Program(buffers=buffers, functions=(b.finish(),)), Image(memory), event=True)
    machine.buffers["in_regs"][RDX_WORD : RDX_WORD + 8] = closure.to_bytes(8, "little")
    machine.run()
    _, address, _, _, value = struct.unpack("<5Q", machine.buffers["vars"][:40])
    assert (address, value) == ((variable, 78) if by_reference else (closure + 8, 77))
