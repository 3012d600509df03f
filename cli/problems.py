"""Problems on stderr (or as the result of `check`), in the form that `--format` asks for."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TextIO, TypeVar

import click

from sey.binary.errors import Exit, Problem, SeyError

if TYPE_CHECKING:
    from sey.frontend.source import Source

Command = TypeVar("Command", bound=Callable[..., Any])

FORMATS = ("text", "json", "github")
_MOST_FRAMES = 6
_OUTPUT_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


@dataclass(frozen=True)
class InternalError(Problem):
    """A bug of ours. `where` are the innermost places of the program it happened at."""

    code: ClassVar[str] = "SEY0900"
    exit_status: ClassVar[Exit] = Exit.BUG
    title: ClassVar[str] = "a bug in sey: {kind}: {text}"
    help: ClassVar[str | None] = "please report it, with what you ran; SEY_DEBUG=1 shows the whole traceback"
    kind: str
    text: str
    where: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """Where it happened."""
        return self.where


@dataclass(frozen=True)
class OutOfMemory(Problem):
    """This host has not enough memory for what was asked."""

    code: ClassVar[str] = "SEY0901"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "out of memory"
    help: ClassVar[str | None] = "ask for less at once, or run it where there is more memory"


@dataclass(frozen=True)
class CannotPrint(Problem):
    """Standard output doesn't take the result."""

    code: ClassVar[str] = "SEY0902"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "cannot write the result: {reason}"
    reason: str


@dataclass(frozen=True)
class CompilerMissing(Problem):
    """The packages of the extra `compile` aren't installed."""

    code: ClassVar[str] = "SEY0903"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "this needs the compiler, which isn't installed: there is no package {package}"
    help: ClassVar[str | None] = "pip install 'sey[compile]', or use a bundle that `sey build` made elsewhere"
    package: str


@dataclass(frozen=True)
class LanguageServerMissing(Problem):
    """The packages of the extra `lsp` aren't installed."""

    code: ClassVar[str] = "SEY0904"
    exit_status: ClassVar[Exit] = Exit.HOST
    title: ClassVar[str] = "this needs the language server, which isn't installed: there is no package {package}"
    help: ClassVar[str | None] = "pip install 'sey[lsp]'"
    package: str


def format_option(command: Command) -> Command:
    """Add `--format` to a command; what it says holds for every problem that the command meets."""

    def keep(context: click.Context, _: click.Parameter, value: str) -> str:
        context.find_root().meta["sey.format"] = value
        _State.format = value
        return value

    return click.option(
        "--format",
        type=click.Choice(FORMATS),
        default="text",
        callback=keep,
        expose_value=False,
        is_eager=True,
        help="The form of diagnostics.",
    )(command)


class _State:
    format = "text"


def chosen_format() -> str:
    """What `--format` says."""
    return _State.format


def show(error: SeyError) -> None:
    """Print what an error carries to stderr."""
    report(error.problems, getattr(error, "source", None))


def report(problems: Sequence[Problem], source: Source | None = None, to: TextIO | None = None) -> None:
    """Print problems in the form asked for; to stderr unless another stream is given."""
    stream = to or sys.stderr
    stream.write(rendered([(problem, source) for problem in problems], _State.format))
    stream.flush()


def rendered(problems: Sequence[tuple[Problem, Source | None]], form: str) -> str:
    """Problems, each with the source that its span points into, as one text."""
    # Not needed unless there are problems, and not part of starting quickly.
    from sey.frontend.diagnostics import render

    if form == "json":
        import json

        objects = [render.as_object(problem, source) for problem, source in problems]
        return json.dumps(objects, indent=2, ensure_ascii=False) + "\n"
    if form == "github":
        return "".join(_github(render.as_object(problem, source)) for problem, source in problems)
    return "".join(render.render_text([problem], source) for problem, source in problems)


def _github(item: dict[str, Any]) -> str:
    """A workflow command of GitHub Actions: an annotation at the place in the source."""
    places = {"file": item["path"], "line": item["line"], "col": item["column"], "endLine": item["end_line"]}
    if item["line"] == item["end_line"]:
        places["endColumn"] = item["end_column"]  # over several lines it means nothing there
    told = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in places.items() if value is not None)
    lines = [item["message"], *item["notes"], *([f"help: {item['help']}"] if item["help"] else [])]
    title = f"title={item['code']}"
    return f"::{item['severity']} {told + ',' if told else ''}{title}::{_escaped(chr(10).join(lines), '')}\n"


def _escaped(text: str, more: str) -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def show_unexpected(error: Exception) -> int:
    """Print an exception that no command expects; gives the exit status."""
    if os.environ.get("SEY_DEBUG") == "1":
        traceback.print_exception(error)
    problem = _unexpected(error)
    try:
        report([problem])
    except OSError:
        return problem.exit_status
    return problem.exit_status


def _unexpected(error: Exception) -> Problem:
    # DuckDB's own is no MemoryError, and naming its class would import DuckDB for every command.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return OutOfMemory()
    if isinstance(error, ModuleNotFoundError) and error.name in ("lark", "llvmlite", "llvmlite.binding"):
        return CompilerMissing(error.name)
    if isinstance(error, ModuleNotFoundError) and error.name in ("pygls", "lsprotocol"):
        return LanguageServerMissing(error.name)
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_FAILS:
        return CannotPrint((error.strerror or str(error)).lower())
    where = tuple(f"{_module(f.filename)}:{f.lineno} in {f.name}" for f in frames[-_MOST_FRAMES:])
    return InternalError(type(error).__name__, str(error), where)


def _module(path: str) -> str:
    return path.split("/sey/")[-1] if "/sey/" in path else "/".join(path.split("/")[-2:])
