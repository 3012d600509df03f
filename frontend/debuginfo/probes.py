"""Where to probe a function: instructions that every call passes once, or every return, or that begin a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sey.binary.errors import SeyError
from sey.binary.pclntab import PclnTab
from sey.frontend.debuginfo import uprobes
from sey.frontend.debuginfo.entries import NO_INSTRUCTIONS, entry_of, lacks_goroutine
from sey.frontend.debuginfo.flow import Flow, flow_of
from sey.frontend.debuginfo.inlined import UNKNOWN_JUMP, Inlined
from sey.frontend.debuginfo.lineplaces import Statements, line_instructions
from sey.frontend.debuginfo.machinecode import Code, Instruction, read_code, returns
from sey.frontend.debuginfo.model import Body, DebugInfo

_WORD = 8


@dataclass(frozen=True)
class ProbePlace:
    """An instruction to probe, `address` as linked. `phase` is `entry`, `return` or `line`.

    `cheap`: the kernel emulates it. `cfa_offset` is the CFA less RSP there. `tls`: its code keeps no goroutine in R14.
    `shown` is the address whose line and inlined calls its frame has in stacks, where that isn't its own.
    """

    address: int
    phase: str
    cheap: bool
    cfa_offset: int
    tls: bool = False
    shown: int | None = None


@dataclass(frozen=True)
class Unprobed:
    """A body that can't be probed, of which function, and why, in plain words. `container` is, for an inlined one, the
    function that it is inlined into."""

    function: str
    reason: str
    container: str | None = None


@dataclass
class Prober:
    """Finds the places of one binary. Where code or tables are damaged, the function is `Unprobed`."""

    info: DebugInfo
    table: PclnTab
    _codes: dict[int, Code | str] = field(default_factory=dict)
    _flows: dict[int, Flow | None] = field(default_factory=dict)
    _statements: dict[tuple[Body, str], dict[int, list[int]]] = field(default_factory=dict)

    def entry(self, body: Body) -> ProbePlace | Unprobed:
        """The instruction that runs once for each call: where the arguments are where the caller put them, or, for an
        inlined body, where it begins."""
        code = self._code(body)
        if isinstance(code, str):
            return _unprobed(body, code)
        if body.inline_level:
            return self._inlined_entry(body, code)
        found = entry_of(code, self.table)
        return Unprobed(body.function, found) if isinstance(found, str) else _place(code, found, "entry")

    def _inlined_entry(self, body: Body, code: Code) -> ProbePlace | Unprobed:
        if code.undecoded is not None:
            return _unprobed(body, NO_INSTRUCTIONS)
        lo = body.physical.lo
        try:
            if lo not in self._flows:
                self._flows[lo] = flow_of(code, self.table)
            flow = self._flows[lo]
            if flow is None:
                return _unprobed(body, UNKNOWN_JUMP)
            inlined = Inlined(flow, self.table, body)
            found = inlined.entry()
            if isinstance(found, str):
                return _unprobed(body, found)
            return replace(_place(code, found, "entry"), shown=inlined.own(found.address))
        except SeyError as error:
            return _unprobed(body, f"its code can't be read: {error}")

    def returns(self, body: Body) -> tuple[ProbePlace, ...] | Unprobed:
        """The instructions by which a call returns: one of them runs once, unless it panics or ends in a tail jump."""
        if body.inline_level:
            return _unprobed(body, "nothing returns there")
        code = self._code(body)
        if isinstance(code, str):
            return Unprobed(body.function, code)
        rets = returns(code)
        if rets is None:
            return Unprobed(body.function, "it returns in a way that sey doesn't know")
        if not rets:
            tail = self.tail_jumps(body)
            return Unprobed(body.function, "it ends by jumping to another function" if tail else "it never returns")
        return tuple(_place(code, i, "return") for i in rets)

    def tail_jumps(self, body: Body) -> int:
        """The jumps by which a function ends in another one, whose returns are then its own."""
        code = self._code(body)
        return 0 if isinstance(code, str) else sum(1 for i in code.instructions if _leaves(code, i))

    def line(self, body: Body, file: str, line: int) -> tuple[ProbePlace, ...] | Unprobed:
        """Where statements of a line begin in a body, without those that always run together with another.

        The line of the `func` keyword is where calls begin, as in `entry`.
        """
        code = self._code(body)
        if isinstance(code, str):
            return _unprobed(body, code)
        try:
            own = self._own_statements(body, file)
            found = line_instructions(code, self.table, Statements(body.ranges, own.get(line, ()), own.values()))
        except SeyError as error:
            return _unprobed(body, f"its code can't be read: {error}")
        if isinstance(found, str):
            return _unprobed(body, found)
        return tuple(_place(code, i, "line") for i in found)

    def _own_statements(self, body: Body, file: str) -> dict[int, list[int]]:
        """By line of a file where statements begin in a body, those inlined into it left out. Raises SeyError."""
        if (body, file) not in self._statements:
            found: dict[int, list[int]] = {}
            for line, addresses in self.info.statements(file).items():
                inside = (at for at in addresses if any(r.holds(at) for r in body.ranges))
                if own := [at for at in inside if self.info.body_at(at) == body]:
                    found[line] = own
            self._statements[body, file] = found
        return self._statements[body, file]

    def _code(self, body: Body) -> Code | str:
        """The code of the out-of-line function that a body is in, or why it can't be had."""
        entry = body.physical.lo
        if entry not in self._codes:
            try:
                function = self.table.function_at(entry)
                known = function is not None and function.entry == entry
                self._codes[entry] = read_code(self.table, function) if known and function else _NO_GO
            except SeyError as error:
                self._codes[entry] = f"its code can't be read: {error}"
        return self._codes[entry]


def reasons_of(bodies: Sequence[Body], unprobed: Iterable[Unprobed]) -> Iterator[tuple[str, str]]:
    """Each function of which something can't be probed, and why, once for each reason; `bodies` are all that could be.

    Inlined ones are told together: how many of how many, and into which functions.
    """
    inlined = Counter(body.function for body in bodies if body.inline_level)
    places: dict[tuple[str, str, bool], list[str]] = {}
    for each in unprobed:
        places.setdefault((each.function, each.reason, each.container is not None), []).append(each.container or "")
    for (function, reason, apart), containers in places.items():
        if not apart:
            yield function, reason
            continue
        names = sorted(set(containers))
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        count = f"at {len(containers)} of the {inlined[function]} places where it is inlined"
        yield function, f"{count} ({shown}): {reason}"


_MOST_NAMES = 3
_NO_GO = "the function table of Go doesn't have it"


def _unprobed(body: Body, reason: str) -> Unprobed:
    return Unprobed(body.function, reason, body.container if body.inline_level else None)


def _place(code: Code, instruction: Instruction, phase: str) -> ProbePlace:
    cfa = code.pcsp(instruction.address) + _WORD
    return ProbePlace(instruction.address, phase, uprobes.emulated(instruction.code), cfa, lacks_goroutine(code))


def _leaves(code: Code, jump: Instruction) -> bool:
    """Whether a jump goes to another function. Jumps by a table, which has an index, stay within the function."""
    if not jump.jumps:
        return False
    if jump.target is None:
        return "*" not in jump.text
    return not code.function.entry <= jump.target < code.function.end
