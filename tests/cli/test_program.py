"""How the program starts and ends: quickly, quietly, and with a documented status."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sey.cli import problems
from sey.cli.main import COMMANDS, cli, main
from tests.cli.conftest import SEY, Done, Run, interrupted_program, run_program
from tests.support.captures import Shop

HEAVY = ("numpy", "pyarrow", "duckdb", "lark", "llvmlite", "elftools")


def modules_after(*arguments: str) -> set[str]:
    """The heavy packages that a command has imported when it ends."""
    code = (
        "import sys\nfrom sey.cli.main import main\nmain(sys.argv[1:])\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.splitlines()[-1].split())


def test_help_is_quick_and_light() -> None:
    assert modules_after("--help") == set()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    tries = 3
    for _ in range(tries):
        assert run_program("--help").status == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / tries
    # Processor time: the machine may be busy with other tests.
    assert used < 0.2


def test_commands_import_what_they_need(shop_file: Path, tmp_path: Path) -> None:
    spec = tmp_path / "a.sey"
    spec.write_text('global "main.x"\n')
    assert modules_after("fmt", "--check", str(spec)) <= {"lark"}
    assert modules_after("inspect", str(shop_file)) <= {"numpy"}
    assert modules_after("query", str(shop_file), "select 1") == {"numpy", "pyarrow", "duckdb"}
    assert modules_after("stacks", str(shop_file)) == {"numpy", "pyarrow", "duckdb"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Usage: sey {name} ")


def test_wrong_usage(run: Run) -> None:
    assert run("stack").status == 2
    assert "Did you mean stacks" in run("stack").err
    assert run("query").status == 2
    assert run("query", "--nope").status == 2
    assert run("snapshot", "-p", "x").status == 2
    assert run("snapshot", "-p", "1", "--max-pause", "0ms").status == 2
    assert run("snapshot", "-p", "1", "--max-pause", "2h").status == 2
    assert run("snapshot", "-p", "1", "--max-bytes", "7").status == 2
    assert run("--version").out.startswith("sey, version ")


def test_a_bug_of_ours_is_told_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch, shop_file: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("sey.runtime.capture.Capture.load", broken)
    done = run("query", shop_file, "select 1")
    assert done.status == 70
    assert done.err.startswith("error[SEY0900]: a bug in sey: ZeroDivisionError: by nothing\n")
    assert "Traceback" not in done.err
    monkeypatch.setenv("SEY_DEBUG", "1")
    assert "Traceback" in run("query", shop_file, "select 1").err


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (MemoryError(), 3, "out of memory"),
        (ModuleNotFoundError("No module named 'lark'", name="lark"), 3, "pip install 'sey[compile]'"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_other_ends(run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, text: str) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("sey.runtime.capture.Capture.load", broken)
    done = run("query", "x", "select 1")
    assert done.status == status
    assert text in done.err
    assert text or done.err == ""


def test_trouble_while_an_interrupt_unwinds_is_the_interrupt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise BufferError("cannot close")

    monkeypatch.setattr("sey.runtime.capture.Capture.load", broken)
    assert run("query", "x", "select 1").status == 130


@pytest.mark.parametrize("delay", [0.7, 1.2, 3])
def test_a_query_that_takes_long_can_be_interrupted(shop_file: Path, delay: float) -> None:
    """Arrow's readers, in which part of them run, look for no signals; nor may DuckDB's import be unwound."""
    sql = "select count(*) from range(1000000) a, range(1000000) b where hash(a.range, b.range) % 3 = 1"
    assert interrupted_program(delay, "query", shop_file, sql) == Done(130, "", "")


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    path = tmp_path / "shop.seyc"
    Shop().capture().save(str(path))
    sql = "select range, repeat('x', 100) from range(200000)"
    with subprocess.Popen(
        [str(SEY), "query", str(path), sql], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as query:
        assert query.stdout is not None
        assert query.stderr is not None
        query.stdout.readline()
        query.stdout.close()
        assert query.stderr.read() == ""
    assert query.returncode == 0


def test_output_that_is_full(shop_file: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [str(SEY), "query", str(shop_file), "select 1"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert "no space left on device" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_text_that_the_terminal_cannot_show(shop_file: Path) -> None:
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = run_program("query", shop_file, "select 'grün' as x", env=env)
    assert (done.status, done.out) == (0, "x\ngr\\xfcn\n")


@pytest.mark.parametrize("delay", [0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
def test_interrupted_at_any_moment(shop_file: Path, tmp_path: Path, delay: float) -> None:
    """Ctrl-C ends it with 130 or comes too late; it prints no traceback and leaves no partial file."""
    out = tmp_path / "out.duckdb"
    export = interrupted_program(delay, "export", shop_file, "-o", out)
    assert export.status in (0, 130), export.err
    assert "Traceback" not in export.err
    assert [p.name for p in tmp_path.iterdir()] == ([out.name] if export.status == 0 else [])


def test_every_code_is_used_once() -> None:
    """All problems that commands know of, imported together, have distinct codes."""
    from sey.binary.errors import catalogue

    for name in COMMANDS:
        assert cli.get_command(None, name) is not None  # type: ignore[arg-type]
    found = catalogue()
    assert found["SEY0900"] is problems.InternalError
    assert all(len(code) == 7 and code.startswith("SEY") for code in found)


def test_main_can_be_called_from_python(shop_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert main(["query", str(shop_file), "select 1 as a"]) == 0
    assert capsys.readouterr().out == "a\n1\n"
    assert signal.getsignal(signal.SIGINT) is before
