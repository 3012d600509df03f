"""A spec to start from: functions with the variables that they have, as text that a person goes on with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sey.frontend.bind.columns import column_namespace, table_namespace
from sey.frontend.debuginfo.model import DebugInfo, Role, Variable
from sey.frontend.diagnostics.base import Reject, SpannedProblem
from sey.frontend.source import Source, Span

MOST_VARIABLES = 10
"""Variables of one function that are suggested; more would be noise."""
_PLAIN = re.compile(r"[^\W\d]\w*")
_PATH = re.compile(r"[\w.~-]+/(?:[\w.~-]+/)*")
_CLOSURE = re.compile(r"(?:func|gowrap|deferwrap)\d*|\d+|range\d+")


@dataclass(frozen=True)
class Suggested:
    """One variable: its name in Go, its column, the text of its type, and why it is left out, where it is."""

    name: str
    column: str
    type: str
    problem: str | None = None

    def line(self) -> str:
        """The capture, as a comment where it is left out."""
        renamed = "" if self.column == self.name else f" as {self.column}"
        head = f"  {self.name}{renamed}" if self.problem is None else f"  # {self.name}{renamed}"
        return f"{head}  # {self.type}" if self.problem is None else f"{head}: {self.type}, {self.problem}"


@dataclass(frozen=True)
class SuggestedBlock:
    """A `func` block, and the comment above it."""

    function: str
    table: str
    comment: str
    variables: tuple[Suggested, ...]

    def without(self, problems: Mapping[str, str]) -> SuggestedBlock:
        """With the variables of these columns left out, for these reasons."""
        kept = tuple(Suggested(v.name, v.column, v.type, v.problem or problems.get(v.column)) for v in self.variables)
        return SuggestedBlock(self.function, self.table, self.comment, kept)

    @property
    def useful(self) -> bool:
        """Whether there is something to capture."""
        return any(v.problem is None for v in self.variables)

    def text(self) -> str:
        """The block as it stands in a spec."""
        body = "".join(f"{v.line()}\n" for v in self.variables)
        comment = f"# {self.comment}\n" if self.comment else ""
        return f'{comment}func "{self.function}" as {self.table} {{\n{body}}}\n'


@dataclass
class Suggester:
    """Makes blocks, with names of tables that don't clash."""

    info: DebugInfo
    _tables: set[str] = field(default_factory=set)

    def block(self, function: str, comment: str = "") -> SuggestedBlock | None:
        """The block of a function; None where the binary has no code of it."""
        if self.info.function(function) is None or not (bodies := self.info.bodies(function)):
            return None
        found: dict[str, list[Variable]] = {}
        for body in bodies:
            for variable in self.info.variables(body):
                found.setdefault(variable.name, []).append(variable)
        # Parameters first: they say best what a call is about.
        names = [n for n in found if _PLAIN.fullmatch(n) and n != "_" and any(v.locations for v in found[n])]
        names.sort(key=lambda n: found[n][0].role is not Role.PARAMETER)
        return SuggestedBlock(function, self._table(function), comment, tuple(self._variables(names, found)))

    def _variables(self, names: Sequence[str], found: Mapping[str, Sequence[Variable]]) -> Iterable[Suggested]:
        taken = column_namespace()
        for name in names[:MOST_VARIABLES]:
            column = name.lower()
            try:
                taken.take(column, Span(0, 0), given=True)
            except Reject:
                column = f"my_{column}"
                try:
                    taken.take(column, Span(0, 0), given=True)
                except Reject:
                    continue
            # In comments a package's last element will do, as in Go source.
            yield Suggested(name, column, _PATH.sub("", self.info.type(found[name][0].type).name))

    def _table(self, function: str) -> str:
        """The last word that says something: `run_func1` for `main.(*server).run.func1`."""
        words = re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", function.rpartition("/")[2])) or ["calls"]
        keep = 1
        while keep < len(words) and _CLOSURE.fullmatch(words[-keep]):
            keep += 1
        stem = "_".join(words[-keep:]).lower()
        for number in range(1, 1000):
            name = stem if number == 1 else f"{stem}_{number}"
            try:
                table_namespace().take(name, Span(0, 0), given=True)
            except Reject:
                name = f"my_{name}"
            if name not in self._tables:
                break
        self._tables.add(name)
        return name


def spec_text(head: Sequence[str], program: str, blocks: Sequence[SuggestedBlock]) -> str:
    """The whole spec: comments, the `program` block, the `func` blocks."""
    comments = "".join(f"# {line}".rstrip() + "\n" for line in head)
    return "\n".join([comments, program, *(block.text() for block in blocks)])


def by_column(
    source: Source, problems: Iterable[SpannedProblem], blocks: Sequence[SuggestedBlock]
) -> list[SuggestedBlock]:
    """The blocks without the captures in whose lines problems lie."""
    wrong: dict[int, str] = {source.position(p.span.start)[0]: p.message() for p in problems}
    lines = source.text.splitlines()
    result, at = [], 0
    for block in blocks:
        head = f'func "{block.function}" as {block.table} {{'
        at = lines.index(head, at)
        found = {v.column: wrong[at + n] for n, v in enumerate(block.variables, start=2) if at + n in wrong}
        result.append(block.without(found))
    return result
