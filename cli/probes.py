"""Which processes to capture with which probe: PROBEs from the command line, `-p`, and the rules of programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from sey.binary.errors import Exit, Problem, SeyError
from sey.binary.gobinary import GoBinary, open_go
from sey.binary.identity import Identity, identity
from sey.binary.processpath import name_of
from sey.cli.making import called, make
from sey.cli.targets import require_go
from sey.frontend.options import DEFAULT_OPTIONS, Options
from sey.ir.plan import PlanProgram, PlanRule
from sey.runtime.bundle import Bundle
from sey.runtime.capture_errors import other_build
from sey.runtime.process import Process, Rule, Subject, all_pids, fits
from sey.runtime.snapshot import Request

if TYPE_CHECKING:
    from sey.frontend.source import Source


@dataclass(frozen=True)
class NoProcess(Problem):
    """No process fits the rules of a probe's programs."""

    code: ClassVar[str] = "SEY0660"
    exit_status: ClassVar[Exit] = Exit.NOTHING
    title: ClassVar[str] = "no running Go process fits the programs of {probes}"
    help: ClassVar[str | None] = "`sey ps` lists the Go processes; -p PID captures one whatever the rules say"
    probes: str


@dataclass(frozen=True)
class NoRules(Problem):
    """Without `-p` the rules of programs choose the processes, and there are none."""

    code: ClassVar[str] = "SEY0661"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "which processes? {probe} has no `program` block that says so"
    help: ClassVar[str | None] = "name processes with -p PID; `sey ps` lists them"
    probe: str


@dataclass(frozen=True)
class SeveralProbes(Problem):
    """More than one probe applies to a process."""

    code: ClassVar[str] = "SEY0662"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "{first} and {second} both apply to process {pid}"
    help: ClassVar[str | None] = "put what you want to know of one process into one spec"
    first: str
    second: str
    pid: int


@dataclass(frozen=True)
class NoProbeFits(Problem):
    """A process was asked for that none of several probes is for."""

    code: ClassVar[str] = "SEY0663"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "none of the probes {probes} is for process {pid}"
    probes: str
    pid: int


@dataclass(frozen=True)
class Probe:
    """A PROBE: a spec to compile for each binary, or a bundle. Neither: goroutines and stacks alone.

    A spec is its bytes, and is parsed only when that is wanted: one that was compiled before needs no parser.
    """

    name: str
    spec: bytes | None = None
    bundle: Bundle | None = None
    events: tuple[str, ...] = ()
    """Events of the command line, which are added to the spec."""

    @cached_property
    def source(self) -> Source | None:
        """The spec's text, with what it imports and the events added. Raises SeyError where it is none."""
        if not self.events:
            return self._written
        from sey.frontend.oneliners import with_events

        return with_events(self._written, self.events)

    @cached_property
    def _written(self) -> Source | None:
        if self.spec is None:
            return None
        from sey.frontend.imports import with_imports
        from sey.frontend.parser import decode

        return with_imports(decode(self.name, self.spec))

    @cached_property
    def texts(self) -> tuple[bytes, ...] | None:
        """The spec and what it imports, None without one; not parsed if it imports nothing. Raises SeyError."""
        if self.spec is None and not self.events:
            return None
        spec, added = self.spec or b"", tuple(f"-e\0{event}".encode() for event in self.events)
        if b"import" not in spec or self._written is None:
            return (spec, *added)
        return (spec, *(f"{file.path}\0{file.text}".encode() for file in self._written.imports), *added)

    @cached_property
    def programs(self) -> tuple[PlanProgram, ...]:
        """The programs that it is for. Raises SeyError with all that is wrong with a spec's syntax."""
        if self.bundle is not None:
            return tuple(dict.fromkeys(p for binary in self.bundle.binaries for p in binary.plan.programs))
        if self.source is None:
            return ()
        from sey.frontend import ast
        from sey.frontend.parser import parse

        blocks = [s for s in parse(self.source).statements if isinstance(s, ast.Program)]
        return tuple(
            PlanProgram(b.name.name, tuple(PlanRule(r.kind.name, str(r.value.value)) for r in b.rules)) for b in blocks
        )

    def applies(self, subject: Subject, module: str) -> bool:
        """Whether a process is one of its programs; without programs every process is."""
        return not self.programs or bool(matching_programs(self.programs, subject, module))


