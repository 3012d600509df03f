"""Compile a spec against a binary: parse, bind, lower, optimize, generate; everything that a bundle holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from sey.backends.ebpf.compile import compile_events, compile_snapshot
from sey.backends.interp.lower import compile_bytecode
from sey.binary.errors import Problem
from sey.binary.gobinary import GoBinary, open_go, require_debug_info
from sey.binary.identity import identity
from sey.binary.pclntab import open_pclntab
from sey.binary.processpath import known_as, name_of
from sey.frontend import ast
from sey.frontend.bind import bind
from sey.frontend.bound import BoundSpec
from sey.frontend.debuginfo.bare import BareInfo, open_bare
from sey.frontend.debuginfo.model import DebugInfo
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.lower.events import lower_events
from sey.frontend.lower.program import Lowered, lower
from sey.frontend.lower.runtime import Described
from sey.frontend.oneliners import PATH as ONE_LINERS
from sey.frontend.options import DEFAULT_OPTIONS as DEFAULT_OPTIONS
from sey.frontend.options import Options as Options
from sey.frontend.parser import parse
from sey.frontend.source import Source
from sey.ir.nodes import Program
from sey.ir.passes import DEFAULT_PASSES, DropUnused, run_passes
from sey.ir.printer import print_program
from sey.runtime.bundle import BinaryProbe, Bundle, EventProbe, SpecFile

_OF_BINARY = (ast.Func, ast.Event, ast.Global, ast.Type, ast.Context)
"""Statements that ask for something inside of a binary."""


@dataclass(frozen=True)
class Compiled:
    """A bundle, and what a user should know of how it came about."""

    bundle: Bundle
    warnings: tuple[Problem, ...]


def compile_spec(
    source: Source | None,
    binaries: Sequence[str],
    options: Options = DEFAULT_OPTIONS,
    *,
    bare: Callable[[], BinaryProbe] | None = None,
) -> Compiled:
    """Compile a spec (None: goroutines and stacks alone) for binaries. Raises SeyError with all that is wrong.

    The bundle depends on the spec's text, on the builds, and on the last elements of their paths: where they lie says
    nothing on another machine. `bare` gives what compiling no spec for a single binary gave, so that the snapshot's
    half of a spec that has events alone needn't be made again.
    """
    probes: list[BinaryProbe] = []
    warnings: list[Problem] = []
    for path in binaries:
        probe, found = _compile_one(source, path, options, bare)
        probes.append(probe)
        warnings += found
    return Compiled(_bundle(source or Source("", ""), tuple(probes)), tuple(warnings))


def _bundle(spec: Source, probes: tuple[BinaryProbe, ...]) -> Bundle:
    name, *others = stored_names(spec)
    imports = zip(others, spec.imports, strict=True)
    files = tuple(SpecFile(path, file.text, file.library) for path, file in imports)
    return Bundle(name, spec.text, probes, files)


def stored_names(spec: Source) -> tuple[str, ...]:
    """What a bundle calls the files of a spec: paths from its folder, since where that lies says nothing elsewhere."""
    start = os.path.dirname(spec.path) or "."
    in_folder = (not file.library and file.path != ONE_LINERS for file in spec.imports)
    others = (
        os.path.relpath(file.path, start) if beside else file.path
        for file, beside in zip(spec.imports, in_folder, strict=True)
    )
    return (PurePath(spec.path).name, *others)


def _compile_one(
    source: Source | None, path: str, options: Options, bare: Callable[[], BinaryProbe] | None
) -> tuple[BinaryProbe, Sequence[Problem]]:
    binary = open_go(path)
    info = open_info(source, binary, path, options)
    spec, warnings = bind_spec(source, info, options.runs_as or path, binary.build.module, options.allow_missing)
    if source is not None and _events_alone(source):
        probe = bare() if bare is not None else _compile_one(None, path, options, None)[0]
        named = replace(probe.plan, spec_path=stored_names(source)[0])
        events = compile_event_blocks(spec, info, binary)
        return replace(probe, path=name_of(path), plan=named, events=events), warnings
    lowered = lower_spec(spec, info, binary)
    names = stored_names(spec.source)
    program = optimize(replace(lowered.program, files=(*names, *lowered.program.files[len(names) :])))
    layout = f"Go {info.layout.minor}" if isinstance(info, BareInfo) else None
    probe = BinaryProbe(
        path=name_of(path),
        identity=identity(binary.elf),
        go_version=str(binary.build.version),
        plan=replace(lowered.plan, layout=layout, spec_path=names[0]),
        ir=print_program(program),
        program=compile_snapshot(program),
        bytecode=compile_bytecode(program).encode(),
        events=compile_event_blocks(spec, info, binary) if spec.events else None,
    )
    return probe, warnings


def _events_alone(source: Source) -> bool:
    """Whether a spec has events and nothing else: nothing of it is about snapshots, which are then as without a spec.

    Raises SpecError.
    """
    statements = parse(source).statements
    return bool(statements) and all(isinstance(each, ast.Event) for each in statements)


def compile_event_blocks(spec: BoundSpec, info: Described, binary: GoBinary) -> EventProbe:
    """Compile the events of a bound spec. Raises SeyError."""
    lowered = lower_event_blocks(spec, info, binary)
    program = run_passes(lowered.program, (*DEFAULT_PASSES, DropUnused()))
    return EventProbe(lowered.plan, print_program(program), compile_events(program, probes=len(lowered.plan.probes)))


def lower_event_blocks(spec: BoundSpec, info: Described, binary: GoBinary) -> Lowered:
    """Lower the events of a bound spec: what can be wrong with them is found by that. Raises SeyError."""
    lowered = lower_events(spec, info, open_pclntab(binary), str(binary.build.version))
    names = stored_names(spec.source)
    program = replace(lowered.program, files=(*names, *lowered.program.files[len(names) :]))
    return Lowered(program, replace(lowered.plan, spec_path=names[0]))


def open_info(source: Source | None, binary: GoBinary, path: str, options: Options) -> Described:
    """What is known of a binary. One without debug information will do where a spec asks for nothing inside of it.

    Raises SeyError: too little is known of it, damaged.
    """
    bare = open_bare(binary, options.debug_file)
    if bare is None:
        return open_debug_info(path, cache_dir=options.cache_dir, debug_file=options.debug_file)
    if source is not None and any(isinstance(s, _OF_BINARY) for s in parse(source).statements):
        require_debug_info(binary)
    return bare


def bind_spec(
    source: Source | None, info: DebugInfo, path: str, module: str | None, allow_missing: bool
) -> tuple[BoundSpec, Sequence[Problem]]:
    """Parse and bind a spec against one binary. Raises SeyError with everything that is wrong with it."""
    if source is None:
        return BoundSpec(Source("", "")), []
    return bind(parse(source), source, info, binary=known_as(path), module=module, allow_missing=allow_missing)


def lower_spec(spec: BoundSpec, info: Described, binary: GoBinary) -> Lowered:
    """Lower a bound spec for a binary."""
    return lower(spec, info, open_pclntab(binary), str(binary.build.version))


def optimize(program: Program) -> Program:
    """The program after all passes, verified before, between and after them."""
    return run_passes(program, DEFAULT_PASSES)
