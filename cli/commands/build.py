"""`sey build`."""

from __future__ import annotations

import click

from sey.binary.errors import Exit
from sey.cli import completion, problems
from sey.cli.making import make_for_all
from sey.cli.options import allow_missing_option, debug_file_option
from sey.cli.output import json_option, print_json
from sey.cli.probes import read_spec
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.targets import binary_of
from sey.frontend.options import Options
from sey.runtime.bundle import BinaryProbe


@click.command()
@click.argument("spec", type=click.Path(), shell_complete=completion.files(".sey"))
@click.argument("binaries", nargs=-1, required=True, metavar="BINARY...")
@click.option("-o", "--output", required=True, type=click.Path(), help="OUT.seyp.")
@allow_missing_option
@debug_file_option
@json_option
@format_option
def build(
    spec: str, binaries: tuple[str, ...], output: str, allow_missing: bool, debug_file: str | None, as_json: bool
) -> int:
    """Compile SPEC for one BINARY or several to a probe bundle, which hosts without the compiler take snapshots with.

    Needs no root and no process. The same spec and the same builds give the same bytes, wherever they lie.
    """
    probe = read_spec(spec)
    paths = [binary_of(binary) for binary in binaries]
    with working("compiling"):
        made = make_for_all(probe, paths, Options(allow_missing, debug_file))
    if made.warnings or made.errors:
        problems.report([*made.warnings, *made.errors], probe.source)
    if made.errors:
        return made.errors[0].exit_status
    made.bundle.save(output)
    if as_json:
        print_json({"file": output, "binaries": [_object(binary) for binary in made.bundle.binaries]})
    return Exit.DONE


def _object(binary: BinaryProbe) -> dict[str, object]:
    return {"path": binary.path, "go_version": binary.go_version, **binary.identity.to_json()}
