"""The examples for CI and the README's commands for it do what they say, step by step."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from sey.runtime.bundle import Bundle
from tests.support.gobuild import ROOT, build, go_command
from tests.support.kernel import require_bpf
from tests.support.target import Target

WORKFLOW, MAKEFILE = (ROOT / "examples" / "ci" / name for name in ("probes.yml", "probes.mk"))
Shell = Callable[[str], str]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a line as CI does, in a copy of the shop, with the `sey` and the `go` of these tests on PATH."""
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "shop", folder)
    path = f"{Path(sys.executable).parent}:{Path(go_command()).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}

    def run(line: str) -> str:
        command = ["bash", "-e", "-c", line]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


def test_the_workflow_and_the_makefile_make_the_same_probe(shell: Shell, tmp_path: Path) -> None:
    steps = re.findall(r"^        run: (.+)$", WORKFLOW.read_text(), re.MULTILINE)
    installing, *others = steps
    assert extra_of(installing) == "compile"
    for step in others:
        shell(step)
    bundle = tmp_path / "shop" / "bin" / "shop.seyp"
    made = bundle.read_bytes()
    assert [binary.path for binary in Bundle.load(str(bundle)).binaries] == ["shop"]
    bundle.unlink()
    shutil.copy(MAKEFILE, tmp_path / "shop" / "Makefile")
    assert "sey build shop.sey bin/shop -o bin/shop.seyp" in shell("make bin/shop.seyp")
    assert bundle.read_bytes() == made
    assert "up to date" in shell("make bin/shop.seyp")


def test_the_commands_of_the_readme(shell: Shell, tmp_path: Path) -> None:
    require_bpf()
    section = README.split("## Compile in CI, capture in production")[1].split("\n## ")[0]
    compiling, running = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    binary = tmp_path / "shop" / "bin" / "shop"
    binary.parent.mkdir()
    shutil.copy(build("many"), binary)
    rules = f'program shop {{ executable "{binary}" }}\n'
    (tmp_path / "shop" / "shop.sey").write_text(rules + 'func "main.request" in shop { id, name }\n')
    assert extra_of(compiling.splitlines()[0]) == "compile"
    assert running.splitlines()[0].startswith("pip install sey ")
    for line in compiling.splitlines()[1:]:
        shell(line)
    with Target(binary, ["-n", "3", "-depth", "3", "-distinct", "1"]) as target:
        output = [shell(line) for line in running.splitlines()[1:]]
        assert str(target.pid) in output[0]
    assert "chan receive" in output[2]


def extra_of(line: str) -> str:
    """The extra that a line with `pip install` asks for; the package has one of that name."""
    match = re.fullmatch(r"sey\[(\w+)\]", shlex.split(line)[2])
    assert match is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert match[1] in project["optional-dependencies"]
    return match[1]
