"""What a bundle or a capture holds, as JSON and as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from sey.cli.output import printable
from sey.ir import codec
from sey.ir.plan import PlanLink
from sey.runtime.bundle import BinaryProbe, Bundle, EventProbe
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.container import Container


def described(file: Container, noun: str, bundles: tuple[Bundle, ...], capture: Capture | None) -> dict[str, Any]:
    """All of it but for programs, as JSON: a bundle's manifest, plan and facts, a capture's processes, every size."""
    found: dict[str, Any] = {
        "file": file.path,
        "kind": noun,
        "format": file.version,
        "bundles": [_bundle(bundle) for bundle in bundles],
    }
    if capture is not None:
        found["processes"] = [_process(process.facts) for process in capture.processes]
    found["sections"] = [{"name": name, "bytes": len(data)} for name, data in file.sections.items()]
    return found


def _bundle(bundle: Bundle) -> dict[str, Any]:
    return {
        "spec": bundle.spec_path or None,
        "spec_bytes": len(bundle.spec.encode()),
        "binaries": [_binary(binary) for binary in bundle.binaries],
    }


def _binary(binary: BinaryProbe) -> dict[str, Any]:
    return {
        "path": binary.path,
        "go_version": binary.go_version,
        "identity": str(binary.identity),
        "build": binary.identity.to_json(),
        "requires": list(binary.requirements),
        "tables": [block.table for block in binary.plan.blocks],
        "globals": [g.column.name for g in binary.plan.globals if not g.internal],
        "links": [_link(link) for link in binary.plan.links],
        "types": len(binary.plan.types),
        "ir_bytes": len(binary.ir.encode()),
        "object_bytes": 0 if binary.program is None else len(binary.program.object),
        "bytecode_bytes": len(binary.bytecode or b""),
        "bpf": None if binary.program is None else binary.program.facts(),
        "plan": codec.encode(binary.plan),
        "events": None if binary.events is None else _events(binary.events),
    }


def _events(events: EventProbe) -> dict[str, Any]:
    return {
        "tables": [event.table for event in events.plan.events],
        "probes": len(events.plan.probes),
        "types": len(events.plan.types),
        "ir_bytes": len(events.ir.encode()),
        "object_bytes": len(events.program.object),
        "bpf": events.program.facts(),
        "plan": codec.encode(events.plan),
    }


def _link(link: PlanLink) -> str:
    """As a spec has it."""
    sides = ((link.from_table, link.from_columns), (link.to_table, link.to_columns))
    source, target = (f"{table}({', '.join(columns)})" for table, columns in sides)
    return f"{link.name}: {source} = {target}" + (f" ({link.title})" if link.title else "")


def _process(facts: ProcessFacts) -> dict[str, Any]:
    if facts.problem is not None:
        failed = {"pid": facts.pid, "snapshot": facts.snapshot}
        return failed | {"executable": facts.executable, "problem": facts.problem}
    return {
        "pid": facts.pid,
        "snapshot": facts.snapshot,
        "executable": facts.executable,
        "go_version": facts.go_version,
        "pause_ns": facts.pause_ns,
        "skew_ns": facts.skew_ns,
        "threads": facts.threads,
        "engine": facts.engine,
        "engine_reason": facts.engine_reason,
        "core": facts.core or None,
        "counters": dict(facts.counters),
        "notes": list(facts.notes),
        "trace_ns": facts.trace_ns,
        "held_ns": facts.held_ns,
        "on_event": json.loads(facts.on_event) if facts.on_event else None,
        "event_counters": {event: dict(counters) for event, counters in facts.event_counters.items()},
    }


def print_described(found: dict[str, Any], *, layouts: bool) -> None:
    """What `described` gave, for people. `layouts`: every field of every record, and every type, too."""
    for line in _lines(found, layouts):
        click.echo(printable(line))


def _lines(found: dict[str, Any], layouts: bool) -> Iterator[str]:
    yield f"{found['file']}: {found['kind']}, format {found['format']}"
    for bundle in found["bundles"]:
        yield f"spec: {bundle['spec'] or 'none, goroutines and stacks alone'}"
        for binary in bundle["binaries"]:
            yield from _binary_lines(binary, layouts)
    several = any(process["snapshot"] for process in found.get("processes", ()))
    for process in found.get("processes", ()):
        snapshot = f"snapshot {process['snapshot']}, " if several else ""
        yield f"{snapshot}process {process['pid']}: {process['executable']}"
        if "problem" in process:
            yield f"  not captured: {process['problem']}"
            continue
        if process["trace_ns"] is not None:
            yield f"  {process['go_version']}, traced for {process['trace_ns']} ns"
            for event, counters in process["event_counters"].items():
                yield f"  {event}: {_counts(counters)}"
            continue
        came = f"from the core {process['core']}" if process["core"] else f"paused for {process['pause_ns']} ns"
        yield f"  {process['go_version']}, {process['threads']} threads, {came}"
        if process["on_event"] is not None:
            yield f"  at the moment of {process['on_event']['event']}, in goroutine {process['on_event']['goid']}"
        yield f"  {_counts(process['counters'])}"
    yield from _value_lines(found.get("values", {}))
    width = max((len(section["name"]) for section in found["sections"]), default=0)
    yield "sections:"
    for section in found["sections"]:
        yield f"  {section['name']:{width}}  {section['bytes']} bytes"


def _counts(counters: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counters.items())


def _value_lines(values: dict[str, dict[str, dict[str, int]]]) -> Iterator[str]:
    """How many rows of each column have which status, the commonest first."""
    for table, columns in values.items():
        yield f"values of {table}:"
        width = max(map(len, columns))
        for column, statuses in columns.items():
            told = sorted(statuses.items(), key=lambda item: (-item[1], item[0]))
            yield f"  {column:{width}}  {', '.join(f'{status} {rows}' for status, rows in told)}"


def _binary_lines(binary: dict[str, Any], layouts: bool) -> Iterator[str]:
    plan = binary["plan"]
    yield f"binary: {binary['path']}  {binary['go_version']}  ({binary['identity']})"
    for name in ("tables", "globals"):
        yield f"  {name}: {', '.join(binary[name]) or 'none'}"
    yield from (f"  link {link}" for link in binary["links"])
    if binary["requires"]:
        yield f"  requires: {', '.join(binary['requires'])}"
    yield f"  decode plan: version {plan['version']}, {binary['types']} types, {len(plan['streams'])} streams"
    yield f"  {binary['object_bytes']} bytes of eBPF object, {binary['bytecode_bytes']} of bytecode"
    yield from _plan_lines(plan, layouts)
    if layouts:
        yield from _bpf_lines(binary["bpf"])
    if binary["events"] is not None:
        yield from _event_lines(binary["events"], layouts)


def _event_lines(events: dict[str, Any], layouts: bool) -> Iterator[str]:
    """What the spec's events were compiled to."""
    plan = events["plan"]
    yield f"  events: {', '.join(events['tables'])}, by {events['probes']} probes"
    for each in plan["unprobed"]:
        yield f"    not probed for {events['tables'][each['event']]}: {each['function']}: {each['reason']}"
    yield f"  decode plan of events: {events['types']} types, {len(plan['streams'])} streams"
    yield f"  {events['object_bytes']} bytes of eBPF object for events"
    yield from _plan_lines(plan, layouts)
    if layouts:
        for probe in plan["probes"]:
            event, cost = events["tables"][probe["event"]], "" if probe["cheap"] else ", single-stepped"
            where = f"{probe['phase']} of {probe['function']} at {probe['address']:#x}"
            yield f"  probe {probe['number']} for {event}: {where}{cost}"
        facts = events["bpf"]
        yield f"  eBPF: program {facts['program']}, events in {facts['ring']}, {facts['slot_bytes']} bytes a slot"
        yield from _place_lines({key: facts[key] for key in ("probes", "pid", "fsbase")} | facts["buffers"])
        yield from (f"    dict {name}: map {where}" for name, where in facts["dicts"].items())


