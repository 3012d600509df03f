"""`sey fmt` from the command line; the style itself is tested with the language."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.cli.conftest import SEY, Run

ROUGH = 'func   "main.f"  as f{x,y  as z}\n'
FORMATTED = 'func "main.f" as f { x, y as z }\n'


def test_files_are_formatted_in_place(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "a.sey"
    spec.write_text(ROUGH)
    spec.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(spec, 12345, 12345)
    assert run("fmt", spec).status == 0
    assert spec.read_text() == FORMATTED
    assert spec.stat().st_mode & 0o777 == 0o640
    assert os.geteuid() != 0 or spec.stat().st_uid == 12345
    stamp = spec.stat().st_mtime_ns
    assert run("fmt", spec).status == 0
    assert spec.stat().st_mtime_ns == stamp


def test_check_changes_nothing(run: Run, tmp_path: Path) -> None:
    rough, fine = tmp_path / "rough.sey", tmp_path / "fine.sey"
    rough.write_text(ROUGH)
    fine.write_text(FORMATTED)
    assert run("fmt", "--check", fine).status == 0
    done = run("fmt", "--check", rough, fine)
    assert (done.status, done.out, done.err) == (1, "", f"{rough}: not formatted\n")
    assert rough.read_text() == ROUGH


def test_standard_input_goes_to_standard_output() -> None:
    done = subprocess.run([str(SEY), "fmt", "-"], input=ROUGH, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, FORMATTED, "")
    done = subprocess.run([str(SEY), "fmt", "--check", "-"], input=ROUGH, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_what_is_wrong_is_left_alone(run: Run, tmp_path: Path) -> None:
    wrong, rough = tmp_path / "wrong.sey", tmp_path / "rough.sey"
    wrong.write_text("func {")
    rough.write_text(ROUGH)
    done = run("fmt", wrong, rough, tmp_path / "missing.sey")
    assert done.status in (1, 2)
    assert "SEY01" in done.err
    assert (wrong.read_text(), rough.read_text()) == ("func {", FORMATTED)
