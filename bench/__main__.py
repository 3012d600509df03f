"""`python -m bench [NAME...]`: runs the benchmarks one after the other; says at the end which missed their budget."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    """Runs NAME.py for each name, or all there are. The result is 0 if every budget was met."""
    scripts = [HERE / f"{name}.py" for name in names] or programs()
    missed = []
    for script in scripts:
        print(f"== {script.stem.removeprefix('bench_')}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{script.stem}"], cwd=HERE.parent, check=False).returncode:
            missed.append(script.stem)
    print(f"{len(scripts) - len(missed)} within budget, missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def programs() -> list[Path]:
    """The scripts of this folder that can be run; the others are their helpers."""
    return [path for path in sorted(HERE.glob("[!_]*.py")) if "__main__" in path.read_text()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
