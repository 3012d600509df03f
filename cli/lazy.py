"""Commands that are imported when they run: `sey --help` must not load what a snapshot needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from sey.cli import IS_PROGRAM
from sey.cli.interrupts import unwind_on_interrupt


class LazyGroup(click.Group):
    """A group whose commands are at `module:attribute` of `sey.cli.commands`, each with a line of help."""

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a first use."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in self._commands_at:
            return None
        module, attribute = self._commands_at[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(f"sey.cli.commands.{module}"), attribute)
        command.name = cmd_name
        if IS_PROGRAM:
            # Imports are done: from here on there may be something to undo.
            unwind_on_interrupt()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest commands where there is none of that name."""
        if args and not args[0].startswith("-") and args[0] not in self._commands_at:
            import difflib

            near = difflib.get_close_matches(args[0], self._commands_at, 2)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._commands_at.items()])
