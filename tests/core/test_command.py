"""`sey snapshot --core` and `sey stacks CORE` as users run them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sey.runtime.capture import Capture
from tests.core.support import ended, kernel_cores
from tests.kernel.support import SEY, sey
from tests.support.basevenv import base_commands
from tests.support.gobuild import ROOT, build
from tests.support.target import Target

SPEC = """
program shop { module "example.com/crash"  command "*crash*"  env "SHOP=tea" }
program other { module "example.com/other" }
func "main.wait" as wait in shop { order.Customer as customer }
func "main.crash" as crash in shop { order.ID as id }
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    executable = build("crash", go="1.26")
    with kernel_cores(folder), Target(executable, env={"GOTRACEBACK": "crash", "SHOP": "tea"}) as target:
        target.tell("panic")
        return ended(target, folder, None)


def test_a_spec_over_a_core(core: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.sey").write_text(SPEC)
    executable = str(build("crash", go="1.26"))
    done = sey("snapshot", "shop.sey", "--core", str(core), "--exe", executable, "-o", "out.seyc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"pause       none, from the core {core} (process ")
    assert len(lines) == 5
    done = sey("query", "out.seyc", "select customer from wait union all select id::varchar from crash order by 1",
               "--json", cwd=tmp_path)  # fmt: skip
    values = [row["customer"] for row in json.loads(done.stdout)]
    assert values == ["4711", "waiting-0", "waiting-1", "waiting-2"]
    done = sey("query", "out.seyc", "select engine, core, pause_ns, notes from processes", "--json", cwd=tmp_path)
    (row,) = json.loads(done.stdout)
    notes = "a core of SIGABRT doesn't tell the runtime's time: wait_ns is the least it can be"
    assert row == {"engine": "interp", "core": str(core), "pause_ns": 0, "notes": notes}
    assert f"from the core {core}" in sey("inspect", "out.seyc", cwd=tmp_path).stdout


def test_a_bundle_over_a_core(core: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.sey").write_text(SPEC)
    executable = str(build("crash", go="1.26"))
    assert sey("build", "shop.sey", executable, "-o", "shop.seyp", cwd=tmp_path).returncode == 0
    done = sey("snapshot", "shop.seyp", "--core", str(core), "--json", "-o", "out.seyc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"executable  {executable}, as the core names it\n")
    (process,) = json.loads(done.stdout)["processes"]
    assert (process["core"], process["executable"], process["pause_ns"]) == (str(core), executable, 0)

    other = str(build("crash", go="1.26", mode="trimpath"))
    assert sey("build", "shop.sey", other, "-o", "other.seyp", cwd=tmp_path).returncode == 0
    done = sey("snapshot", "other.seyp", "--core", str(core), "-o", "none.seyc", cwd=tmp_path)
    assert done.returncode == 6
    assert "SEY0750" in done.stderr
    assert not (tmp_path / "none.seyc").exists()
    # With both there is one for the core.
    done = sey("snapshot", "other.seyp", "shop.seyp", "--core", str(core), "-o", "out.seyc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_rules_of_programs_are_about_the_name_that_the_program_ran_under(core: Path, tmp_path: Path) -> None:
    executable = build("crash", go="1.26")
    (tmp_path / "copied").symlink_to(executable)
    (tmp_path / "my.sey").write_text(
        f'program shop {{ executable "*/{executable.name}" }}\nfunc "main.wait" as wait in shop {{ order as held }}\n'
    )
    done = sey("snapshot", "my.sey", "--core", str(core), "--exe", "copied", "-o", "out.seyc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = sey("query", "out.seyc", "select count(*) as n from wait", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == [{"n": 3}]


def test_the_base_package_alone_captures_the_same_bytes(core: Path, tmp_path: Path) -> None:
    """Without a compiler for programs it has the plain machine only."""
    (tmp_path / "shop.sey").write_text(SPEC)
    executable = str(build("crash", go="1.26"))
    assert sey("build", "shop.sey", executable, "-o", "shop.seyp", cwd=tmp_path).returncode == 0
    words = ["snapshot", "shop.seyp", "--core", str(core), "--exe", executable, "-o"]
    assert sey(*words, "full.seyc", cwd=tmp_path).returncode == 0
    environment = {"PATH": "/usr/bin:/bin", "SEY_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    command = [str(base_commands() / "sey"), *words, "base.seyc"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    full, base = (Capture.load(str(tmp_path / f"{name}.seyc")).processes[0] for name in ("full", "base"))
    assert full.pages is not None
    assert base.pages is not None
    assert base.pages.data.tobytes() == full.pages.data.tobytes()
    assert base.facts == full.facts


def test_the_stacks_of_a_core(core: Path) -> None:
    done = sey("stacks", str(core))
    assert done.returncode == 0, done.stderr
    assert f"from the core {core}" in done.stdout
    assert "3 goroutines: waiting (chan receive)" in done.stdout
    assert "main.crash" in done.stdout
    assert sey("stacks", str(core), "--exe", str(build("crash", go="1.26"))).stdout == done.stdout


def test_the_commands_of_the_readme(core: Path, tmp_path: Path) -> None:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    commands = next(block for word, block in fenced if not word and "--core" in block).splitlines()
    (tmp_path / "my.sey").write_text(SPEC)
    named = {"CORE": str(core), "BINARY": str(build("crash", go="1.26"))}
    for line in commands:
        words = [named.get(word, word) for word in shlex.split(line, comments=True)]
        done = sey(*words[1:], cwd=tmp_path)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout or words[1] == "snapshot"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--core", "CORE", "-p", "1"], "exclude each other"),
        (["--core", "CORE", "--engine", "ebpf"], "a core file is read by --engine interp"),
        (["--exe", "/bin/ls"], "there is no --core"),
        (["--core", "no-such-file"], "SEY0401"),
    ],
)
def test_wrong_usage(core: Path, arguments: list[str], words: str) -> None:
    done = sey("snapshot", *[str(core) if argument == "CORE" else argument for argument in arguments])
    assert done.returncode == 2
    assert words in done.stderr


def test_the_engines_that_can_read_a_core(core: Path, tmp_path: Path) -> None:
    for engine in ("auto", "interp"):
        done = sey("snapshot", "--core", str(core), "--engine", engine, "-o", str(tmp_path / f"{engine}.seyc"))
        assert done.returncode == 0, done.stderr


def test_executables_as_cores_and_the_other_way_round(core: Path) -> None:
    executable = str(build("crash", go="1.26"))
    done = sey("snapshot", "--core", executable, "--exe", str(core))
    assert done.returncode == 6
    assert "SEY0730" in done.stderr
    done = sey("snapshot", "--core", str(core), "--exe", str(core))
    assert done.returncode == 4
    assert "an ELF core dump, not an executable" in done.stderr


_USED = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(child.returncode, used.ru_maxrss)
"""


def used_by(command: list[str]) -> tuple[int, int]:
    """How a command ended, and its largest resident memory in KiB.

    A process counts what the one that started it had: that has to be a small one, and not the one of the tests.
    """
    done = subprocess.run([sys.executable, "-I", "-S", "-c", _USED, *command], stdout=subprocess.PIPE, check=True)
    status, kilobytes = map(int, done.stdout.split())
    return status, kilobytes


def test_a_core_of_more_than_2_gib_is_never_loaded(tmp_path: Path) -> None:
    """Most of it are holes here: the kernel writes none of the pages that were never touched."""
    executable = build("many", go="1.26")
    arguments = ("-n=10000", "-heap=2048")
    with kernel_cores(tmp_path), Target(executable, arguments, env={"GOTRACEBACK": "crash"}, timeout=120) as target:
        core = ended(target, tmp_path)
    assert core.stat().st_size > 2 << 30
    out = tmp_path / "out.seyc"
    status, kilobytes = used_by([*SEY, "snapshot", "--core", str(core), "-o", str(out)])
    core.unlink()
    assert status == 0
    assert kilobytes < 500 << 10
    done = sey("query", str(out), "select goroutines as n, count(*) filter (where status = 'waiting') as waiting "
               "from processes, goroutines group by 1", "--json")  # fmt: skip
    (row,) = json.loads(done.stdout)
    assert row["n"] > 10_000
    assert row["waiting"] >= 10_000
