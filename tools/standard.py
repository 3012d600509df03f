"""Makes `binary/standard.json`: the packages of Go's standard library by release.

    python -m tools.standard
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sey.binary import standard
from tests.support.gobuild import RELEASES, go_command, toolchain

TABLE = Path(standard.__file__).with_name(standard.FILE)


def packages(release: str) -> list[str]:
    """What a minor release (`1.26`) has for linux/amd64. Raises ToolchainMissingError."""
    plain = {"GOFLAGS": "", "GOEXPERIMENT": "", "GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "1"}
    env = {**os.environ, **plain, "GOTOOLCHAIN": toolchain(release)[0]}
    command = [go_command(), "list", "std"]
    return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=True).stdout.split()


def main() -> int:
    """Writes the table; the result is the process's exit status."""
    table: dict[str, tuple[int, int]] = {}
    for release in RELEASES:
        minor = int(release.partition(".")[2])
        for package in packages(release):
            first, last = table.get(package, (minor, minor - 1))
            # Of one that was gone for a while, the time before is left out: what the table lacks isn't certain.
            table[package] = first if last == minor - 1 else minor, minor
    lines = (f"{json.dumps(package)}: {json.dumps(table[package])}" for package in sorted(table))
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
