"""Processes of every kind, captured by the command: in containers, replaced on disk, with very many threads."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sey.binary.elf import open_elf
from sey.binary.errors import SeyError
from sey.cli.probes import Probe, choose
from sey.frontend import compile as compiling
from sey.runtime.capture import Capture
from sey.runtime.capture_errors import OtherBuild
from sey.runtime.host_errors import NotGo
from sey.runtime.process import Process
from sey.runtime.snapshot import Limits, take
from tests.kernel.containers import contained, installed
from tests.kernel.support import SEY, Tables, sey
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import run_target

pytestmark = pytest.mark.usefixtures("_kernel")

SPEC = """program held {
  executable "*/server"
  module "example.com/threads"
  command "*server 3 0"
  env "INSIDE=yes"
}
func "main.hold" in held { number }
"""


@pytest.fixture
def _kernel() -> None:
    require_bpf()


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own: what is compiled here is compiled here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


needs_objcopy = pytest.mark.skipif(shutil.which("objcopy") is None, reason="needs objcopy")


def split(whole: Path, bare: Path, debug: Path) -> str:
    """Its debug information in a file of its own; the GNU build id."""
    bare.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["objcopy", "--only-keep-debug", str(whole), str(debug)], check=True)
    subprocess.run(["objcopy", "--strip-debug", str(whole), str(bare)], check=True)
    with open_elf(str(whole)) as elf:
        build_id = elf.note(".note.gnu.build-id", b"GNU")
    assert build_id is not None
    return build_id.hex()


def numbers(file: Path, pid: int) -> list[Any]:
    """What the `hold` frames of a process had for `number`."""
    rows = Tables(Capture.load(str(file))).rows(f"select number from hold where pid = {pid} order by number")
    return [row["number"] for row in rows]


def on_disk(pid: int) -> str:
    done = sey("ps", "--json")
    return next(str(each["on_disk"]) for each in json.loads(done.stdout) if each["pid"] == pid)


def test_a_path_that_only_the_mount_namespace_of_the_process_has(tmp_path: Path) -> None:
    """On the host another file has that path."""
    place = installed(build("churn"), tmp_path / "app" / "server")
    inside = f"mount -t tmpfs none {place.parent} && cp {build('threads')} {place} && exec {place} 2 0"
    (tmp_path / "p.sey").write_text('program held { executable "*/app/server" }\nfunc "main.hold" { number }\n')
    with run_target(Path("/usr/bin/unshare"), "--mount", "sh", "-c", inside) as target:
        done = sey("snapshot", "p.sey", "-o", "x.seyc", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert numbers(tmp_path / "x.seyc", target.pid) == [0, 1]


def test_a_process_in_a_container_is_found_by_rules_and_has_the_hosts_ids(tmp_path: Path) -> None:
    """Its path doesn't exist on the host; Go knows its threads by the ids of the inner namespace."""
    installed(build("threads"), tmp_path / "root" / "app" / "server")
    (tmp_path / "p.sey").write_text(SPEC)
    with contained(tmp_path / "root", "3", "0") as (shell, pid):
        assert shell.greeting["pid"] == 1
        done = sey("snapshot", "p.sey", "-o", "x.seyc", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        threads = {int(name) for name in os.listdir(f"/proc/{pid}/task")}
        assert on_disk(pid) == "same"
        (tmp_path / "root" / "app" / "server").unlink()
        assert on_disk(pid) == "deleted"
    assert numbers(tmp_path / "x.seyc", pid) == [0, 1, 2]
    tables = Tables(Capture.load(str(tmp_path / "x.seyc")))
    held = tables.rows("select pid, thread_id from goroutines join hold using (pid, goid)")
    assert len(held) == 3
    assert {row["pid"] for row in held} == {pid}
    assert {row["thread_id"] for row in held} <= threads


@needs_objcopy
def test_debug_files_in_the_root_of_a_container(tmp_path: Path) -> None:
    root = tmp_path / "root"
    build_id = split(build("threads"), root / "app" / "server", tmp_path / "debug")
    (tmp_path / "p.sey").write_text(SPEC)
    with contained(root, "3", "0") as (_, pid):
        assert "SEY0411" in sey("vars", str(pid), "main.hold").stderr
        place = root / "usr/lib/debug/.build-id" / build_id[:2] / f"{build_id[2:]}.debug"
        place.parent.mkdir(parents=True)
        (tmp_path / "debug").rename(place)
        assert "number" in sey("vars", str(pid), "main.hold").stdout
        (root / "app" / "server").unlink()
        done = sey("snapshot", "p.sey", "-p", str(pid), "-o", "x.seyc", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert numbers(tmp_path / "x.seyc", pid) == [0, 1, 2]


@needs_objcopy
def test_every_command_takes_a_debug_file_and_refuses_that_of_another_build(tmp_path: Path) -> None:
    bare, debug = tmp_path / "server", tmp_path / "debug"
    split(build("threads"), bare, debug)
    split(build("threads", mode="noopt"), tmp_path / "other", tmp_path / "wrong")
    (tmp_path / "p.sey").write_text('func "main.hold" { number }\n')
    with run_target(bare, "3", "0") as target:
        pid = str(target.pid)
        commands = [
            ("functions", pid, "main.hold"),
            ("types", pid, "runtime.g"),
            ("globals", pid, "runtime.allgs"),
            ("vars", pid, "main.hold"),
            ("check", "p.sey", pid),
            ("build", "p.sey", str(bare), "-o", "x.seyp"),
            ("snapshot", "p.sey", "-p", pid, "-o", "x.seyc"),
            ("stacks", pid),
        ]
        for command in commands:
            done = sey(*command, "--debug-file", str(debug), cwd=tmp_path)
            assert done.returncode == 0, (command, done.stderr)
            if command[0] not in ("vars", "check", "snapshot"):
                continue  # one piece serves them all
            refused = sey(*command, "--debug-file", str(tmp_path / "wrong"), cwd=tmp_path)
            said = refused.stderr + refused.stdout
            assert refused.returncode == 6, (command, said)
            assert said.count("build id ") >= 2, said  # both identities
    assert numbers(tmp_path / "x.seyc", target.pid) == [0, 1, 2]


@needs_objcopy
def test_a_debug_file_that_debuginfod_left_in_its_cache(tmp_path: Path) -> None:
    bare = tmp_path / "server"
    build_id = split(build("threads"), bare, tmp_path / "debug")
    place = tmp_path / "cache" / "debuginfod_client" / build_id / "debuginfo"
    place.parent.mkdir(parents=True)
    (tmp_path / "debug").rename(place)
    assert "number" in sey("vars", str(bare), "main.hold").stdout


def test_two_builds_of_one_path_each_get_their_probe(tmp_path: Path) -> None:
    """An upgrade on disk while the old process runs."""
    place = tmp_path / "server"
    (tmp_path / "p.sey").write_text('func "main.hold" { number }\n')
    with run_target(installed(build("threads"), place), "2", "0") as old:
        installed(build("threads", mode="noopt"), place)
        with run_target(place, "3", "0") as new:
            assert (on_disk(old.pid), on_disk(new.pid)) == ("replaced", "same")
            pids = ("-p", str(old.pid), "-p", str(new.pid))
            done = sey("snapshot", "p.sey", *pids, "-o", "x.seyc", cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    assert numbers(tmp_path / "x.seyc", old.pid) == [0, 1]
    assert numbers(tmp_path / "x.seyc", new.pid) == [0, 1, 2]
    ids = Tables(Capture.load(str(tmp_path / "x.seyc"))).rows("select distinct build_id from processes")
    assert len(ids) == 2


def test_processes_of_one_binary_are_compiled_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    original = compiling.compile_spec

    def counting(source: Any, paths: list[str], options: Any, **others: Any) -> Any:
        compiled.append(paths)
        return original(source, paths, options, **others)

    monkeypatch.setattr(compiling, "compile_spec", counting)
    executable = build("threads")
    with contextlib.ExitStack() as stack:
        pids = [stack.enter_context(run_target(executable, "1", "0")).pid for _ in range(3)]
        chosen = choose([Probe("p.sey", spec=b'func "main.hold" { number }\n')], pids, None)
        capture = take(chosen.bundles, chosen.requests, Limits(max_pause_ns=5_000_000_000))
    assert len(compiled) == 1
    rows = Tables(capture).rows("select pid, captured_at from processes order by captured_at")
    assert [row["pid"] for row in rows] == pids
    assert len({row["captured_at"] for row in rows}) == 3  # one after the other, and says when


@pytest.mark.parametrize("other", ["another build", "another program"])
def test_a_process_that_calls_execve_while_its_probe_is_made(tmp_path: Path, other: str) -> None:
    following = f"{build('threads', mode='noopt')} 1 0" if other == "another build" else "sleep 30"
    shell = ["sh", "-c", f"read line; exec {following}"]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        with run_target(build("threads"), "1", "0") as first:
            chosen = choose([Probe("")], [first.pid], None)
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        deadline = time.monotonic() + 10
        while Process.look(child.pid).name == "sh" and time.monotonic() < deadline:
            time.sleep(0.01)
        # What was chosen when the process still ran the first program.
        request = chosen.requests[0]
        stale = type(request)(Process.look(child.pid), request.bundle, request.binary)
        with pytest.raises(SeyError) as error:
            take(chosen.bundles, [stale], Limits())
        assert isinstance(error.value.problems[0], OtherBuild if other == "another build" else NotGo)
        assert child.poll() is None
        child.kill()


def test_a_thousand_threads_and_fifty_gigabytes_of_address_space(tmp_path: Path) -> None:
    (tmp_path / "p.sey").write_text('func "main.hold" { number }\n')
    with run_target(build("threads"), "1000", "50") as target:
        done = sey("snapshot", "p.sey", "-p", str(target.pid), "-o", "x.seyc", "--max-pause", "5s", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert target.alive()
    assert numbers(tmp_path / "x.seyc", target.pid) == list(range(1000))


def test_threads_beyond_what_a_probe_holds_are_told(tmp_path: Path) -> None:
    """And that they were inside system calls: a thread that runs Go code always has its registers, even the last."""
    with run_target(build("threads"), "4200", "0", "spin", timeout=60) as target:
        arguments = ("snapshot", "-p", str(target.pid), "-o", "x.seyc", "--max-pause", "5s")
        done = sey(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert target.alive()
    assert "beyond the 4096 that a probe holds" in done.stderr
    tables = Tables(Capture.load(str(tmp_path / "x.seyc")))
    row = tables.row("select threads, goroutines from processes")
    assert row["threads"] > 4200
    assert row["goroutines"] > 4200
    spin = tables.row("""select status, thread_id from goroutines join frames using (pid, stack_id)
                         where function = 'main.spin'""")
    assert spin["status"] in ("running", "runnable")  # between two turns, now and then
    assert spin["status"] == "runnable" or spin["thread_id"] is not None


def test_sey_in_a_pid_namespace_of_its_own() -> None:
    """With that namespace's /proc all is as on a host; with the host's, ids would mean two things."""
    script = (
        'mount -t proc proc /proc; (sleep 20 | "$0" 3 0 >/dev/null) & sleep 1; '
        'pid=$(for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" = "$0" ] && echo ${p#/proc/}; done); '
        '"$1" stacks $pid --json; umount /proc; "$1" stacks $pid; echo status $?; "$1" ps; echo status $?'
    )
    command = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "sh", "-c", script, str(build("threads")), *SEY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("no namespaces here")
    assert "main.hold" in done.stdout
    assert done.stdout.count("status 3") == 2, done.stdout + done.stderr
    assert done.stderr.count("SEY0614") == 2
