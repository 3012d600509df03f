"""`sey check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from sey.binary.errors import Exit, Problem, SeyError
from sey.binary.gobinary import open_go
from sey.binary.identity import identity
from sey.cli import completion, problems
from sey.cli.making import sql_problems
from sey.cli.options import allow_missing_option, debug_file_option
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.targets import binary_of
from sey.frontend.compile import Options, bind_spec, lower_event_blocks, lower_spec, open_info
from sey.frontend.diagnostics.render import severity
from sey.frontend.imports import load
from sey.frontend.source import Source
from sey.frontend.unseen import unseen
from sey.ir.artifacts import EventProgram
from sey.runtime.bundle import BinaryProbe, Bundle, EventProbe


@click.command()
@click.argument("spec", type=click.Path(), shell_complete=completion.files(".sey"))
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...", shell_complete=completion.targets)
@allow_missing_option
@debug_file_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@format_option
def check(spec: str, targets: tuple[str, ...], allow_missing: bool, debug_file: str | None, as_json: bool) -> int:
    """Check SPEC against binaries or processes: names, types, and the SQL of its tables and columns."""
    source = load(spec)
    found: list[tuple[Problem, Source | None]] = []
    status = Exit.DONE
    for target in targets:
        try:
            with working(f"checking against {target}"):
                fresh = _problems_for(source, binary_of(target), Options(allow_missing, debug_file))
        except SeyError as error:
            fresh = list(error.problems)
        errors = [problem for problem in fresh if severity(problem).value == "error"]
        # What is wrong with the spec itself is found again with every target.
        found += [(problem, source) for problem in fresh if (problem, source) not in found]
        if errors and status is Exit.DONE:
            status = errors[0].exit_status
    form = "json" if as_json else problems.chosen_format()
    sys.stdout.write(problems.rendered(found, form))
    if status is Exit.DONE and form == "text":
        click.echo(f"{spec}: fits {', '.join(targets)}")
    return status


def _problems_for(source: Source, path: str, options: Options) -> Sequence[Problem]:
    """What is to say of a spec and one binary: warnings, and what is wrong with its SQL. Raises SeyError."""
    binary = open_go(path)
    info = open_info(source, binary, path, options)
    spec, warnings = bind_spec(source, info, path, binary.build.module, options.allow_missing)
    plan = lower_spec(spec, info, binary).plan
    events = lower_event_blocks(spec, info, binary).plan if spec.events else None
    probed = EventProbe(events, "", EventProgram.none()) if events is not None else None
    probe = BinaryProbe(path, identity(binary.elf), str(binary.build.version), plan, "", events=probed)
    blind = unseen(spec, events) if events is not None else ()
    return [*warnings, *blind, *sql_problems(Bundle(source.path, source.text, (probe,)))]