@dataclass
class Chosen:
    """What to capture: the bundles, a request for each process, and for each the programs that it is.

    `failures` are processes that can't be captured, with their problem.
    """

    bundles: list[Bundle] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    programs: dict[int, tuple[str, ...]] = field(default_factory=dict)
    failures: dict[int, SeyError] = field(default_factory=dict)
    warnings: list[tuple[Problem, Source | None]] = field(default_factory=list)


def read_probe(path: str) -> Probe:
    """A PROBE by its contents: a bundle begins with its magic, all else is a spec. Raises SeyError."""
    return Probe(path, bundle=Bundle.load(path)) if _is_bundle(path) else read_spec(path)


def read_spec(path: str) -> Probe:
    """A PROBE that must be a spec. Raises SeyError where it can't be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_SPEC + 1)
    except OSError:
        data = b""
    if not 0 < len(data) <= _MOST_SPEC:
        from sey.frontend.parser import read

        read(path)  # says what is wrong with it, if anything is
    return Probe(path, spec=data)


def _is_bundle(path: str) -> bool:
    if path.endswith(".seyp"):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(4) in (b"SEYP", b"SEYC")
    except OSError:
        return False  # reading it as a spec says what is wrong


def matching_programs(programs: Sequence[PlanProgram], subject: Subject, module: str) -> tuple[str, ...]:
    """The names of the programs that a process, running or dumped, is. Raises SeyError."""
    found = []
    for program in programs:
        rules = [Rule(rule.kind, rule.value) for rule in program.rules]  # type: ignore[arg-type]
        if all(fits(rule, subject, module or None) for rule in rules):
            found.append(program.name)
    return tuple(found)


def choose(probes: Sequence[Probe], pids: Sequence[int], options: Options | None) -> Chosen:
    """Decide what to capture with what, compiling specs where needed. Raises SeyError.

    `options` are for compiling. With several processes one that can't be captured is noted in `failures`.
    """
    probes = probes or (Probe(""),)
    processes = [Process.look(pid) for pid in dict.fromkeys(pids)] if len(pids) == 1 else []
    chosen = Chosen()
    if len(pids) != 1:
        processes = _asked_for(pids, chosen) if pids else _fitting(probes)
    maker = Maker(chosen, options)
    for process in processes:
        try:
            maker.add(process, _probe_for(probes, process, asked=bool(pids)))
        except SeyError as error:
            if len(processes) == 1 and not chosen.failures:
                raise
            chosen.failures[process.pid] = error
    if not chosen.requests:
        raise next(iter(chosen.failures.values()))
    return chosen


def _asked_for(pids: Sequence[int], chosen: Chosen) -> list[Process]:
    found = []
    for pid in dict.fromkeys(pids):
        try:
            found.append(Process.look(pid))
        except SeyError as error:
            chosen.failures[pid] = error
    return found


def _fitting(probes: Sequence[Probe]) -> list[Process]:
    """All Go processes that fit the programs of some probe."""
    for probe in probes:
        if not probe.programs:
            raise SeyError(NoRules(probe.name or ("-e alone" if probe.events else "a snapshot without a probe")))
    found = []
    for pid in sorted(all_pids()):
        try:
            process = Process.look(pid)
            module = open_go(process.exe_path).build.module
            if pid != os.getpid() and any(probe.applies(process, module) for probe in probes):
                found.append(process)
        except SeyError:
            continue  # not Go, gone, or not ours to see
    if not found:
        raise SeyError(NoProcess(" and ".join(probe.name for probe in probes)))
    return found


def _probe_for(probes: Sequence[Probe], process: Process, *, asked: bool) -> Probe:
    """The one probe for a process. A single one is for whatever process is asked for."""
    path = require_go(process)
    if asked and len(probes) == 1:
        return probes[0]
    return fitting_probe(probes, process, open_go(path))


def fitting_probe(probes: Sequence[Probe], subject: Subject, binary: GoBinary) -> Probe:
    """The one of several probes that is for a process, which runs `binary`. Raises SeyError where it isn't just one."""
    fitting = [probe for probe in probes if probe.applies(subject, binary.build.module)]
    if len(fitting) > 1:
        ours = identity(binary.elf)
        made = [p for p in fitting if p.bundle is None or p.bundle.for_identity(ours) is not None]
        fitting = made or fitting
    if not fitting:
        raise SeyError(NoProbeFits(", ".join(probe.name for probe in probes), subject.pid))
    if len(fitting) > 1:
        raise SeyError(SeveralProbes(fitting[0].name, fitting[1].name, subject.pid))
    return fitting[0]


