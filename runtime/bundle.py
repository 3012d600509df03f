"""Probe bundles (.seyp): a compiled spec with all that taking a snapshot and decoding it needs (spec/bundle.md).

bundle = Bundle("shop.sey", text, (BinaryProbe(...),))
bundle.save("shop.seyp")
Bundle.load("shop.seyp").for_identity(identity(elf))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sey.binary.errors import SeyError
from sey.binary.identity import Identity
from sey.ir import codec
from sey.ir.artifacts import BpfProgram, EventProgram
from sey.ir.plan import PLAN_VERSION, Plan
from sey.ir.typegraph import DamagedTypesError, PlanTypes, columns_of, decoded
from sey.runtime import container
from sey.runtime.container import BUNDLE, Container, Section
from sey.runtime.file_errors import NewerFile, OlderFile
from sey.runtime.plan_check import check_plan
from sey.runtime.program_check import wrong_event_facts, wrong_facts

T = TypeVar("T")


@dataclass(frozen=True)
class EventProbe:
    """What a spec's `event` blocks were compiled to for one binary."""

    plan: Plan
    ir: str
    program: EventProgram


@dataclass(frozen=True)
class BinaryProbe:
    """What a spec was compiled to for one binary.

    `path` is the last element of the binary's path at build time. `program` is None where the probe was compiled
    without the eBPF backend, `bytecode` (spec/bytecode.md) where it was compiled without that one. `requirements` are
    words for what a host must have besides one of the engines; there are none so far.
    """

    path: str
    identity: Identity
    go_version: str
    plan: Plan
    ir: str
    program: BpfProgram | None = None
    requirements: tuple[str, ...] = ()
    bytecode: bytes | None = None
    events: EventProbe | None = None

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plan of snapshots, and that of events where there are any."""
        return (self.plan,) if self.events is None else (self.plan, self.events.plan)


@dataclass(frozen=True)
class _BinaryEntry:
    path: str
    identity: Identity
    go_version: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class _Manifest:
    spec_path: str
    binaries: tuple[_BinaryEntry, ...]


@dataclass(frozen=True)
class SpecFile:
    """A file that a spec imports: its path from the spec's folder, its text, and whether it came with sey."""

    path: str
    text: str
    library: bool = False


@dataclass(frozen=True)
class _Imports:
    files: tuple[SpecFile, ...]


