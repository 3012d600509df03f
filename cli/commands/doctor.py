"""`sey doctor`."""

from __future__ import annotations

import click

from sey.binary.errors import Exit
from sey.cli.output import json_option, print_json, printable
from sey.cli.problems import format_option
from sey.runtime.doctor import Finding, engines, examine


@click.command()
@json_option
@format_option
def doctor(as_json: bool) -> int:
    """What this host can do for sey, found out by trying. Ends with 3 where it can't take snapshots."""
    findings = examine()
    able = engines(findings)
    status = Exit.DONE if able else Exit.HOST
    if as_json:
        print_json({"snapshots": bool(able), "engines": able, "findings": [_object(finding) for finding in findings]})
        return status
    width = max(len(finding.name) for finding in findings)
    told: tuple[str, ...] = ()
    for finding in findings:
        mark = "ok" if finding.ok else "NO" if finding.required else "no"
        click.echo(f"{mark:2}  {finding.name:{width}}  {printable(finding.detail)}")
        lines = tuple(filter(None, (finding.consequence, finding.advice)))
        for line in lines if lines != told else ():  # one reason often has several findings
            click.echo(f"    {'':{width}}  {printable(line)}")
        told = lines
    click.echo(f"\n{_VERDICTS[able]}")
    return status


_VERDICTS = {
    ("ebpf", "interp"): "This host can take snapshots.",
    ("interp",): (
        "This host can take snapshots, but not by eBPF: `--engine interp` (and `auto`) reads processes from outside,\n"
        "which makes the pause longer."
    ),
    (): "This host can NOT take snapshots.",
}


def _object(finding: Finding) -> dict[str, object]:
    names = ("name", "ok", "required", "detail", "consequence", "advice")
    return {name: getattr(finding, name) for name in names}
