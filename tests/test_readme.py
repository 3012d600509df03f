"""The README's examples: the spec is the demo's own, and each command does what its comment says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gobuild import ROOT, build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

README = (ROOT / "README.md").read_text()
SEY = str(Path(sys.executable).with_name("sey"))


def _blocks(kind: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for word, text in fenced if word == kind]


def test_the_spec_shown_is_the_demos() -> None:
    shown = next(block for block in _blocks("sey") if "import" not in block)
    assert shown.strip() in (ROOT / "examples" / "shop" / "shop.sey").read_text()


def test_the_table_shown_is_what_the_demo_prints() -> None:
    from tools import demo

    story = next(block for block in _blocks("") if "select * from culprits" in block)
    source = Path(demo.__file__).read_text()
    for line in story.splitlines():
        if line.startswith(("Its customers", "One snapshot", "Everybody")):
            assert line.partition("(")[0].strip().rstrip(".") in source


def test_the_commands_for_an_own_program_work(tmp_path: Path) -> None:
    require_bpf()
    commands = next(block for block in _blocks("") if "sey stacks PID" in block).splitlines()
    binary = build("many")
    (tmp_path / "my.sey").write_text('func "main.request" as request { id, name }\n')
    with run_target(binary, "-n", "20") as target:
        for line in commands:
            command = line.partition("#")[0].strip()
            words = shlex.split(command.replace("main.(*server).handle", "main.request"))
            given = {"PID": str(target.pid), "BINARY": str(binary), "sey": SEY, "earlier.seyc": "now.seyc"}
            words = [given.get(w, w) for w in words]
            if words[1] == "init":
                text = subprocess.run(words[:3], capture_output=True, text=True, check=True, timeout=120).stdout
                assert "func " in text
                continue
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            assert done.stdout or words[1] in ("snapshot", "export"), command


def test_the_commands_for_several_snapshots_work(tmp_path: Path) -> None:
    require_bpf()
    (text,) = (block for block in _blocks("") if "--every" in block)
    (tmp_path / "my.sey").write_text('func "main.request" as request { id, name }\n')
    with run_target(build("many"), "-n", "20") as target:
        for command in re.split(r"\n(?=sey )", text.replace("10s", "100ms").replace("PID", str(target.pid))):
            words = [SEY, *shlex.split(command, comments=True)[1:]]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            assert "None" not in done.stdout
            assert bool(done.stdout) == ("select" in command or words[1] == "stacks"), command


def test_the_commands_for_events_work(tmp_path: Path) -> None:
    require_bpf()
    (text,) = (block for block in _blocks("") if "sey trace" in block)
    text = text.replace("main.(*server).Get", "main.deeper").replace("{ path }", "{ n }").replace("> 10ms", "> 0ms")
    source = (ROOT / "tests" / "targets" / "traced" / "main.go").read_text()
    line = source[: source.index("return work(n")].count("\n") + 1
    text = text.replace("main.(*server).*", "main.*").replace("server.go:120", f"traced/main.go:{line}")
    text = text.replace("~r1 != nil", "~r0 > 0").replace("~r1", "~r0").replace("{ path, ", "{ n, ")
    (tmp_path / "my.sey").write_text('event calls on return "main.deeper" { n }\n')
    with run_target(build("traced")) as target:
        target.ask("spin 1")
        for command in text.replace("10s", "300ms").replace("PID", str(target.pid)).splitlines():
            words = [SEY, *shlex.split(command, comments=True)[1:]]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            assert bool(done.stdout) == (" -o " not in command), command


def test_the_commands_for_a_snapshot_of_an_event_work(tmp_path: Path) -> None:
    require_bpf()
    (text,) = (block for block in _blocks("") if "--on" in block)
    text = text.replace("main.(*server).Get", "main.deeper").replace("~r1 != nil { path }", "n > 0 { n as path }")
    (tmp_path / "my.sey").write_text('func "main.deeper" { n }\n')
    with run_target(build("traced")) as target:
        target.ask("spin 1")
        for command in text.replace("PID", f"{target.pid} --max-overhead 10000%").splitlines():
            words = [SEY, *shlex.split(command, comments=True)[1:]]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert done.stdout.split() == ["path", "goid", "1", done.stdout.split()[-1]]


def test_every_export_is_told_of() -> None:
    from sey.runtime.export import ENDINGS

    told = README[README.index("`sey export` writes") :]
    assert all(f"`.{ending}`" in told for ending in ENDINGS)


def test_the_lines_for_shells_work() -> None:
    (lines,) = (block for block in _blocks("sh") if "_SEY_COMPLETE" in block)
    for shell in ("bash", "zsh", "fish"):
        assert f"_SEY_COMPLETE={shell}_source sey" in lines
    first = lines.splitlines()[0].replace("sey)", f"{SEY})")
    subprocess.run(["bash", "-c", f"set -e; {first}\ncomplete -p sey"], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_exist(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
