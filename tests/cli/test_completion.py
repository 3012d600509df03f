"""What shells are offered, asked for as bash, zsh and fish ask."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SEY, run_program
from tests.support.gobuild import build
from tests.support.target import run_target


def offered(*words: str, cwd: Path | None = None, cache: Path | None = None) -> list[str]:
    """The completions of the last word, as bash gets them: without their types."""
    env = {
        **os.environ,
        "COMP_WORDS": " ".join(("sey", *words)),
        "COMP_CWORD": str(len(words)),
        "_SEY_COMPLETE": "bash_complete",
    }
    if cache is not None:
        env["SEY_CACHE_DIR"] = str(cache)
    done = subprocess.run([SEY], env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_and_options() -> None:
    assert offered("s") == ["stacks", "snapshot"]
    assert {"--pid", "--output", "--max-pause"} <= set(offered("snapshot", "--"))
    assert offered("check", "--format", "g") == ["github"]


def test_files_by_their_endings(tmp_path: Path) -> None:
    for name in ("a.sey", "b.seyp", "c.seyc", "d.txt", ".e.sey"):
        (tmp_path / name).touch()
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "f.sey").touch()
    assert offered("snapshot", "", cwd=tmp_path) == ["a.sey", "b.seyp", "specs/"]
    assert offered("query", "", cwd=tmp_path) == ["c.seyc", "specs/"]
    assert offered("fmt", "specs/", cwd=tmp_path) == ["specs/f.sey"]
    assert offered("inspect", "c", cwd=tmp_path) == ["c.seyc"]
    assert offered("query", "no/such/", cwd=tmp_path) == []


def test_processes_and_their_functions(tmp_path: Path) -> None:
    binary = build("many")
    with run_target(binary, "-n", "1") as target:
        pid = str(target.pid)
        for words in (("snapshot", "-p"), ("stacks",), ("vars",), ("init",)):
            assert pid in offered(*words, pid[:-1])
    # No index, no functions: making one takes long.
    assert offered("vars", str(binary), "main.re", cache=tmp_path) == []
    assert run_program("functions", binary, "main.*", env={**os.environ, "SEY_CACHE_DIR": str(tmp_path)}).status == 0
    assert offered("vars", str(binary), "main.re", cache=tmp_path) == ["main.request"]
    assert offered("vars", "/no/such", "main.", cache=tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_is_to_read(shell: str) -> None:
    done = run_program(env={**os.environ, "_SEY_COMPLETE": f"{shell}_source"})
    assert (done.status, done.err) == (0, "")
    assert "_SEY_COMPLETE" in done.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.out, text=True, check=True)
