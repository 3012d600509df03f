"""Measures of a program whose functions don't recurse: frames, instructions, and faults that nothing handles."""

from __future__ import annotations

from collections.abc import Iterator

from sey.binary.errors import Problem
from sey.ir.errors import EscapingFault, TooDeep, TooLong
from sey.ir.nodes import (
    Attempt,
    Begin,
    Call,
    Const,
    Copy,
    Fill,
    Location,
    Loop,
    Op,
    Program,
    Raise,
    Read,
    Region,
    Reserve,
    Restore,
    Save,
    Search,
    Switch,
    Yield,
)
from sey.ir.printer import print_op
from sey.ir.rewrite import regions_of

MAX_FRAMES = 8
"""Call frames that the kernel allows (MAX_CALL_FRAMES in include/linux/bpf_verifier.h)."""
MAX_INSTRUCTIONS = 500_000
"""Half of what the kernel's verifier walks before it gives up (BPF_COMPLEXITY_LIMIT_INSNS, 1 000 000)."""

_FAULTING = (Read, Fill, Copy, Begin, Reserve, Raise)


def problems_of_size(program: Program) -> Iterator[Problem]:
    """What of the finished program doesn't fit the kernel."""
    chain = frames(program)
    if len(chain) > MAX_FRAMES:
        yield TooDeep(len(chain), MAX_FRAMES, " > ".join(chain))
    estimate = instructions(program)
    if estimate > MAX_INSTRUCTIONS:
        yield TooLong(estimate, MAX_INSTRUCTIONS)


def frames(program: Program) -> tuple[str, ...]:
    """The longest chain of frames: `main`, each function called, each loop entered on the way down."""
    longest: dict[str, tuple[str, ...]] = {}

    def of_function(name: str) -> tuple[str, ...]:
        if name not in longest:
            longest[name] = (f"@{name}", *of_region(program.function(name).body))
        return longest[name]

    def of_region(region: Region) -> tuple[str, ...]:
        return max((of_op(op) for op in region.ops), key=len, default=())

    def of_op(op: Op) -> tuple[str, ...]:
        match op:
            case Call(function=name):
                return of_function(name)
            case Loop(body=body):
                return (f"loop{place_of(program, op.loc)}", *of_region(body))
        return max((of_region(region) for region in regions_of(op)), key=len, default=())

    return of_function("main")


def instructions(program: Program) -> int:
    """About how many instructions the kernel's verifier walks.

    It walks a function once per call, and the rest behind paths that join again once where the state it keeps is the
    same, which the lowering takes care of; the body of a loop once, or twice where the first turn changes that state.
    Linux 6.18 walked 0.46 of the estimate for the program of a spec with three functions, 0.1 to 1.24 for random ones
    (`verified_insns` of `bpf_prog_info`).
    """
    known: dict[str, int] = {}

    def of_function(name: str) -> int:
        if name not in known:
            known[name] = 8 + of_region(program.function(name).body)
        return known[name]

    def of_region(region: Region) -> int:
        return sum(of_op(op) for op in region.ops)

    def of_op(op: Op) -> int:
        match op:
            case Call(function=name):
                return 12 + of_function(name)
            case Loop(body=body):
                return 24 + of_region(body)
            case Search(table=table):
                rows = next((t.rows for t in program.tables if t.name == table), 1)
                return 12 + 12 * rows.bit_length()
            case Switch(cases=cases):
                return 4 * len(cases) + sum(map(of_region, regions_of(op)))
        return _WEIGHTS.get(type(op), 8) + sum(map(of_region, regions_of(op)))

    return of_function("main")


_WEIGHTS: dict[type, int] = {
    Const: 0,
    Yield: 2,
    Read: 16,
    Fill: 24,
    Copy: 30,
    Begin: 64,
    Reserve: 80,
    Save: 40,
    Restore: 60,
    Attempt: 10,
    Raise: 6,
}
"""Instructions that the eBPF lowering makes of an operation, rounded up; 8 for those that aren't listed."""


def escaping_fault(program: Program) -> Problem | None:
    """The first operation in `main` whose fault nothing handles, if there is one."""
    known: dict[str, bool] = {}

    def function_faults(name: str) -> bool:
        if name not in known:
            known[name] = first(program.function(name).body) is not None
        return known[name]

    def first(region: Region) -> Op | None:
        return next((found for op in region.ops if (found := of_op(op)) is not None), None)

    def of_op(op: Op) -> Op | None:
        match op:
            case Attempt(handler=handler):
                return first(handler)
            case Call(function=name):
                return op if function_faults(name) else None
            case _ if isinstance(op, _FAULTING):
                return op
        return next((found for region in regions_of(op) if (found := first(region)) is not None), None)

    found = first(program.function("main").body)
    return EscapingFault(place_of(program, found.loc), print_op(found)) if found else None


def place_of(program: Program, loc: Location | None) -> str:
    """` (file:line)`, or nothing where the location isn't known."""
    if loc is None or loc.file >= len(program.files):
        return ""
    return f" ({program.files[loc.file]}:{loc.line})"
