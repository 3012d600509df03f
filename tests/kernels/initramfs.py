"""Packs a root file system for the guest: Python, what sey's commands of a runtime host import, targets, probes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.gobuild import ROOT

# Of the base install's packages those that `doctor` and `snapshot` import; decoding happens on the host.
PACKAGES = ("click", "numpy", "numpy.libs", "elftools", "pyarrow", "pylibbpf", "pylibbpf.libs")
OWN = ("backends", "binary", "cli", "frontend", "ir", "runtime")
# Of Python's library and of packages, what nothing here imports.
UNUSED = shutil.ignore_patterns(
    *("test", "tests", "idlelib", "ensurepip", "site-packages", "lib2to3", "config-*", "*.a"),
    *("include", "src", "*_flight*", "*_s3*", "*s3fs*", "*_orc*", "*.1.0"),
)


def pack(out: Path, root: Path) -> None:
    """Write a cpio archive `out` of the file system `root`, which gets all that the guest needs beside what it has.

    In /targets and /tools are executables.
    """
    for folder in ("proc", "sys", "dev", "tmp", "etc", "app/sey"):
        (root / folder).mkdir(parents=True)
    _python(root)
    site = Path(sysconfig.get_path("purelib"))
    for package in PACKAGES:
        shutil.copytree(site / package, root / "app" / package, ignore=UNUSED)
    for package in OWN:
        shutil.copytree(ROOT / package, root / "app" / "sey" / package, ignore=UNUSED)
    shutil.copytree(ROOT / "tests" / "support", root / "app" / "tests" / "support")
    shutil.copytree(ROOT / "tests" / "kernels", root / "app" / "tests" / "kernels")
    _libraries(root)
    start = "import runpy\nrunpy.run_path('/app/tests/kernels/guest.py')\n"
    (root / "init").write_text(f"#!/python/bin/python3 -S\n{start}")
    (root / "init").chmod(0o755)
    _archive(root, out)


def _python(root: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, root / "python" / "lib" / version, ignore=UNUSED, symlinks=True)
    (root / "python" / "bin").mkdir()
    shutil.copy2(Path(sys.executable).resolve(), root / "python" / "bin" / "python3")


def _libraries(root: Path) -> None:
    """The shared libraries that the copied files need, where the loader looks for them."""
    files = [root / "python" / "bin" / "python3", *root.rglob("*.so"), *root.rglob("*.so.*")]
    files += [*(root / "targets").iterdir(), *(root / "tools").iterdir()]
    listed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
    wanted = {Path(path) for path in re.findall(r"(?:=> |^\t)(/\S+) \(0x", listed, re.MULTILINE)}
    for path in sorted(wanted):
        if path.is_relative_to(root):
            continue
        copy = root / path.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path.resolve(), copy)


def _archive(root: Path, out: Path) -> None:
    names = "\0".join(str(path.relative_to(root)) for path in sorted(root.rglob("*"))).encode()
    with out.open("wb") as file:
        subprocess.run(
            ["cpio", "--null", "--quiet", "-o", "-H", "newc"], cwd=root, input=names, stdout=file, check=True
        )
