"""`sey inspect`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import click

from sey.binary.errors import SeyError
from sey.cli import completion
from sey.cli.output import json_option, print_json
from sey.cli.problems import format_option
from sey.runtime import container
from sey.runtime.bundle import Bundle
from sey.runtime.capture import Capture, ProcessFacts
from sey.runtime.container import BUNDLE, CAPTURE, Container
from sey.runtime.file_errors import CannotWrite
from sey.runtime.files import write_whole


@click.command()
@click.argument("file", type=click.Path(), shell_complete=completion.files(".seyc", ".seyp"))
@click.option("--ir", is_flag=True, help="Print the program, with the spec's lines that it comes from.")
@click.option("--extract", type=click.Path(), metavar="DIR", help="Write every part of the file into DIR.")
@json_option
@format_option
def inspect_(file: str, ir: bool, extract: str | None, as_json: bool) -> None:
    """What a bundle (.seyp) or a capture (.seyc) holds."""
    kind, opened = container.load(file, BUNDLE, CAPTURE)
    capture = Capture.from_container(opened) if kind is CAPTURE else None
    bundles = capture.bundles if capture is not None else (Bundle.from_container(opened),)
    if extract is not None:
        _extract(opened, bundles, capture, extract)
    if ir:
        for bundle in bundles:
            for binary in bundle.binaries:
                click.echo(with_lines(binary.ir, {bundle.spec_path: bundle.spec}), nl=False)
        return
    described = _describe(opened, kind.noun, bundles, capture)
    if as_json:
        print_json(described)
    else:
        _print(described)


def with_lines(ir: str, sources: Mapping[str, str]) -> str:
    """The text of a program, with each line of a source above the first of the operations that come from it."""
    files = re.findall(r'^file "(.*)"$', ir, re.MULTILINE)
    texts = [sources.get(name, "").splitlines() for name in files]
    last, lines = "", []
    for line in ir.splitlines():
        place = re.search(r" !(\d+):(\d+)(?= \{$|$)", line)
        if place is not None and place[0] != last:
            last = place[0]
            file, number = int(place[1]), int(place[2])
            known = file < len(texts) and 0 < number <= len(texts[file])
            if known:
                indent = line[: len(line) - len(line.lstrip())]
                lines.append(f"{indent}# {files[file]}:{number}: {texts[file][number - 1].strip()}")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _describe(file: Container, noun: str, bundles: tuple[Bundle, ...], capture: Capture | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "file": file.path,
        "kind": noun,
        "format": file.version,
        "bundles": [_bundle(bundle) for bundle in bundles],
    }
    if capture is not None:
        described["processes"] = [_process(process.facts) for process in capture.processes]
    described["sections"] = [{"name": name, "bytes": len(data)} for name, data in file.sections.items()]
    return described


def _bundle(bundle: Bundle) -> dict[str, Any]:
    return {
        "spec": bundle.spec_path or None,
        "binaries": [
            {
                "path": binary.path,
                "go_version": binary.go_version,
                "identity": str(binary.identity),
                "requires": list(binary.requirements),
                "tables": [block.table for block in binary.plan.blocks],
                "globals": [g.column.name for g in binary.plan.globals if not g.internal],
                "types": len(binary.plan.types),
                "object_bytes": 0 if binary.program is None else len(binary.program.object),
            }
            for binary in bundle.binaries
        ],
    }


def _process(facts: ProcessFacts) -> dict[str, Any]:
    if facts.problem is not None:
        return {"pid": facts.pid, "executable": facts.executable, "problem": facts.problem}
    return {
        "pid": facts.pid,
        "executable": facts.executable,
        "go_version": facts.go_version,
        "pause_ns": facts.pause_ns,
        "threads": facts.threads,
        "engine": facts.engine,
        "engine_reason": facts.engine_reason,
        "core": facts.core or None,
        "counters": dict(facts.counters),
        "notes": list(facts.notes),
    }


def _print(described: dict[str, Any]) -> None:
    click.echo(f"{described['file']}: {described['kind']}, format {described['format']}")
    for bundle in described["bundles"]:
        click.echo(f"spec: {bundle['spec'] or 'none, goroutines and stacks alone'}")
        for binary in bundle["binaries"]:
            click.echo(f"binary: {binary['path']}  {binary['go_version']}  ({binary['identity']})")
            for name in ("tables", "globals"):
                click.echo(f"  {name}: {', '.join(binary[name]) or 'none'}")
            click.echo(f"  {binary['types']} types, {binary['object_bytes']} bytes of eBPF object")
    for process in described.get("processes", ()):
        click.echo(f"process {process['pid']}: {process['executable']}")
        if "problem" in process:
            click.echo(f"  not captured: {process['problem']}")
            continue
        came = f"from the core {process['core']}" if process["core"] else f"paused for {process['pause_ns']} ns"
        click.echo(f"  {process['go_version']}, {process['threads']} threads, {came}")
        click.echo(f"  {', '.join(f'{name} {count}' for name, count in process['counters'].items())}")
    width = max(len(section["name"]) for section in described["sections"])
    click.echo("sections:")
    for section in described["sections"]:
        click.echo(f"  {section['name']:{width}}  {section['bytes']} bytes")


def _extract(file: Container, bundles: tuple[Bundle, ...], capture: Capture | None, folder: str) -> None:
    """Every section as a file of its name; of a capture's bundles every section too."""
    parts = dict(file.sections)
    for number, bundle in enumerate(bundles if capture is not None else ()):
        del parts[f"bundle{number}"]
        parts |= {f"bundle{number}/{name}": memoryview(data) for name, data in bundle.sections().items()}
    for name, data in parts.items():
        path = os.path.join(folder, *(part for part in name.split("/") if part not in ("", ".", "..")))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise SeyError(CannotWrite(folder, (error.strerror or str(error)).lower())) from None
        write_whole(path, [data], durable=False)
