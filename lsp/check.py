"""Everything that is wrong with a spec, by itself and against binaries, as the compiler sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from sey.binary.errors import Problem, SeyError
from sey.frontend.bind import bind
from sey.frontend.diagnostics.base import SpecError
from sey.frontend.imports import with_imports
from sey.frontend.parser import parse
from sey.frontend.source import Source
from sey.lsp.binaries import Binaries


@dataclass(frozen=True)
class Found:
    """A problem, the source that its span points into, and the binaries that have it: none where every one does."""

    problem: Problem
    source: Source | None = None
    binaries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """A spec with what it imports, as far as that could be read, and its problems."""

    source: Source
    found: tuple[Found, ...]


def check(source: Source, read: Callable[[str], Source], paths: Sequence[str], binaries: Binaries) -> Checked:
    """Check a spec. `read` gives the files that it imports; without `paths` only its syntax is looked at."""
    try:
        source = with_imports(source, read)
        spec = parse(source)
    except SpecError as error:
        return Checked(error.source, tuple(Found(problem, error.source) for problem in error.problems))
    by_path: dict[str, Sequence[Problem]] = {}
    for path in paths:
        try:
            binary = binaries.open(path)
            info, close = binary.info, binary.spellings
            by_path[path] = bind(spec, source, info, binary=path, module=binary.module, functions=close)[1]
        except SeyError as error:
            by_path[path] = error.problems
    return Checked(source, tuple(_merged(by_path, source)))


def _merged(by_path: dict[str, Sequence[Problem]], source: Source) -> list[Found]:
    """Each problem once, however many binaries have it."""
    first: dict[Problem, Problem] = {}
    having: dict[Problem, dict[str, None]] = {}
    for path, problems in by_path.items():
        for problem in problems:
            key = _without_binary(problem)
            first.setdefault(key, problem)
            having.setdefault(key, {})[path] = None
    return [
        Found(problem, source, tuple(having[key]) if len(having[key]) < len(by_path) else ())
        for key, problem in first.items()
    ]


def _without_binary(problem: Problem) -> Problem:
    has_name = any(field.name == "binary" for field in fields(problem))
    return replace(problem, binary="") if has_name else problem  # type: ignore[call-arg]
