"""The variables of one body of a function: names, types, scopes, and locations that can be believed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sey.binary.errors import SeyError
from sey.frontend.debuginfo.captured import Captured, by_value, code_of, loads_address
from sey.frontend.debuginfo.data import DamageError
from sey.frontend.debuginfo.dwarf import At, Tag
from sey.frontend.debuginfo.functions import Functions
from sey.frontend.debuginfo.generics import Generics
from sey.frontend.debuginfo.lines import Lines
from sey.frontend.debuginfo.locator import Locator
from sey.frontend.debuginfo.model import Body, Held, Kind, Place, Range, Role, Variable
from sey.frontend.debuginfo.prologue import before_frame
from sey.frontend.debuginfo.returns import Returns
from sey.frontend.debuginfo.spills import without_others_slots
from sey.frontend.debuginfo.types import UNKNOWN, Types
from sey.frontend.debuginfo.units import Die, Tree, Units

_ROLE_ORDER = {Role.PARAMETER: 0, Role.RESULT: 1, Role.CAPTURED: 2, Role.LOCAL: 2}


class _Scope(NamedTuple):
    """Where entries stand: the code in which their names count, and the nesting of lexical blocks."""

    ranges: tuple[Range, ...]
    depth: int


@dataclass(frozen=True)
class Variables:
    """Reads variables of one binary on demand."""

    units: Units
    types: Types
    functions: Functions
    lines: Lines
    locator: Locator
    returns: Returns
    generics: Generics
    _closures: dict[int, dict[Captured, bool | None]] = field(default_factory=dict)

    def of(self, body: Body, physical_die: int) -> tuple[Variable, ...]:
        """The variables of a body whose out-of-line function has the entry `physical_die`. Raises DamageError."""
        tree = self._tree(body, physical_die)
        variables = (self._variable(die, scope, body, physical_die) for die, scope in self._entries(tree, body))
        found = [v for v in variables if v is not None]
        found += self._unmentioned(tree, found, body)
        found = _with_heap_copies(without_others_slots(_without_repetitions(found)))
        if body.inline_level == 0:
            found = self.returns.results(found, self.locator.results(body), body.physical)
        return tuple(sorted(found, key=lambda v: (_ROLE_ORDER[v.role], 0 if v.role is not Role.LOCAL else v.decl_line)))

    def _tree(self, body: Body, physical_die: int) -> Tree:
        if body.die == physical_die:
            return self.functions.tree(physical_die)
        return self.functions.instance(physical_die, body.die)[0]

    def _entries(self, tree: Tree, body: Body) -> Iterator[tuple[Die, _Scope]]:
        """Parameters and variables of this body, not those of bodies inlined into it."""
        pending = [(child, _Scope(body.ranges, 0)) for child in reversed(tree.children)]
        while pending:
            node, scope = pending.pop()
            match node.die.tag:
                case Tag.FORMAL_PARAMETER | Tag.VARIABLE:
                    yield node.die, scope
                case Tag.LEXICAL_BLOCK:
                    inner = self._inner(node.die, scope, body)
                    pending += ((child, inner) for child in reversed(node.children))

    def _inner(self, die: Die, outer: _Scope, body: Body) -> _Scope:
        try:
            return _Scope(self.functions.ranges(die, body.physical), outer.depth + 1)
        except DamageError:
            return _Scope((), outer.depth + 1)

    def _variable(self, die: Die, scope: _Scope, body: Body, physical_die: int | None) -> Variable | None:
        """A variable from its entry, without locations where `physical_die` is None; None for the compiler's own."""
        declared = self.locator.declared(die)
        name = declared.name or ""
        by_reference = name.startswith("&")
        name = name.removeprefix("&")
        if not _is_source_name(name):
            return None
        kind, problem = self._type(declared, by_reference)
        variable = Variable(
            name,
            kind,
            _role(declared),
            by_reference,
            scope.ranges,
            scope.depth,
            declared.number(At.DECL_LINE) or 0,
            (),
            problem,
        )
        if problem or physical_die is None:
            return variable
        locations = self.locator.locate(die, kind, by_reference, body, physical_die)
        variable = replace(variable, locations=locations.ranges, problem="; ".join(locations.problems) or None)
        variable = replace(
            variable, word=self.generics.word(variable, die, body), held=self._held(variable, declared, body)
        )
        return self._with_start(variable, body) if locations.fixed else variable

    def _held(self, variable: Variable, declared: Die, body: Body) -> Held | None:
        """Where a captured variable is when the closure is called. Only closures that are given their address have
        variables with offsets (cmd/compile/internal/dwarfgen/dwarf.go)."""
        offset = declared.number(At.GO_CLOSURE_OFFSET)
        if variable.role is not Role.CAPTURED or body.inline_level or offset is None:
            return None
        value = self._captured(body).get(Captured(variable.type, offset, variable.by_reference))
        code = code_of(self.returns.open_table, body.physical.lo)
        if value is None and loads_address(code, offset, variable.locations):
            value = False
        try:
            within = before_frame(self.returns.open_table(), body.physical.lo)
        except SeyError:
            return None
        return None if within is None or value is None else Held(offset, within, value)

    def _captured(self, body: Body) -> dict[Captured, bool | None]:
        """By what the closure of a function holds whether it is the variable, or its address; None where that can't be
        told."""
        if body.die not in self._closures:
            held = list(self._captured_entries(body))
            values = by_value(self.types, held, code_of(self.returns.open_table, body.physical.lo))
            self._closures[body.die] = dict(zip(held, values, strict=True))
        return self._closures[body.die]

    def _captured_entries(self, body: Body) -> Iterator[Captured]:
        for die, _ in self._entries(self.functions.tree(body.die), body):
            declared = self.locator.declared(die)
            offset = declared.number(At.GO_CLOSURE_OFFSET)
            if offset is not None:
                addressed = (declared.name or "").startswith("&")
                yield Captured(self._type(declared, addressed)[0], offset, addressed)

    def _type(self, declared: Die, by_reference: bool) -> tuple[int, str | None]:
        kind = self.types.reference(declared)
        if by_reference:
            pointer = self.types.type(kind)
            if pointer.kind is not Kind.POINTER or pointer.elem is None:
                return UNKNOWN.id, "its type is not a pointer, though it should be one to the variable"
            kind = pointer.elem
        try:
            known = self.types.type(kind)
        except KeyError:
            known = UNKNOWN
        return known.id, None if known.kind is not Kind.UNKNOWN else "its type can't be read"

    def _with_start(self, variable: Variable, body: Body) -> Variable:
        """A slot that stands for a variable in the whole function is garbage before the variable is set."""
        frame = [p for r in variable.locations for p in r.pieces if p.place is Place.CFA and p.value < 0]
        if not frame:
            return variable
        start = self.lines.set_from(variable, body)
        if start is None:
            return replace(variable, locations=(), problem="nothing tells from where on its stack slot is set")
        return replace(variable, starts=start)

    def _unmentioned(self, tree: Tree, found: list[Variable], body: Body) -> list[Variable]:
        """Parameters and variables that the abstract function has, and this copy of it doesn't mention at all."""
        origin = tree.die.number(At.ABSTRACT_ORIGIN)
        if origin is None:
            return []
        scope, names = _Scope(body.ranges, 0), {(v.name, v.role) for v in found}
        wanted = (
            c for c in self.units.children(self.units.die(origin)) if c.tag in (Tag.FORMAL_PARAMETER, Tag.VARIABLE)
        )
        variables = (self._variable(die, scope, body, None) for die in wanted)
        return [v for v in variables if v is not None and (v.name, v.role) not in names]


