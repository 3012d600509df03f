"""`sey lsp`."""

from __future__ import annotations

import click

from sey.cli import completion


@click.command()
@click.option(
    "--binary",
    "binaries",
    multiple=True,
    metavar="PATH",
    shell_complete=completion.files(""),
    help="Check specs against this binary (or those that fit PATH as a pattern); may be given several times.",
)
@click.option(
    "--stdio", is_flag=True, expose_value=False, hidden=True, help="What editors say, and what is done anyway."
)
def lsp(binaries: tuple[str, ...]) -> None:
    """Serve an editor: the language server protocol on standard input and output.

    A spec is checked against the binaries that a comment at its top names (`# binary: ./bin/shop`, relative to the
    spec), else those of --binary, else those of the editor's setting `sey.binaries`.
    """
    from sey.lsp.serve import serve

    serve(binaries)