_MOST_SPEC = 256 << 10
"""A longer spec is left to the reader, which has a limit of its own and the words for it."""


class Maker:
    """Makes requests, and the bundles for them: each spec is compiled once for each binary and name of it."""

    def __init__(self, chosen: Chosen, options: Options | None) -> None:
        self.chosen = chosen
        self.options = options
        self._made: dict[tuple[str, str, str], int] = {}

    def add(self, process: Process, probe: Probe) -> None:
        """Request a running process. Raises SeyError."""
        path = require_go(process)
        binary = open_go(path)
        target = f"process {process.pid}"
        number, entry = self.bundle_for(probe, process, binary, path, name_of(process.exe_path), target)
        self.chosen.requests.append(Request(process, number, entry))

    def bundle_for(
        self, probe: Probe, subject: Subject, binary: GoBinary, path: str, known: str, target: str
    ) -> tuple[int, int]:
        """The number of the bundle among those chosen, and of the binary in it, for a process.

        `binary` is what it runs, at `path` and with the file name `known`; `target` is for messages. Raises SeyError.
        """
        found = identity(binary.elf)
        if probe.bundle is not None:
            number, entry = self._stored(probe.name, probe.bundle, found, known, target)
        else:
            number, entry = self._compiled(probe, found, path), 0
        programs = self.chosen.bundles[number].binaries[entry].plan.programs
        self.chosen.programs[subject.pid] = matching_programs(programs, subject, binary.build.module)
        return number, entry

    def _stored(self, name: str, bundle: Bundle, found: Identity, known: str, target: str) -> tuple[int, int]:
        entries = [n for n, binary in enumerate(bundle.binaries) if binary.identity == found]
        # A build under several names is several programs: that of its own name comes first.
        entries.sort(key=lambda number: bundle.binaries[number].path != known)
        if not entries:
            others = sorted(bundle.binaries, key=lambda binary: binary.path != known)
            raise SeyError(other_build(others, target, found))
        key = (name, "", "")
        if key not in self._made:
            self._made[key] = len(self.chosen.bundles)
            self.chosen.bundles.append(bundle)
        return self._made[key], entries[0]

    def _compiled(self, probe: Probe, found: Identity, path: str) -> int:
        key = (probe.name, found.key, called(probe, path))
        if key not in self._made:
            bundle = self._make(probe, found, path)
            self._made[key] = len(self.chosen.bundles)
            self.chosen.bundles.append(bundle)
        return self._made[key]

    def _make(self, probe: Probe, found: Identity, path: str) -> Bundle:
        made = make(probe, found, path, self.options or DEFAULT_OPTIONS)
        self.chosen.warnings += [(warning, probe.source) for warning in made.warnings]
        return made.bundle