def _plan_lines(plan: dict[str, Any], layouts: bool) -> Iterator[str]:
    for stream in plan["streams"]:
        what = f"records of {stream['size']} bytes" if stream["fields"] else "bytes of any length"
        yield f"  stream {stream['number']} {stream['name']}: {what}"
        if layouts:
            yield from (f"    {_field(field)}" for field in stream["fields"])
    if layouts:
        names = {kind["id"]: kind["name"] for kind in plan["types"]}
        yield from (line for kind in plan["types"] for line in _type_lines(kind, names))
        yield from _tables(plan, names)


def _field(field: dict[str, Any]) -> str:
    return f"{field['offset']:5}  {field['name']}  {field['type'] or str(field['length']) + ' bytes'}"


def _type_lines(kind: dict[str, Any], names: dict[int, str]) -> Iterator[str]:
    more = [f"of {names[kind['elem']]}"] if kind["elem"] is not None else []
    more += [f"length {kind['length']}"] if kind["length"] is not None else []
    more += [f"shown as {kind['special']}"] if kind["special"] else []
    yield f"  type {kind['id']} {kind['name']}: {' '.join([kind['kind'], *more])}, {kind['size']} bytes"
    for field in kind["fields"]:
        yield f"    {field['offset']:5}  {field['name']}  {names[field['type']]}"


def _tables(plan: dict[str, Any], names: dict[int, str]) -> Iterator[str]:
    for block in (*plan["blocks"], *plan["events"]):
        program = f" in {block['program']}" if block["program"] else ""
        yield f"  table {block['table']}{program}: rows in {block['stream']}, of {len(block['sites'])} sites"
        yield from (f"    {_column(column, names)}" for column in block["columns"])
    for each in plan["globals"]:
        yield f"  global in {each['stream']}: {_column(each['column'], names)}"


def _column(column: dict[str, Any], names: dict[int, str]) -> str:
    types = " or ".join(names[number] for number in column["types"]) or "no type"
    limits = f"max_string {column['max_string']}, max_items {column['max_items']}, depth {column['depth']}"
    problem = f"; {column['problem']}" if column["problem"] else ""
    return f"{column['name']}: {types}, {column['bytes']} bytes; {limits}{problem}"


def _bpf_lines(facts: dict[str, Any] | None) -> Iterator[str]:
    if facts is None:
        return
    yield f"  eBPF: program {facts['program']}, output in {facts['output']} (values of {facts['chunk_bytes']} bytes)"
    yield from _place_lines({"pages": facts["pages"], "pages_used": facts["pages_used"], **facts["buffers"]})
    yield from (f"    dict {name}: map {where}" for name, where in facts["dicts"].items())


def _place_lines(places: dict[str, Any]) -> Iterator[str]:
    for name, (where, offset, size) in places.items():
        yield f"    {name}: {where}+{offset:#x}, {size} bytes"
