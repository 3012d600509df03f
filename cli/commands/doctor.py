"""`sey doctor`."""

from __future__ import annotations

import click

from sey.binary.errors import Exit
from sey.cli.output import json_option, print_json, printable
from sey.cli.problems import format_option
from sey.runtime.doctor import examine


@click.command()
@json_option
@format_option
def doctor(as_json: bool) -> int:
    """What this host can do for sey, found out by trying. Ends with 3 where it can't take snapshots."""
    findings = examine()
    able = all(finding.ok for finding in findings if finding.required)
    if as_json:
        print_json({"snapshots": able, "findings": [_object(finding) for finding in findings]})
        return Exit.DONE if able else Exit.HOST
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = "ok" if finding.ok else "NO" if finding.required else "no"
        click.echo(f"{mark:2}  {finding.name:{width}}  {printable(finding.detail)}")
        if finding.advice:
            click.echo(f"    {'':{width}}  {printable(finding.advice)}")
    click.echo(f"\nThis host can{'' if able else ' NOT'} take snapshots.")
    return Exit.DONE if able else Exit.HOST


def _object(finding: object) -> dict[str, object]:
    names = ("name", "ok", "required", "detail", "advice")
    return {name: getattr(finding, name) for name in names}