@dataclass(frozen=True)
class Bundle:
    """A spec's file name and text, and its probes, one for each binary. Without a spec both texts are empty.

    `imports` are the files that the spec imports, in the order in which they follow its text.
    """

    spec_path: str
    spec: str
    binaries: tuple[BinaryProbe, ...]
    imports: tuple[SpecFile, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """The text of the spec and of each file it imports, by path."""
        return {self.spec_path: self.spec} | {file.path: file.text for file in self.imports}

    def for_identity(self, identity: Identity) -> BinaryProbe | None:
        """The probe for that very build, or None."""
        return next((binary for binary in self.binaries if binary.identity == identity), None)

    def sections(self) -> dict[str, Section]:
        """The bundle as sections of its container."""
        entries = tuple(_BinaryEntry(b.path, b.identity, b.go_version, b.requirements) for b in self.binaries)
        sections: dict[str, Section] = {
            "manifest": codec.dumps(_Manifest(self.spec_path, entries)),
            "spec": self.spec.encode(),
        }
        if self.imports:
            sections["imports"] = codec.dumps(_Imports(self.imports))
        for number, binary in enumerate(self.binaries):
            sections |= {f"b{number}/{name}": data for name, data in _binary_sections(binary).items()}
        return sections

    def to_bytes(self) -> bytes:
        """The file's contents; the same bundle always gives the same bytes."""
        return b"".join(container.pack(BUNDLE, self.sections()))

    def save(self, path: str) -> None:
        """Write it, whole or not at all. Raises SeyError."""
        container.save(path, BUNDLE, self.sections())

    @classmethod
    def load(cls, path: str) -> Bundle:
        """Read and check a bundle. Raises SeyError."""
        return cls.from_container(container.load(path, BUNDLE)[1])

    @classmethod
    def from_bytes(cls, path: str, data: bytes) -> Bundle:
        """Check and read the bytes of a bundle; `path` is for messages. Raises SeyError."""
        return cls.from_container(container.unpack(path, data, BUNDLE)[1])

    @classmethod
    def from_container(cls, file: Container) -> Bundle:
        """Read a bundle from its opened container. Raises SeyError."""
        manifest = codec.loads(_Manifest, bytes(file.section("manifest")), f"{file.path}, manifest")
        if not manifest.binaries:
            raise file.damage("section `manifest`", "it is for no binary")
        binaries = tuple(_read_binary(file, number, entry) for number, entry in enumerate(manifest.binaries))
        imports: tuple[SpecFile, ...] = ()
        if "imports" in file.sections:
            imports = codec.loads(_Imports, bytes(file.section("imports")), f"{file.path}, imports").files
        return cls(manifest.spec_path, _text(file, "spec"), binaries, imports)


def _binary_sections(binary: BinaryProbe) -> Mapping[str, Section]:
    sections: dict[str, Section] = {
        "plan": codec.dumps(replace(binary.plan, types=())),
        "types": columns_of(binary.plan.types).encoded(),
        "ir": binary.ir.encode(),
    }
    if binary.program is not None:
        sections |= {"bpf": _facts(binary.program), "bpf.o": binary.program.object}
    if binary.bytecode is not None:
        sections["seyb"] = binary.bytecode
    if binary.events is not None:
        sections |= {f"events/{name}": data for name, data in _event_sections(binary.events).items()}
    return sections


def _event_sections(events: EventProbe) -> Mapping[str, Section]:
    return {
        "plan": codec.dumps(replace(events.plan, types=())),
        "types": columns_of(events.plan.types).encoded(),
        "ir": events.ir.encode(),
        "bpf": _facts(events.program),
        "bpf.o": events.program.object,
    }


def _facts(program: BpfProgram | EventProgram) -> bytes:
    return json.dumps(program.facts(), separators=(",", ":"), sort_keys=True).encode()


def _read_binary(file: Container, number: int, entry: _BinaryEntry) -> BinaryProbe:
    plan = _read_plan(file, f"b{number}/plan", f"b{number}/types")
    return BinaryProbe(
        path=entry.path,
        identity=entry.identity,
        go_version=entry.go_version,
        plan=plan,
        ir=_text(file, f"b{number}/ir"),
        program=_read_program(file, f"b{number}/bpf", plan),
        requirements=entry.requirements,
        bytecode=bytes(file.section(f"b{number}/seyb")) if f"b{number}/seyb" in file.sections else None,
        events=_read_events(file, f"b{number}/events", plan) if f"b{number}/events/plan" in file.sections else None,
    )


def _read_events(file: Container, section: str, snapshot: Plan) -> EventProbe:
    plan = _read_plan(file, f"{section}/plan", f"{section}/types")
    taken = {name.lower() for name in (*(b.table for b in snapshot.blocks), *(t.name for t in snapshot.tables))}
    if any(event.table.lower() in taken for event in plan.events):
        raise file.damage(f"section `{section}/plan`", "two tables are the same")
    program = _program_of(file, f"{section}/bpf", EventProgram.from_facts)
    if reason := wrong_event_facts(program, plan):
        raise file.damage(f"section `{section}/bpf`", reason)
    return EventProbe(plan, _text(file, f"{section}/ir"), program)


def _read_plan(file: Container, section: str, types: str) -> Plan:
    data = bytes(file.section(section))
    # The version comes first, so that a plan of another is called newer or older, and not damaged.
    head = data[:40].removeprefix(b'{"version":').split(b",")[0]
    if head.isdigit() and int(head) > PLAN_VERSION:
        raise SeyError(NewerFile(file.path, "decode plan", int(head), PLAN_VERSION))
    if head.isdigit() and int(head) < PLAN_VERSION:
        raise SeyError(OlderFile(file.path, int(head), PLAN_VERSION))
    plan = codec.loads(Plan, data, f"{file.path}, {section}")
    if plan.types:
        raise file.damage(f"section `{section}`", "it has types, which have a section of their own")
    try:
        plan = replace(plan, types=PlanTypes(decoded(file.section(types))))
    except DamagedTypesError as damaged:
        raise file.damage(f"section `{types}`", str(damaged)) from None
    check_plan(plan, file.path, section)
    return plan


def _read_program(file: Container, section: str, plan: Plan) -> BpfProgram | None:
    if section not in file.sections:
        return None
    program = _program_of(file, section, BpfProgram.from_facts)
    if reason := wrong_facts(program, plan):
        raise file.damage(f"section `{section}`", reason)
    return program


def _program_of(file: Container, section: str, read: Callable[[bytes, Mapping[str, Any]], T]) -> T:
    try:
        return read(bytes(file.section(f"{section}.o")), json.loads(bytes(file.section(section))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise file.damage(f"section `{section}`", f"{type(error).__name__} {error}") from None


def _text(file: Container, section: str) -> str:
    try:
        return bytes(file.section(section)).decode()
    except UnicodeDecodeError:
        raise file.damage(f"section `{section}`", "it is not UTF-8") from None
