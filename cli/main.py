"""The command `sey`: its commands, and every way one can end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

import click

from sey.binary.errors import Exit, SeyError
from sey.cli import IS_PROGRAM, problems
from sey.cli.lazy import LazyGroup

COMMANDS = {
    "ps": ("processes:ps", "Go processes of this host: version, debug information, can they be captured."),
    "stacks": ("stacks:stacks", "Identical stacks, grouped and counted, of a process or a capture."),
    "functions": ("look:functions", "Functions of a binary."),
    "types": ("look:types", "Types of a binary."),
    "globals": ("look:globals_", "Package-level variables of a binary."),
    "vars": ("look:vars_", "Variables of a function: type, and where each can be had."),
    "init": ("init:init", "A commented spec to start from: what goroutines do now, or the main package."),
    "check": ("check:check", "Check a spec against binaries."),
    "fmt": ("fmt:fmt", "Format specs."),
    "build": ("build:build", "Compile a spec for binaries to a probe bundle."),
    "snapshot": ("snapshot:snapshot", "Capture processes: every goroutine, with the data of a spec."),
    "trace": ("trace:trace", "Print events as they happen: calls, returns, lines, with the data of a spec."),
    "query": ("query:query", "Ask a capture with SQL."),
    "report": ("report:report", "What to look at first in a capture: locks, channels, leaks, deadlocks."),
    "diff": ("diff:diff", "What is new, gone, more or waits longer in a second capture."),
    "export": ("query:export", "Write a capture for other tools: DuckDB, Parquet, SQLite, JSON, folded, pprof."),
    "inspect": ("inspect:inspect_", "What a bundle or a capture holds."),
    "lsp": ("lsp:lsp", "Serve an editor: problems as you type, completion, what things are."),
    "doctor": ("doctor:doctor", "What this host can do for sey, found out by trying."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sey", prog_name="sey")
def cli() -> None:
    """Snapshots of running Go programs: every goroutine, with the data you asked for.

    Begin with `sey stacks PID`; no spec is needed for that.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return _guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    if "_SEY_COMPLETE" in os.environ:
        cli.main(prog_name="sey")  # a shell asks how to complete a command line
    # Not by `cli.main`, which has ideas of its own about interrupts and closed pipes.
    with cli.make_context("sey", list(sys.argv[1:] if arguments is None else arguments)) as context:
        result = cli.invoke(context)
    sys.stdout.flush()
    return result if isinstance(result, int) else Exit.DONE


def _guarded(run: Callable[[], int]) -> int:
    """Turn whatever ends `run` into an exit status, with a message but never a traceback."""
    try:
        return run()
    except SeyError as error:
        if _was_interrupted(error):
            return Exit.INTERRUPTED
        problems.show(error)
        return error.exit_status
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # whoever reads has seen enough
        return Exit.DONE
    except Exception as error:
        if _was_interrupted(error):
            return Exit.INTERRUPTED
        if isinstance(error, OSError):
            _drop_output()
        return problems.show_unexpected(error)
    finally:
        if IS_PROGRAM:
            # What is left is Python's own end, which would only print that it was interrupted.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an error arose while an interrupt was unwinding: then that is what ended the command."""
    while error is not None:
        # DuckDB takes a KeyboardInterrupt that comes while it works, and raises an error of its own.
        if isinstance(error, KeyboardInterrupt) or (type(error) is RuntimeError and str(error) == "Query interrupted"):
            return True
        error = error.__context__
    return False


def _drop_output() -> None:
    """What is still to be written can't be, and Python would complain of that when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