_UNNAMED_RESULT = re.compile(r"~[rb]\d+")


def _is_source_name(name: str) -> bool:
    """Whether a spec can use a name: not `_`, and none of the compiler's (`s.ptr`, `.dict`, `#yield1`, `~r0ptr`)."""
    return name != "_" and (name.isidentifier() or bool(_UNNAMED_RESULT.fullmatch(name)))


def _role(declared: Die) -> Role:
    if At.GO_CLOSURE_OFFSET in declared.attributes:
        return Role.CAPTURED
    if declared.tag != Tag.FORMAL_PARAMETER:
        return Role.LOCAL
    return Role.RESULT if declared.number(At.VARIABLE_PARAMETER) else Role.PARAMETER


def _with_heap_copies(found: list[Variable]) -> list[Variable]:
    """Tell parameters and results that were moved to the heap from the copies that they came in or leave with.

    Once there, the heap's is the variable, so it wins (by its depth) from the first code that has it on. A result has
    no other value; a parameter has one before.
    """
    moved = {v.name for v in found if v.by_reference and v.role is Role.LOCAL and v.depth == 0}
    twins = {v.name: v.role for v in found if v.name in moved and v.role in (Role.PARAMETER, Role.RESULT)}
    kept = list[Variable]()
    for v in found:
        role = twins.get(v.name)
        if role is None or v.depth or (v.role is Role.PARAMETER and not v.by_reference):
            kept.append(v)
        elif v.by_reference:
            first = v.starts if v.starts is not None else min((r.lo for r in v.locations), default=v.scope[-1].hi)
            scope = tuple(Range(max(s.lo, first), s.hi) for s in v.scope if s.hi > first)
            kept.append(replace(v, depth=1, scope=scope) if role is Role.PARAMETER else replace(v, role=role))
    return kept


def _without_repetitions(found: list[Variable]) -> list[Variable]:
    """Compilers list some results twice: of equal ones only the first that says where it is counts."""
    best: dict[object, Variable] = {}
    for v in found:
        key = (v.name, v.role, v.type, v.scope, v.depth, v.decl_line) if v.role is not Role.RESULT else (v.name, v.role)
        if key not in best or (not best[key].locations and v.locations):
            best[key] = v
    return list(best.values())
