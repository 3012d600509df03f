"""How long commands take, from their start: help, a cold index, compiling twenty functions, bundles, snapshots.

    python bench/commands.py [--rounds 7] [--profile] [--delve PATH]

Each runs in processes of its own, with cache folders of their own (.cache/bench) and Python's compiled modules kept, as
after a normal installation. Wall-clock times are the best of the rounds; the processor's time is shown too, since on
a machine that others share it is what the command itself costs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import ROOT, SCRATCH, heading, many, verdict
from tests.support.basevenv import base_commands
from tests.support.gobuild import build as built
from tests.support.gobuild import go_command

DELVE = "github.com/go-delve/delve/cmd/dlv@v1.27.1"
SEY = Path(sys.executable).with_name("sey")
SPEC = ROOT / "bench" / "twenty.sey"
VALUES = 'func "main.request" as requests { id, name, job.Priority }\n'

_INDEX = """
import resource, sys, time
from pathlib import Path
from sey.frontend.debuginfo.open import open_debug_info
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wall, cpu = time.perf_counter(), time.process_time()
info = open_debug_info(sys.argv[1], cache_dir=Path(sys.argv[2]))
info.function("main.main")
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(wall, cpu, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
_COMPILE = """
import sys, time
from sey.frontend.compile import compile_spec
from sey.frontend.source import Source
source = Source(sys.argv[1], open(sys.argv[1]).read())
wall, cpu = time.perf_counter(), time.process_time()
compile_spec(source, [sys.argv[2]])
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


@dataclass(frozen=True)
class Ran:
    """Seconds from start to end, seconds of processor time (children included), and what it printed."""

    wall: float
    cpu: float
    output: str


def environment() -> dict[str, str]:
    """Ours, but with caches of their own; and compiled modules are kept whatever the caller's shell says."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(SCRATCH / "pyc"), "SEY_CACHE_DIR": str(SCRATCH / "cache")}


def run(command: Sequence[str | Path]) -> Ran:
    """Run a command to its end. Raises RuntimeError with its stderr where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, env=environment(), cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (out, err):
            stream.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command} ended with {process.returncode}: {err.read().decode()}")
        return Ran(wall, usage.ru_utime + usage.ru_stime, out.read().decode())


def best(command: Sequence[str | Path], rounds: int, *, forget: str = "") -> Ran:
    """The best of so many runs, by each clock on its own; one before them warms the caches.

    `forget` names a folder of sey's cache that is emptied before each run; `.` is all of it.
    """
    runs = []
    for _ in range(rounds + 1):
        if forget:
            shutil.rmtree(SCRATCH / "cache" / forget, ignore_errors=True)
        runs.append(run(command))
    del runs[0]
    return Ran(min(r.wall for r in runs), min(r.cpu for r in runs), runs[-1].output)


def check(what: str, ran: Ran, budget: float) -> bool:
    """Print a command's times against its budget; whether it is met."""
    met = verdict(what, ran.wall, budget, "s")
    print(f"  {'':58} {ran.cpu:9.2f} s    of the processor", flush=True)
    return met


def show(what: str, ran: Ran) -> None:
    """Print times that have no budget."""
    print(f"  {what:58} {ran.wall:9.2f} s\n  {'':58} {ran.cpu:9.2f} s    of the processor", flush=True)


def delve(given: str | None) -> Path:
    """A Go program with 6 MB of `.debug_info`: `given`, or Delve, built once."""
    if given:
        return Path(given)
    found = SCRATCH / "dlv"
    if not found.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "GOBIN": str(SCRATCH), "GOFLAGS": "", "CGO_ENABLED": "0"}
        subprocess.run([go_command(), "install", DELVE], check=True, env=env)
    return found


def help_(rounds: int) -> bool:
    """`sey --help`."""
    return check("sey --help", best((SEY, "--help"), rounds), 0.2)


def index(binary: Path, rounds: int) -> bool:
    """The index of a binary, cold: a new cache folder each time."""
    walls, cpus, memory = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            wall, cpu, megabytes = map(float, run((sys.executable, "-c", _INDEX, binary, folder)).output.split())
        walls.append(wall)
        cpus.append(cpu)
        memory.append(megabytes)
    met = check(f"cold index of {binary.name}", Ran(min(walls), min(cpus), ""), 1.0)
    return verdict("  memory over the bare interpreter and its modules", min(memory), 150, "MB") and met


