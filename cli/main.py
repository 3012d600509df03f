"""The command `sey`: signals first, then the commands, then every way a command can end (DESIGN §11)."""

# Nothing heavy may be imported before the signal handler stands: until then Ctrl-C would print a traceback.
import os
import signal
import sys


def _leave(_signal: int, _frame: object) -> None:
    os._exit(130)


# Where another program imports this one, signals are that program's.
_IS_PROGRAM = os.path.basename(sys.argv[0]) in ("sey", "main.py")
if _IS_PROGRAM:
    signal.signal(signal.SIGINT, _leave)

from collections.abc import Callable, Sequence  # noqa: E402

import click  # noqa: E402

from sey.binary.errors import Exit, SeyError  # noqa: E402
from sey.cli import problems  # noqa: E402
from sey.cli.lazy import LazyGroup  # noqa: E402

COMMANDS = {
    "ps": ("processes:ps", "Go processes of this host: version, debug information, can they be captured."),
    "stacks": ("stacks:stacks", "Identical stacks, grouped and counted, of a process or a capture."),
    "functions": ("look:functions", "Functions of a binary."),
    "types": ("look:types", "Types of a binary."),
    "globals": ("look:globals_", "Package-level variables of a binary."),
    "vars": ("look:vars_", "Variables of a function: type, and where each can be had."),
    "check": ("specs:check", "Check a spec against binaries."),
    "fmt": ("specs:fmt", "Format specs."),
    "build": ("specs:build", "Compile a spec for a binary to a probe bundle."),
    "snapshot": ("snapshot:snapshot", "Capture processes: every goroutine, with the data of a spec."),
    "query": ("query:query", "Ask a capture with SQL."),
    "export": ("query:export", "Write a capture as DuckDB, JSON or folded stacks."),
    "inspect": ("inspect:inspect_", "What a bundle or a capture holds."),
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
    result = cli.main(args=arguments, prog_name="sey", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else Exit.DONE


def _guarded(run: Callable[[], int]) -> int:
    """Turn whatever ends `run` into an exit status, with a message but never a traceback."""
    try:
        return run()
    except SeyError as error:
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
        # Whoever reads has seen enough. Python would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as error:
        return problems.show_unexpected(error)
    finally:
        if _IS_PROGRAM:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
