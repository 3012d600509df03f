"""`sey fmt`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from sey.binary.errors import Exit, SeyError
from sey.cli import completion, problems
from sey.cli.problems import format_option
from sey.frontend.fmt import format_spec
from sey.frontend.parser import decode, read
from sey.runtime.file_errors import CannotWrite
from sey.runtime.files import write_whole


@click.command()
@click.argument(
    "specs", nargs=-1, required=True, type=click.Path(), metavar="SPEC...", shell_complete=completion.files(".sey")
)
@click.option("--check", is_flag=True, help="Change nothing; end with 1 where a spec isn't formatted.")
@format_option
def fmt(specs: tuple[str, ...], check: bool) -> int:
    """Format specs in place; `-` reads one from standard input and prints it."""
    status = Exit.DONE
    for path in specs:
        try:
            if _format(path, check):
                status = Exit.SPEC
        except SeyError as error:
            problems.show(error)
            status = error.exit_status
    return status


def _format(path: str, check: bool) -> bool:
    """Format one spec; True where it only had to be checked and isn't formatted."""
    if path == "-":
        source = decode("<standard input>", sys.stdin.buffer.read())
        text = format_spec(source)
        if not check:
            sys.stdout.write(text)
        return check and text != source.text
    source = read(path)
    text = format_spec(source)
    # A byte order mark and other line endings are gone from `source`, so the file itself is compared.
    if text.encode("utf-8", "surrogateescape") == Path(path).read_bytes():
        return False
    if check:
        click.echo(f"{path}: not formatted", err=True)
        return True
    _replace(path, text)
    return False


def _replace(path: str, text: str) -> None:
    """Write a spec back with the owner and the permissions that it had."""
    before = Path(path).stat()
    write_whole(path, [text.encode("utf-8", "surrogateescape")])
    try:
        if os.geteuid() == 0:
            os.chown(path, before.st_uid, before.st_gid)
        os.chmod(path, before.st_mode & 0o7777)
    except OSError as error:
        raise SeyError(CannotWrite(path, (error.strerror or str(error)).lower())) from None
