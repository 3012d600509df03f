"""A core of more than 2 GiB with 10 000 goroutines: from the start of the command to the capture file.

With a bundle that picks three values in a frame of each, by the package with all extras, which runs the program as
machine code, and by the base package alone, which has the plain machine. The memory it takes is printed beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.common import SCRATCH, heading, spread, verdict
from tests.core.support import ended, kernel_cores
from tests.kernel.support import SEY
from tests.support.basevenv import base_commands
from tests.support.gobuild import build
from tests.support.target import Target

_GOROUTINES = 10_000
_HEAP_MIB = 2048
_TIMES = 3
_BUDGET_S = 10.0
_SPEC = 'func "main.request" as request { id, name, job.Priority as priority }\n'


def main() -> int:
    """Print them; 1 if the budget is missed."""
    heading("a core of 2 GiB with 10 000 goroutines")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    executable = build("many")
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        folder = Path(scratch)
        arguments = (f"-n={_GOROUTINES}", f"-heap={_HEAP_MIB}", "-written")
        with kernel_cores(folder), Target(executable, arguments, env={"GOTRACEBACK": "crash"}, timeout=300) as target:
            core = ended(target, folder)
        (folder / "probe.sey").write_text(_SPEC)
        bundle = folder / "probe.seyp"
        subprocess.run([*SEY, "build", str(folder / "probe.sey"), str(executable), "-o", str(bundle)], check=True)
        print(f"  core of {core.stat().st_size / (1 << 30):.2f} GiB")
        words = ["snapshot", str(bundle), "--core", str(core), "-o", str(folder / "out.seyc")]
        met = [
            _measure("start to file, machine code", [*SEY, *words]),
            _measure("start to file, plain machine", [str(base_commands() / "sey"), *words]),
        ]
        return 0 if all(met) else 1


def _measure(what: str, command: list[str]) -> bool:
    seconds, most = [], 0
    for _ in range(_TIMES):
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.perf_counter() - began)
        if process.returncode:
            print(f"  {what}: exit status {process.returncode}")
            return False
        most = max(most, used.ru_maxrss >> 10)
    print(f"  {what}: {spread(seconds, ' s')}, first {seconds[0]:.2f} s; at most {most} MiB resident")
    return verdict(what, max(seconds), _BUDGET_S, "s")


if __name__ == "__main__":
    sys.exit(main())
