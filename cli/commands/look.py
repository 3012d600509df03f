"""`sey functions`, `types`, `globals` and `vars`: what there is to look at in a binary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from sey.binary.errors import Exit, Problem, SeyError
from sey.cli import completion
from sey.cli.options import debug_file_option
from sey.cli.output import json_option, print_json, print_table, terminal_width
from sey.cli.problems import format_option
from sey.cli.progress import working
from sey.cli.targets import binary_of
from sey.frontend import globs
from sey.frontend.debuginfo.availability import Availability, availability
from sey.frontend.debuginfo.model import Body
from sey.frontend.debuginfo.open import BinaryDebugInfo, open_debug_info


@dataclass(frozen=True)
class NoSuchFunction(Problem):
    """The binary has no function of that name."""

    code = "SEY0250"
    exit_status = Exit.USAGE
    title = "{binary} has no function `{name}`"
    help = "`sey functions {binary} '*{last}*'` lists those with similar names"
    binary: str
    name: str
    last: str
    nearest: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """The closest names that exist."""
        return tuple(f"there is `{name}`" for name in self.nearest)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The TARGET of these commands and where its debug information is."""
    return click.argument("target", shell_complete=completion.targets)(debug_file_option(format_option(command)))


@click.command()
@target_options
@click.argument("pattern", required=False)
@json_option
def functions(target: str, pattern: str | None, debug_file: str | None, as_json: bool) -> None:
    """Functions of TARGET (a binary or a pid) whose names match PATTERN (`*` stands for any run of characters)."""
    _names(_opened(binary_of(target), debug_file).function_names(), pattern, as_json)


@click.command()
@target_options
@click.argument("pattern", required=False)
@json_option
def types(target: str, pattern: str | None, debug_file: str | None, as_json: bool) -> None:
    """Types of TARGET (a binary or a pid) whose names match PATTERN (`*` stands for any run of characters)."""
    _names(_opened(binary_of(target), debug_file).type_names(), pattern, as_json)


@click.command()
@target_options
@click.argument("pattern", required=False)
@json_option
def globals_(target: str, pattern: str | None, debug_file: str | None, as_json: bool) -> None:
    """Package-level variables of TARGET (a binary or a pid) whose names match PATTERN, with their types."""
    info = _opened(binary_of(target), debug_file)
    rows = []
    for name in matching(info.global_names(), pattern):
        variable = info.global_variable(name)
        rows.append((name, "?" if variable is None else info.type(variable.type).name))
    if as_json:
        print_json([{"name": name, "type": kind} for name, kind in rows])
    else:
        print_table(("NAME", "TYPE"), rows, upright=False, width=terminal_width())


@click.command()
@target_options
@click.argument("function", shell_complete=completion.functions)
@json_option
def vars_(target: str, function: str, debug_file: str | None, as_json: bool) -> None:
    """Variables of FUNCTION in TARGET (a binary or a pid): type, and where in its code each can be had."""
    path = binary_of(target)
    info = _opened(path, debug_file)
    if info.function(function) is None:
        raise SeyError(_no_function(info, path, function))
    bodies = info.bodies(function)
    found = [(body, [availability(body, v, info.line_of) for v in info.variables(body)]) for body in bodies]
    if as_json:
        print_json([_body_object(info, body, variables) for body, variables in found])
        return
    for number, (body, variables) in enumerate(found):
        click.echo(("\n" if number else "") + _heading(body))
        rows = [(v.variable.name, info.type(v.variable.type).name, v.variable.role.value, v.text()) for v in variables]
        print_table(("NAME", "TYPE", "ROLE", "AVAILABLE"), rows, upright=False, width=terminal_width())


def _opened(path: str, debug_file: str | None) -> BinaryDebugInfo:
    with working(f"reading the debug information of {path}"):
        return open_debug_info(path, debug_file=debug_file)


def matching(names: Sequence[str], pattern: str | None) -> Iterator[str]:
    """The names that fit a pattern; one without `*` fits whatever contains it."""
    if pattern is None:
        return iter(names)
    if not globs.has_star(pattern):
        return (name for name in names if pattern in name)
    return globs.matching(names, pattern)


def _names(names: Sequence[str], pattern: str | None, as_json: bool) -> None:
    found = list(matching(names, pattern))
    if as_json:
        print_json([{"name": name} for name in found])
    else:
        click.echo("".join(f"{name}\n" for name in found), nl=False)


def _no_function(info: BinaryDebugInfo, path: str, name: str) -> NoSuchFunction:
    from sey.frontend.diagnostics.nearest import Names

    last = name.rpartition(".")[2]
    return NoSuchFunction(path, name, last, tuple(Names(info.function_names()).nearest(name)))


def _heading(body: Body) -> str:
    if body.inline_level == 0:
        return body.function
    called = f", called at {body.call_file}:{body.call_line}" if body.call_file else ""
    return f"{body.function}, inlined into {body.container}{called}"


def _body_object(info: BinaryDebugInfo, body: Body, variables: Sequence[Availability]) -> dict[str, Any]:
    return {
        "function": body.function,
        "container": body.container,
        "inline_level": body.inline_level,
        "call_file": body.call_file,
        "call_line": body.call_line,
        "variables": [
            {
                "name": v.variable.name,
                "type": info.type(v.variable.type).name,
                "role": v.variable.role.value,
                "available": v.where.value,
                "share": round(v.share, 4),
                "at_entry": v.at_entry,
                "reason": v.reason,
                "lines": [{"file": r.file, "first": r.first, "last": r.last, "whole": r.whole} for r in v.lines],
            }
            for v in variables
        ],
    }
