"""`sey build`: one bundle for several binaries, the same bytes wherever it is made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sey.runtime.bundle import Bundle
from tests.cli.conftest import SEY, Run
from tests.support.gobuild import build
from tests.support.kernel import require_bpf
from tests.support.target import Target

SPEC = """
program crowd { executable "*/crowd" }
program pool  { executable "*/pool" }
func "main.request" as parked in crowd { id, name, job, none_such }
func "main.hold" as held in pool when number >= 0 { number }
func glob "main.*" as every { id }
table who = "select count(*) as n from parked"
column held.big boolean = "number > 1"
"""


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two programs under the names that the spec has for them."""
    folder = tmp_path_factory.mktemp("programs")
    for target, name in (("many", "crowd"), ("threads", "pool")):
        shutil.copy(build(target), folder / name)
    return folder / "crowd", folder / "pool"


def test_the_same_bytes_wherever_it_is_made(binaries: tuple[Path, ...], tmp_path: Path) -> None:
    """Other folders, other hash seeds, other umask and locale, other dates of files, names relative and absolute."""
    made = []
    for number, (place, seed, umask) in enumerate((("one-place", "0", 0o022), ("an/other/site", "4711", 0o077))):
        folder = tmp_path / place
        (folder / "built").mkdir(parents=True)
        (folder / "specs.d").mkdir()
        spec = folder / "specs.d" / "two.sey"
        spec.write_text('import "parts/more.sey"\n' + SPEC)
        (folder / "specs.d" / "parts").mkdir()
        (folder / "specs.d" / "parts" / "more.sey").write_text('func "main.request" as again { id }\n')
        for binary in binaries:
            os.utime(shutil.copy(binary, folder / "built"), (number, number))
        names: list[str] = [str(spec), *(str(folder / "built" / binary.name) for binary in binaries)]
        if number:
            names = [os.path.relpath(name, folder / "built") for name in names]
        env = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "SEY_CACHE_DIR": str(folder / "cache"),
            "TZ": ("UTC", "Asia/Tokyo")[number],
            "LC_ALL": ("C", "C.UTF-8")[number],
        }
        command = [str(SEY), "build", *names, "-o", "out.seyp", "--allow-missing"]
        cwd = folder / "built"
        for _ in range(2):  # compiled, then from what was kept of that
            done = subprocess.run(command, cwd=cwd, env=env, umask=umask, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert "none_such" in done.stderr
            made.append((cwd / "out.seyp").read_bytes())
            assert (cwd / "out.seyp").stat().st_mode & 0o777 == 0o600
    assert made[1:] == made[:1] * 3
    assert [file.path for file in Bundle.from_bytes("out.seyp", made[0]).imports] == ["parts/more.sey"]
    for name in (b"one-place", b"an/other", b"specs.d", bytes(tmp_path), b"/built"):
        assert name not in made[0]


def test_what_is_kept_is_told_apart(run: Run, binaries: tuple[Path, ...], tmp_path: Path) -> None:
    """The same spec under another name, for other binaries, in another order, or changed, makes another bundle."""
    crowd, pool = binaries
    spec, out = tmp_path / "a.sey", tmp_path / "a.seyp"
    spec.write_text('func glob "main.*" as every { id }\n')

    def built(*arguments: object) -> Bundle:
        done = run("build", *arguments, "-o", out, "--allow-missing")
        assert done.status == 0, done.err
        return Bundle.load(str(out))

    for _ in range(2):
        assert [b.path for b in built(spec, crowd).binaries] == ["crowd"]
        assert [b.path for b in built(spec, crowd, pool).binaries] == ["crowd", "pool"]
        assert [b.path for b in built(spec, pool, crowd, pool).binaries] == ["pool", "crowd"]
    other = tmp_path / "b.sey"
    shutil.copy(spec, other)
    assert (built(other, crowd).spec_path, built(spec, crowd).spec_path) == ("b.sey", "a.sey")
    spec.write_text('func glob "main.*" as all_of { id }\n')
    assert built(spec, crowd).binaries[0].plan.blocks[0].table == "all_of"
    spec.write_text('import "more.sey"\n')
    for name in ("one", "two"):
        (tmp_path / "more.sey").write_text(f'func glob "main.*" as {name} {{ id }}\n')
        assert built(spec, crowd).binaries[0].plan.blocks[0].table == name


def test_one_bundle_captures_each_of_its_programs(run: Run, binaries: tuple[Path, ...], tmp_path: Path) -> None:
    require_bpf()
    crowd, pool = binaries
    spec, bundle, out = tmp_path / "two.sey", tmp_path / "two.seyp", tmp_path / "two.seyc"
    spec.write_text(SPEC.replace(", none_such", "").replace('func glob "main.*" as every { id }', ""))
    done = run("build", spec, crowd, pool, "-o", bundle, "--json")
    assert done.status == 0, done.err
    described = json.loads(done.out)
    assert [binary["path"] for binary in described["binaries"]] == ["crowd", "pool"]
    assert len({binary["content"] for binary in described["binaries"]}) == 2
    with Target(crowd, ["-n", "7", "-depth", "3", "-distinct", "1"]) as one, Target(pool, ["5", "1"]) as two:
        done = run("snapshot", bundle, "-o", out, "-p", one.pid, "-p", two.pid)
        assert done.status == 0, done.err
        both = "(select pid from parked union all select pid from held)"
        rows = run("query", out, f"select pid, count(*) as n from {both} group by all order by n", "--json")
        assert json.loads(rows.out) == [{"pid": two.pid, "n": 5}, {"pid": one.pid, "n": 7}]
        # By the rules of its programs, without -p.
        assert run("snapshot", bundle, "-o", out).status == 0
        rows = run("query", out, "select pid from processes order by pid", "--json")
        assert [row["pid"] for row in json.loads(rows.out)] == sorted([one.pid, two.pid])


def test_a_bundle_that_has_none_for_the_process_names_all(run: Run, binaries: tuple[Path, ...], tmp_path: Path) -> None:
    spec, bundle = tmp_path / "any.sey", tmp_path / "any.seyp"
    spec.write_text('func glob "main.*" as every { id }\n')
    assert run("build", spec, *binaries, "-o", bundle, "--allow-missing").status == 0
    with Target(build("many", mode="pie"), ["-n", "1", "-depth", "3", "-distinct", "1"]) as target:
        done = run("snapshot", bundle, "-p", target.pid, "-o", tmp_path / "x.seyc")
    assert (done.status, (tmp_path / "x.seyc").exists()) == (6, False)
    assert "error[SEY0750]: the probe for crowd, pool was made for another build" in done.err
    for binary in Bundle.load(str(bundle)).binaries:
        assert f"the probe is for: {binary.path}: {binary.identity}" in done.err
    assert "running is: go build id" in done.err


def test_a_build_under_two_names_is_two_programs(run: Run, binaries: tuple[Path, ...], tmp_path: Path) -> None:
    require_bpf()
    crowd, _ = binaries
    other, spec, bundle = tmp_path / "mob", tmp_path / "names.sey", tmp_path / "names.seyp"
    shutil.copy(crowd, other)
    spec.write_text(
        'program crowd { executable "*/crowd" }\nprogram mob { executable "*/mob" }\n'
        'func "main.request" as parked in crowd { id }\nfunc "main.request" as rioting in mob { id }\n'
    )
    assert run("build", spec, crowd, other, "-o", bundle).status == 0
    for binary, table in ((crowd, "parked"), (other, "rioting")):
        with Target(binary, ["-n", "3", "-depth", "3", "-distinct", "1"]) as target:
            out = tmp_path / f"{table}.seyc"
            assert run("snapshot", bundle, "-p", target.pid, "-o", out).status == 0
        assert json.loads(run("query", out, f"select count(*) as n from {table}", "--json").out) == [{"n": 3}]


def test_what_is_wrong_with_any_binary_is_told(run: Run, binaries: tuple[Path, ...], tmp_path: Path) -> None:
    crowd, pool = binaries
    spec, out = tmp_path / "wrong.sey", tmp_path / "x.seyp"
    spec.write_text('func "main.request" { id }\n')
    done = run("build", spec, crowd, pool, "/bin/sh", "-o", out)
    assert (done.status, out.exists()) == (4, False)
    assert done.err.count("/bin/sh is not a Go program") == 1
    assert f"{pool} has no function `main.request`" in done.err
    assert f"error[SEY0720]: the spec can't be built for /bin/sh, {pool}; nothing was written" in done.err
    spec.write_text("func {\n")
    done = run("build", spec, crowd, pool, "-o", out)
    assert (done.status, done.err.count("error[SEY0108]")) == (1, 1), done.err
    assert "SEY0720" not in done.err
    spec.write_text('func "main.request" { id }\ntable t = "select nope from request"\n')
    for _ in range(2):  # nothing wrong is kept as right
        done = run("build", spec, crowd, "-o", out)
        assert (done.status, out.exists()) == (1, False)
        assert "error[SEY0805]: wrong.sey: table `t` can't be made" in done.err
