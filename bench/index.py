"""Index of debug information: cold and warm, over binaries of growing size, beside Delve opening the same ones.

    python -m bench.index [--rounds 3] [--large] [--delve PATH] [BINARY...]

Without a BINARY servers are installed with `go install` into .cache/bench; `--large` adds one with 100 MB of
`.debug_info`, whose build takes many minutes. Times are from the start of a process to its end, the best of the rounds;
memory is what the process used at most, less that of a bare interpreter. Delve does the least it can: it starts the
program, which stops before its first instruction, reads its debug information, and lists one function, as `sey` does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.common import ROOT, SCRATCH, heading
from sey.binary.elf import open_elf
from tests.support.gobuild import build, go_command

PROGRAMS = (
    "github.com/nats-io/nats-server/v2@v2.10.22",
    "github.com/go-delve/delve/cmd/dlv@v1.27.1",
    "github.com/caddyserver/caddy/v2/cmd/caddy@v2.9.1",
    "github.com/gohugoio/hugo@v0.140.0",
    "github.com/rclone/rclone@v1.69.0",
)
LARGE = "github.com/influxdata/telegraf/cmd/telegraf@v1.33.1"
SEY = Path(sys.executable).with_name("sey")
_CACHE = SCRATCH / "index-cache"
_COLD = ((8, 1.0, 150), (20, 2.0, 250), (150, 6.0, 600))
"""Up to so many MB of `.debug_info`: seconds and MB allowed cold."""
_WARM = 0.15
_OPEN = """
import sys, time
import sey.frontend.debuginfo.open as opening
start = time.perf_counter()
opening.open_debug_info(sys.argv[1]).function("main.main")
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Ran:
    """Seconds, MB at most, and what was printed."""

    wall: float
    peak: float
    output: str


def run(command: Sequence[str | Path]) -> Ran:
    """Run to the end. Raises RuntimeError where it fails."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "SEY_CACHE_DIR": str(_CACHE), "PYTHONPYCACHEPREFIX": str(SCRATCH / "pyc")}
    with (SCRATCH / "output").open("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env=environment, cwd=ROOT,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command} ended with {process.returncode}: {out.read()}")
        return Ran(wall, usage.ru_maxrss / 1024, out.read())


def best(command: Sequence[str | Path], rounds: int, *, cold: bool = False) -> Ran:
    """The quickest of the rounds; the cache is emptied before each where it is to be cold."""
    runs = []
    for _ in range(rounds):
        if cold:
            shutil.rmtree(_CACHE, ignore_errors=True)
        runs.append(run(command))
    return min(runs, key=lambda r: r.wall)


def opening(path: Path, rounds: int, *, cold: bool = False) -> tuple[float, float]:
    """Seconds of opening alone, modules imported; and MB at most."""
    command = (sys.executable, "-c", _OPEN, path)
    if not cold:
        run(command)
    runs = [best(command, 1, cold=cold) for _ in range(rounds)]
    return min(float(r.output) for r in runs), min(r.peak for r in runs)


def delve(tool: Path, path: Path, rounds: int) -> Ran:
    """Delve opening the program and listing one function."""
    script = SCRATCH / "commands"
    script.write_text("funcs ^main.main$\nexit\n")
    flags = ("--allow-non-terminal-interactive=true", "--check-go-version=false", "--init", script)
    return best((tool, "exec", path, *flags), rounds)


def installed(module: str) -> Path:
    """The program of that module, built once."""
    name = module.split("@")[0].removesuffix("/v2").rsplit("/", 1)[-1]
    if not (SCRATCH / name).exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(SCRATCH), "GOFLAGS": "-mod=mod"}
        subprocess.run([go_command(), "install", module], check=True, env=environment)
    return SCRATCH / name


def report(path: Path, tool: Path, rounds: int, bare: float) -> bool:
    """One line of the curve; whether the budgets are met and Delve is slower."""
    section = open_elf(path).section(".debug_info")
    assert section is not None
    size = section.inflated_size / 1e6
    command = (SEY, "functions", path, "main.main")
    cold_open, peak = opening(path, rounds, cold=True)
    cold = best(command, rounds, cold=True)
    warm_open, _ = opening(path, rounds)
    warm, other = best(command, rounds), delve(tool, path, rounds)
    details = best((SEY, "vars", path, "main.main"), rounds + 1)
    seconds, megabytes = next((s, m) for most, s, m in _COLD if size <= most or most == _COLD[-1][0])
    met = cold_open <= seconds and peak - bare <= megabytes and warm_open <= _WARM and cold.wall < other.wall
    print(
        f"{path.name:12} {size:7.1f} {cold_open:7.2f} {cold_open / size * 1000:6.1f} {peak - bare:6.0f}"
        f" {warm_open:7.3f}"
        f"  {cold.wall:6.2f} {warm.wall:6.2f} {details.wall:6.2f}  {other.wall:6.2f}"
        f"  {other.wall / cold.wall:5.1f} {other.wall / warm.wall:5.1f}  {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


def main() -> int:
    """Measure all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", nargs="*", type=Path, metavar="BINARY")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also one with 100 MB of .debug_info")
    parser.add_argument("--delve", type=Path, help="a build of Delve 1.27.1 to use, instead of making one")
    arguments = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    modules = (*PROGRAMS, LARGE) if arguments.large else PROGRAMS
    binaries = arguments.binaries or [build("many"), *map(installed, modules)]
    tool = arguments.delve or installed(PROGRAMS[1])
    heading("Index of debug information, in seconds")
    bare = best((sys.executable, "-c", ""), 1).peak
    print(
        f"{'':12} {'.debug_':>7} {'open':>7} {'ms a':>6} {'MB':>6} {'open':>7}  {'sey functions':^13} {'vars':>6}"
        f"  {'Delve':>6}  {'Delve/sey':^11}\n"
        f"{'':12} {'info MB':>7} {'cold':>7} {'MB':>6} {'more':>6} {'warm':>7}  {'cold':>6} {'warm':>6} {'warm':>6}"
        f"  {'':>6}  {'cold':>5} {'warm':>5}"
    )
    results = [report(path.resolve(), tool, arguments.rounds, bare) for path in binaries]
    shutil.rmtree(_CACHE, ignore_errors=True)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
