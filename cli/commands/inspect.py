"""`sey inspect`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

import click

from sey.binary.errors import SeyError
from sey.cli import completion
from sey.cli.contents import described, print_described
from sey.cli.output import json_option, print_json, printable
from sey.cli.problems import format_option
from sey.runtime import container
from sey.runtime.bundle import BinaryProbe, Bundle
from sey.runtime.capture import Capture
from sey.runtime.container import BUNDLE, CAPTURE, Container
from sey.runtime.file_errors import CannotWrite
from sey.runtime.files import write_whole


@click.command()
@click.argument("file", type=click.Path(), shell_complete=completion.files(".seyc", ".seyp"))
@click.option("--layouts", is_flag=True, help="Every field of every record, and every type, of the decode plan.")
@click.option("--values", is_flag=True, help="Of a capture: how many values are there, and what the others lack.")
@click.option("--ir", is_flag=True, help="Print the program, with the spec's lines that it comes from.")
@click.option("--bytecode", is_flag=True, help="Print the program's bytecode as text.")
@click.option("--bpf", is_flag=True, help="Print the instructions of the BPF object (needs Capstone).")
@click.option("--extract", type=click.Path(), metavar="DIR", help="Write every part of the file into DIR.")
@json_option
@format_option
def inspect_(
    file: str, layouts: bool, values: bool, ir: bool, bytecode: bool, bpf: bool, extract: str | None, as_json: bool
) -> None:
    """What a bundle (.seyp) or a capture (.seyc) holds."""
    kind, opened = container.load(file, BUNDLE, CAPTURE)
    capture = Capture.from_container(opened) if kind is CAPTURE else None
    bundles = capture.bundles if capture is not None else (Bundle.from_container(opened),)
    if extract is not None:
        _extract(opened, bundles, capture, extract)
    if ir or bytecode or bpf:
        for line in _programs(file, bundles, ir, bytecode, bpf):
            click.echo(printable(line))
        return
    found = described(opened, kind.noun, bundles, capture)
    if values and capture is not None:
        from sey.cli.values import count_statuses

        found["values"] = count_statuses(capture)
    if as_json:
        print_json(found)
    else:
        print_described(found, layouts=layouts)


def _programs(file: str, bundles: Sequence[Bundle], ir: bool, bytecode: bool, bpf: bool) -> Iterator[str]:
    """The lines of the forms asked for, of every program; where there are several, which binary's it is."""
    several = sum(len(bundle.binaries) for bundle in bundles) > 1
    for bundle in bundles:
        for number, binary in enumerate(bundle.binaries):
            place = f"{file}, b{number}"
            if several:
                yield f"# {place}: {binary.path}, {binary.go_version} ({binary.identity})"
            if ir:
                for program in (binary.ir, *([binary.events.ir] if binary.events is not None else ())):
                    yield from with_lines(program, bundle.texts).split("\n")[:-1]
            if bytecode:
                yield from _bytecode(binary, place)
            if bpf:
                yield from _bpf(binary, place)


def _bytecode(binary: BinaryProbe, place: str) -> Iterator[str]:
    if binary.bytecode is None:
        yield f"# {place}: no bytecode"
        return
    from sey.backends.interp.disassemble import disassemble
    from sey.backends.interp.format import decode
    from sey.backends.interp.verify import verify

    program = decode(f"{place}/seyb", binary.bytecode)
    verify(f"{place}/seyb", program)  # a listing looks up what instructions refer to
    yield from disassemble(program)


def _bpf(binary: BinaryProbe, place: str) -> Iterator[str]:
    if binary.program is None:
        yield f"# {place}: no BPF object"
    from sey.cli.bpf_listing import listing

    if binary.program is not None:
        yield from listing(binary.program.object, f"{place}/bpf.o")
    if binary.events is not None:
        yield from listing(binary.events.program.object, f"{place}/events/bpf.o")


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
