"""Bundles for PROBEs that are specs: from the cache where they were made before, else compiled and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from sey.binary.errors import Exit, Problem, SeyError
from sey.binary.gobinary import open_go
from sey.binary.identity import Identity, identity
from sey.binary.processpath import known_as, name_of
from sey.cli import probe_cache
from sey.frontend.options import Options
from sey.runtime.bundle import BinaryProbe, Bundle

if TYPE_CHECKING:
    from sey.cli.probes import Probe


@dataclass(frozen=True)
class NotForAll(Problem):
    """A spec was to be built for several binaries, and some of them don't take it; what is wrong was told before."""

    code: ClassVar[str] = "SEY0720"
    exit_status: ClassVar[Exit] = Exit.SPEC
    title: ClassVar[str] = "the spec can't be built for {failed}; nothing was written"
    help: ClassVar[str | None] = "`in PROGRAM` keeps a block to one program; --allow-missing builds what is there"
    failed: str


@dataclass(frozen=True)
class Made:
    """A bundle, and what a user should know of how it came about; `errors` are those of its SQL."""

    bundle: Bundle
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()


def make(probe: Probe, found: Identity, path: str, options: Options) -> Made:
    """The bundle of a spec for the build `found` at `path`; made anew if it came with warnings, to have them told.

    Raises SeyError.
    """
    kept = _keepable(options)
    key = probe_cache.cache_key(probe.name, probe.texts, [found], repr(options) + called(probe, path))
    if kept and (known := probe_cache.load(key)) is not None:
        return Made(known)
    from sey.frontend.compile import compile_spec

    compiled = compile_spec(probe.source, [path], options, bare=lambda: _bare(found, path, options))
    if kept and not compiled.warnings and _holds(compiled.bundle, [found]):
        probe_cache.save(key, compiled.bundle)
    return Made(compiled.bundle, compiled.warnings)


def _bare(found: Identity, path: str, options: Options) -> BinaryProbe:
    """The build at `path` as compiled without a spec, which is kept like any other. Raises SeyError."""
    from sey.cli.probes import Probe

    return make(Probe(""), found, path, options).bundle.binaries[0]


def make_for_all(probe: Probe, paths: Sequence[str], options: Options) -> Made:
    """One bundle for several binaries. The same build under the same name is in it once.

    Raises SeyError with all that is wrong with any of them.
    """
    builds, failures = _builds_of(paths)
    names = [called(probe, path) for path in builds.values()]
    key = probe_cache.cache_key(probe.name, probe.texts, [build for build, _ in builds], f"{options} checked {names}")
    if not failures and _keepable(options) and (known := probe_cache.load(key)) is not None:
        return Made(known)
    made = []
    for (build, _), path in builds.items():
        try:
            made.append(make(probe, build, path, options))
        except SeyError as error:
            failures[path] = error
    if failures:
        raise _together(probe, failures, len(paths))
    bundle = replace(made[0].bundle, binaries=tuple(binary for each in made for binary in each.bundle.binaries))
    warnings = _distinct(warning for each in made for warning in each.warnings)
    errors = tuple(sql_problems(bundle))
    if _keepable(options) and not warnings and not errors and _holds(bundle, [build for build, _ in builds]):
        probe_cache.save(key, bundle)
    return Made(bundle, warnings, errors)


def _builds_of(paths: Sequence[str]) -> tuple[dict[tuple[Identity, str], str], dict[str, SeyError]]:
    """The path of each build by identity and name, in the order given, and what kept others from being looked at."""
    builds: dict[tuple[Identity, str], str] = {}
    failures: dict[str, SeyError] = {}
    for path in paths:
        try:
            builds.setdefault((identity(open_go(path).elf), name_of(path)), path)
        except SeyError as error:
            failures[path] = error
    return builds, failures


def _together(probe: Probe, failures: Mapping[str, SeyError], binaries: int) -> SeyError:
    """One error for all. What is wrong with the spec itself was found with each binary, and is told once."""
    first, *others = failures.values()
    if len(failures) == binaries and all(error.problems == first.problems for error in others):
        return first
    from sey.frontend.diagnostics.base import SpecError
    from sey.frontend.source import Source

    problems = _distinct(problem for error in failures.values() for problem in error.problems)
    return SpecError(probe.source or Source("", ""), *problems, NotForAll(", ".join(map(known_as, failures))))


def called(probe: Probe, path: str) -> str:
    """The file name that the programs of a spec ask for: a build runs under any."""
    return "" if probe.spec is None else name_of(path)


def _distinct(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    found: list[Problem] = []
    for problem in problems:
        if problem not in found:
            found.append(problem)
    return tuple(found)


def _holds(bundle: Bundle, builds: Sequence[Identity]) -> bool:
    """Whether it is for these builds. A file may have been replaced since its build was looked at."""
    return [binary.identity for binary in bundle.binaries] == list(builds)


def _keepable(options: Options) -> bool:
    """What a debug file holds, its name doesn't tell."""
    return options.debug_file is None


def sql_problems(bundle: Bundle) -> Sequence[Problem]:
    """What is wrong with the SQL of a spec's tables, columns and links, found by making them over empty tables."""
    plans = [binary.plan for binary in bundle.binaries]
    if not any(plan.tables or plan.columns or plan.links for plan in plans):
        return ()
    from sey.runtime.capture import Capture
    from sey.runtime.database import open_database

    with open_database(Capture((bundle,), ())) as database:
        return database.problems
