"""All variables of all frames of a core: those captured beside those that Delve reads."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from sey.backends.interp.lower import compile_bytecode
from sey.binary.gobinary import open_go
from sey.binary.identity import identity
from sey.frontend.compile import bind_spec, lower_spec
from sey.frontend.debuginfo.names import stack_name
from sey.frontend.debuginfo.open import open_debug_info
from sey.frontend.source import Source
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.decode import views
from sey.runtime.dump import open_dump
from sey.runtime.postmortem import take_dump
from sey.runtime.snapshot import Limits
from tests.delve.compare import Part, parts
from tests.delve.dlv import LOAD, Frame, Json, delve_of
from tests.delve.faults import explained
from tests.kernel.support import INDEXES, Tables

LIMITS = f"{{ max_string {LOAD['MaxStringLen']}, max_items {LOAD['MaxArrayValues']}, depth 4 }}"
_SHADOWED = 2
_CONSTANT = 4
_BLOCKS = 60
_TYPES = 32
"""Types of one name in a function that a spec may use."""


@dataclass(frozen=True)
class Compared:
    """A variable of one frame, as both see it."""

    frame: Frame
    name: str
    status: str
    own: Any
    theirs: Json | None
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        wrong = "; ".join(f"{p.path or 'it'}: {p.own!r} instead of {p.theirs!r}"[:400] for p in self.parts)
        frame = self.frame
        return f"goroutine {frame.goid} {frame.function}:{frame.line} {self.name} ({self.status}): {wrong}"


@dataclass
class Report:
    """What a comparison found: how many variables and leaves by verdict, and those that differ."""

    variables: Counter[str] = field(default_factory=Counter)
    leaves: Counter[str] = field(default_factory=Counter)
    wrong: list[Compared] = field(default_factory=list)
    missing: list[Compared] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    values: dict[tuple[str, str, int], list[Any]] = field(default_factory=lambda: defaultdict(list))

    def add(self, one: Compared) -> None:
        """Count one variable."""
        verdicts = {p.verdict for p in one.parts}
        if one.own is not None:
            self.values[one.frame.function, one.name, one.frame.line].append(one.own)
        self.leaves.update(p.verdict for p in one.parts)
        if "wrong" in verdicts:
            self.variables["wrong"] += 1
            self.wrong.append(Compared(one.frame, one.name, one.status, one.own, one.theirs, _only(one, "wrong")))
        elif one.own is None:
            self.variables[one.status] += 1
            self.missing.append(one)
        else:
            self.variables["equal" if "equal" in verdicts else "silent"] += 1

    def shown(self) -> dict[tuple[str, str, int], set[str]]:
        """By function, variable and line of the frame all values that are there, without addresses and times."""
        return {key: {json.dumps(_settled(v), sort_keys=True) for v in values} for key, values in self.values.items()}

    def __str__(self) -> str:
        return f"variables {dict(self.variables)}, leaves {dict(self.leaves)}, {len(self.unmatched)} frames unmatched"


def _only(one: Compared, verdict: str) -> tuple[Part, ...]:
    return tuple(p for p in one.parts if p.verdict == verdict)


@dataclass(frozen=True)
class Spec:
    """Specs that capture every variable of a program's functions, and what their tables and columns stand for."""

    texts: tuple[str, ...]
    functions: dict[str, str]
    names: dict[tuple[str, str], str]


def spec_of(executable: Path, wanted: Iterable[str]) -> Spec:
    """Specs for these functions: a table each, a column for each variable's name."""
    info = open_debug_info(str(executable), cache_dir=INDEXES)
    functions, names, texts = dict[str, str](), dict[tuple[str, str], str](), list[str]()
    for function in wanted:
        types = defaultdict[str, set[int]](set)
        for body in info.bodies(function):
            for variable in info.variables(body):
                types[variable.name].add(variable.type)
        variables = [name for name, of in types.items() if len(of) <= _TYPES]
        for start in range(0, len(variables), 60):
            table = f"table{len(functions)}"
            functions[table] = function
            lines = [f'func "{function}" as {table} {{']
            for number, name in enumerate(variables[start : start + 60]):
                names[table, f"v{number}"] = name
                lines.append(f"  {name} as v{number} {LIMITS}")
            texts.append("\n".join([*lines, "}"]))
    joined = tuple("\n".join(texts[at : at + _BLOCKS]) for at in range(0, len(texts), _BLOCKS))
    return Spec(joined, functions, names)


def interpreted(executable: Path, text: str) -> Bundle:
    """The bundle of a spec for cores alone: neither optimized nor for eBPF, which takes most of the time."""
    source, binary = Source("test.sey", text) if text else None, open_go(str(executable))
    info = open_debug_info(str(executable), cache_dir=INDEXES)
    spec, _ = bind_spec(source, info, str(executable), binary.build.module, True)
    lowered = lower_spec(spec, info, binary)
    version = str(binary.build.version)
    bytecode = compile_bytecode(lowered.program).encode()
    probe = BinaryProbe(executable.name, identity(binary.elf), version, lowered.plan, "", bytecode=bytecode)
    return Bundle("test.sey", text, (probe,))


def captured(core: Path, executable: Path, text: str) -> Tables:
    """The tables of a core's process, known types by their fields."""
    with mock.patch.object(views, "_view", return_value=None):  # Delve shows the fields that types have.
        return Tables(take_dump(interpreted(executable, text), 0, open_dump(str(core), str(executable)), Limits()))


