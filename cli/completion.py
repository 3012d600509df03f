"""What a shell is told when it asks how an argument goes on: files of a kind, processes, functions.

Completing must be instant and must never fail or print: whatever goes wrong, there is just nothing to offer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from sey.cli.params import is_pid

if TYPE_CHECKING:
    from sey.runtime.ps import GoProcess

_MOST_FUNCTIONS = 500
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def files(*endings: str) -> Completer:
    """Files with one of these endings, and folders to go into."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return list(_files(incomplete, endings))

    return complete


def pids(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The Go processes of this host, each with its executable."""
    return [CompletionItem(str(p.pid), help=p.executable) for p in _processes() if str(p.pid).startswith(incomplete)]


def targets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A TARGET: the pid of a Go process, or any file."""
    found = [] if incomplete and not is_pid(incomplete) else pids(context, parameter, incomplete)
    return [*found, CompletionItem(incomplete, type="file")]


def pids_or_captures(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `sey stacks` takes."""
    found = [] if incomplete and not is_pid(incomplete) else pids(context, parameter, incomplete)
    return [*found, *_files(incomplete, (".seyc",))]


def functions(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Functions of the command's TARGET, where its index is in the cache: making one would take too long."""
    target: Any = context.params.get("target")
    try:
        from sey.cli.targets import binary_of
        from sey.frontend.debuginfo.open import kept_function_names
        from sey.frontend.globs import written_by_people

        names = written_by_people(kept_function_names(binary_of(str(target))))
    except Exception:  # whatever it is
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)][:_MOST_FUNCTIONS]


def _processes() -> tuple[GoProcess, ...]:
    try:
        from sey.runtime.ps import list_go_processes

        return list_go_processes().processes
    except Exception:  # whatever it is
        return ()


def _files(incomplete: str, endings: tuple[str, ...]) -> Iterator[CompletionItem]:
    folder, _, begun = incomplete.rpartition("/")
    folder = f"{folder}/" if "/" in incomplete else ""
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
        for entry in entries:
            hidden = entry.name.startswith(".") and not begun.startswith(".")
            if hidden or not entry.name.startswith(begun):
                continue
            if entry.is_dir():
                yield CompletionItem(f"{folder}{entry.name}/", type="dir")
            elif entry.name.endswith(endings):
                yield CompletionItem(f"{folder}{entry.name}")
    except OSError:
        return