def compilation(binary: Path, rounds: int) -> bool:
    """Twenty functions, with the index warm: the compiler alone, and the whole command."""
    run((sys.executable, "-c", _COMPILE, SPEC, binary))
    runs = [
        [float(word) for word in run((sys.executable, "-c", _COMPILE, SPEC, binary)).output.split()]
        for _ in range(rounds)
    ]
    inner = Ran(min(wall for wall, _ in runs), min(cpu for _, cpu in runs), "")
    met = check("compile 20 functions, warm index, modules imported", inner, 1.0)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        whole = best((SEY, "build", SPEC, binary, "-o", Path(folder) / "out.seyp"), rounds)
    show("sey build of the same, from start to file", whole)
    return met


def bundles(rounds: int) -> bool:
    """`sey build` of the shop; and a snapshot with a bundle where the base package is all that there is."""
    shop = ROOT / "examples" / "shop"
    with many(100) as (target, binary), tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        command = (SEY, "build", shop / "shop.sey", built(shop), "-o", Path(folder) / "shop.seyp")
        met = check("sey build of the shop, nothing kept", best(command, rounds, forget="."), 2.0)
        met &= check("  the same again", best(command, rounds), 0.5)
        spec, bundle = Path(folder) / "values.sey", Path(folder) / "values.seyp"
        spec.write_text(VALUES)
        run((SEY, "build", spec, binary, "-o", bundle))
        base = (base_commands() / "sey", "snapshot", bundle, "-p", str(target.pid), "-o", Path(folder) / "out.seyc")
        return check("sey snapshot with a bundle, without the compiler", best(base, rounds), 0.7) and met


def snapshot(rounds: int) -> bool:
    """`sey snapshot` of a process with 100 goroutines: no spec, and one with three values."""
    met = True
    with many(100) as (target, _), tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        spec, output = Path(folder) / "values.sey", Path(folder) / "out.seyc"
        spec.write_text(VALUES)
        for what, probes in (("no spec", ()), ("three values", (spec,))):
            command = (SEY, "snapshot", *probes, "-p", str(target.pid), "-o", output)
            met &= check(f"sey snapshot, small process, {what}", best(command, rounds), 1.5)
            show("  the first time: index warm, probe not compiled yet", best(command, rounds, forget="probes"))
    return met


_COSTS = """
import cProfile, pstats, sys
from sey.cli.main import main
profile = cProfile.Profile()
try:
    profile.runcall(main, sys.argv[1:])
finally:
    pstats.Stats(profile, stream=sys.stderr).strip_dirs().sort_stats("tottime").print_stats(25)
"""


def profile() -> None:
    """Where `sey snapshot` spends its time: the dearest imports by microseconds of their own, then functions."""
    with many(100) as (target, _), tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        arguments = ["snapshot", "-p", str(target.pid), "-o", str(Path(folder) / "out.seyc")]
        imports = stderr_of(["-X", "importtime", str(SEY), *arguments])
        rows = [line for line in imports.splitlines() if line.startswith("import time:") and "self [us]" not in line]
        rows.sort(key=lambda row: -int(row.split(":")[1].split("|")[0]))
        print("\n".join(rows[:25]))
        print(stderr_of(["-c", _COSTS, *arguments]), flush=True)


def stderr_of(arguments: Sequence[str]) -> str:
    """What Python writes to stderr when it runs with these arguments."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False).stderr


def main() -> int:
    """Measure all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--delve", help="a build of Delve 1.27.1 to use, instead of making one")
    parser.add_argument("--profile", action="store_true", help="where a snapshot spends its time")
    arguments = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(SCRATCH / "cache", ignore_errors=True)
    heading("Commands, from start to end")
    if arguments.profile:
        profile()
        return 0
    binary = delve(arguments.delve)
    results = [
        help_(arguments.rounds),
        index(binary, arguments.rounds),
        compilation(binary, arguments.rounds),
        bundles(arguments.rounds),
        snapshot(arguments.rounds),
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