def compare(core: Path, executable: Path, wanted: str, recurse: int = 3) -> Report:
    """Compare every variable of the frames of functions whose names match `wanted`."""
    pattern, report = re.compile(wanted), Report()
    found = captured(core, executable, "").rows("select distinct function from frames order by function")
    spec = spec_of(executable, [row["function"] for row in found if pattern.match(row["function"])])
    with delve_of(core, executable, recurse) as delve:
        theirs = [frame for goid in delve.goroutines() for frame in delve.frames(goid)]
    their_frames = defaultdict[tuple[int, str], list[Frame]](list)
    for frame in theirs:
        if pattern.match(stack_name(frame.function)):
            their_frames[frame.goid, stack_name(frame.function)].append(frame)
    for text in spec.texts:
        for key, rows in _own(captured(core, executable, text), spec).items():
            _compare_frames(report, key, rows, their_frames.get(key, []))
    return report


# Addresses, a closure's code, goroutine ids, the state of a lock on standard output, times and a timer's processor.
_UNSETTLED = {"address", "$address", "F", "receivers", "senders", "fdmu", "deadline", "when", "pp"}


def _settled(value: Any) -> Any:
    """A value without what differs from run to run, or by how much of it there was room for."""
    match value:
        case {"$status": word}:
            return {"$status": word}
        case dict():
            return {name: _settled(item) for name, item in value.items() if name not in _UNSETTLED}
        case list():
            return [_settled(item) for item in value]
    return value


_Row = dict[str, Any]


def _own(found: Tables, spec: Spec) -> dict[tuple[int, str], list[tuple[int, int, dict[str, _Row]]]]:
    """By goroutine and function the frames (depth, line, variables by name), innermost first."""
    frames = defaultdict[tuple[int, str, int], dict[str, _Row]](dict)
    for row in found.rows("select source, goid, depth, name, type, value, status from captures"):
        name = spec.names[row["source"], row["name"]]
        frames[row["goid"], spec.functions[row["source"]], row["depth"]][name] = row
    lines = {
        (row["goid"], row["depth"]): row["line"]
        for row in found.rows("select goid, depth, line from goroutines join frames using (pid, stack_id)")
    }
    grouped = defaultdict[tuple[int, str], list[tuple[int, int, dict[str, _Row]]]](list)
    for (goid, function, depth), variables in sorted(frames.items(), key=lambda item: item[0][2]):
        grouped[goid, function].append((depth, lines[goid, depth], variables))
    return grouped


def _compare_frames(
    report: Report, key: tuple[int, str], own: list[tuple[int, int, dict[str, _Row]]], theirs: list[Frame]
) -> None:
    if len(own) != len(theirs):
        report.unmatched.append(f"goroutine {key[0]} {key[1]}: {len(own)} frames, {len(theirs)} by Delve")
        return
    for (depth, line, variables), frame in zip(own, theirs, strict=True):
        if line != frame.line and depth:  # Delve shows the line behind the call that the innermost one waits in.
            report.unmatched.append(f"goroutine {key[0]} {key[1]}: line {line}, {frame.line} by Delve")
            continue
        for one in _variables(frame, variables):
            report.add(one)


def _variables(frame: Frame, rows: dict[str, _Row]) -> Iterator[Compared]:
    visible = {v["name"]: v for v in frame.variables if not v["flags"] & (_SHADOWED | _CONSTANT)}
    for name, row in rows.items():
        other, value = visible.get(name), value_of(row)
        if other is not None and "go.shape.*" in other["type"] and _is_instance(row):
            other = None  # Delve finds no dictionary in optimized code, and shows the shape.
        if other is None:
            verdict = "silent" if value is not None else row["status"]
            yield Compared(frame, name, row["status"], value, None, (Part("", verdict),))
        else:
            own = {"$status": row["status"]} if value is None else value
            yield Compared(frame, name, row["status"], value, other, tuple(map(_judged, parts(own, other))))


def _judged(part: Part) -> Part:
    """The part; where it differs by a fault of Delve's, as one that Delve has nothing to say of."""
    return replace(part, verdict="silent") if part.verdict == "wrong" and explained(part) else part


def value_of(row: _Row) -> Any:
    """The value of a row of `captures` in the JSON form; None where it is missing."""
    if row["status"] == "nil":
        return {"$status": "nil"}
    if row["value"] is None:
        return None
    value = _loads(row["value"]) if _is_instance(row) or not _is_text(row["type"]) else row["value"]
    if _is_instance(row):
        value = value["value"]  # Delve shows the type that a dictionary tells as the variable's own.
    if row["status"] == "truncated":
        return {"$status": "truncated", "$value": value}
    return value


def _is_instance(row: _Row) -> bool:
    """Whether a value of generic code stands with its type."""
    value = _loads(row["value"]) if "go.shape." in row["type"] and row["value"] else None
    return isinstance(value, dict) and value.keys() == {"type", "value"}


def _is_text(of: str) -> bool:
    bare = of.lstrip("*").removeprefix("go.shape.")
    return bare in ("string", "[]uint8") or bool(re.fullmatch(r"\[\d+\]uint8", bare))


def _loads(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value  # A text of a type of its own.
