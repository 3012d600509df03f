"""The variables of a function, over all places where its code is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice, product

from sey.frontend.bind.expressions import ELAPSED, PREDECLARED
from sey.frontend.debuginfo.model import Body, DebugInfo, TypeId, Variable
from sey.frontend.diagnostics.nearest import Names

MAX_FORMS = 32
"""Combinations of types that one expression is tried with."""


class TooManyError(Exception):
    """An expression's variables have more than `MAX_FORMS` combinations of types."""


Hides = Callable[[Body, Variable], str | None]
"""Why a variable of a body can't be named; None where it can."""


def _hides_nothing(_body: Body, _variable: Variable) -> str | None:
    return None


class FunctionScope:
    """Which variables a function has in which of its bodies, and of which types.

    That of a pattern has the bodies of all `functions` that fit it; its `name` is the pattern. Of them `most` count.
    `elapsed`: `duration` is how long a call took.
    """

    def __init__(
        self,
        info: DebugInfo,
        name: str,
        functions: Sequence[str] = (),
        most: int | None = None,
        *,
        bodies: Iterable[Body] | None = None,
        hides: Hides = _hides_nothing,
        elapsed: bool = False,
    ) -> None:
        self.name = name
        self.elapsed = elapsed
        if bodies is None:
            bodies = (body for one in functions or (name,) for body in info.bodies(one))
        self.bodies: tuple[Body, ...] = tuple(islice(bodies, most))
        self._info, self._hides = info, hides

    @cached_property
    def hidden(self) -> Mapping[str, str]:
        """Why variables that no body shows can't be named, by name. Raises SeyError."""
        found: dict[str, str] = {}
        for body in self.bodies:
            for variable in self._info.variables(body):
                reason = self._hides(body, variable)
                if reason is not None and variable.name not in self._all:
                    found.setdefault(variable.name, reason)
        return found

    @cached_property
    def _by_body(self) -> list[dict[str, list[Variable]]]:
        """Not read before something is named: that of a pattern has many bodies."""
        return [_by_name(v for v in self._info.variables(b) if self._hides(b, v) is None) for b in self.bodies]

    def is_builtin(self, name: str) -> bool:
        """Whether a name is a constant, or what is built in at the scope's moment, and no variable."""
        return name in PREDECLARED or (self.elapsed and name == ELAPSED)

    @property
    def variables(self) -> Sequence[Iterable[Variable]]:
        """The variables of each body."""
        return [[one for group in variables.values() for one in group] for variables in self._by_body]

    @cached_property
    def _all(self) -> dict[str, list[Variable]]:
        found: dict[str, list[Variable]] = {}
        for variables in self._by_body:
            for name, entries in variables.items():
                found.setdefault(name, []).extend(entries)
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def names(self) -> tuple[str, ...]:
        """All variables that can be named, in the order in which they were first met. Unnamed results can where the
        function returns: `~r0`."""
        return tuple(name for name in self._all if name != "_" and (self.elapsed or not name.startswith("~")))

    def nearest(self, name: str) -> tuple[str, ...]:
        """The variables closest in name."""
        return Names(self.names()).nearest(name)

    def lost(self, name: str) -> tuple[bool, str | None]:
        """Whether no body has a place for the variable, and what the debug information says about it."""
        entries = self._all[name]
        if any(entry.locations for entry in entries):
            return False, None
        return True, next((entry.problem for entry in entries if entry.problem), None)

    def is_instance(self, name: str, type_id: TypeId) -> bool:
        """Whether code that has the variable with that type tells somewhere what its type really is."""
        return any(v.word is not None and v.type == type_id for v in self._all[name])

    def typings(self, names: Iterable[str]) -> list[Mapping[str, TypeId]]:
        """Every combination of types that the variables have together in a body; one empty one for no names.

        Raises TooManyError where there are more than MAX_FORMS.
        """
        wanted = tuple(dict.fromkeys(names))
        found: dict[tuple[TypeId, ...], None] = {}
        for variables in self._by_body:
            choices = [tuple(dict.fromkeys(v.type for v in variables.get(name, ()))) for name in wanted]
            for combination in product(*choices):
                found[combination] = None
                if len(found) > MAX_FORMS:
                    raise TooManyError
        if not wanted:
            return [{}]
        return [dict(zip(wanted, combination, strict=True)) for combination in found]


def _by_name(variables: Iterable[Variable]) -> dict[str, list[Variable]]:
    found: dict[str, list[Variable]] = {}
    for variable in variables:
        found.setdefault(variable.name, []).append(variable)
    return found
