"""Fetches Debian's kernels for virtual machines, and bpftool, by apt and apart from the machine's package lists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.gobuild import ROOT

CACHE = ROOT / ".cache" / "kernels"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# The suite that packages each line of kernels: the oldest supported, the one of Debian 13, the newest there is.
SUITES = {
    "5.10": ("bullseye-security", "debian-security"),
    "6.1": ("bookworm-security", "debian-security"),
    "6.12": ("trixie", "debian"),
    "newest": ("sid", "debian"),
}


class KernelMissingError(Exception):
    """A kernel can't be had; the message says what was tried."""


@dataclass(frozen=True)
class Kernel:
    """A kernel image to boot, and its release as `uname -r` prints it there."""

    image: Path
    release: str


def kernel(line: str) -> Kernel:
    """The newest packaged kernel of a line of `SUITES`; fetched once. Raises KernelMissingError."""
    folder = CACHE / line
    if not folder.exists():
        _fetch(folder, *SUITES[line], _image)
    # Packages have the image in /boot or, lately, beside the modules; its name ends with the release.
    image = next(folder.rglob("vmlinuz*"))
    release = image.name.removeprefix("vmlinuz").removeprefix("-") or image.parent.name
    return Kernel(image, release)


def bpftool() -> Path:
    """bpftool of Debian 12, whose libraries any machine has that runs these tests. Raises KernelMissingError."""
    folder = CACHE / "bpftool"
    if not folder.exists():
        _fetch(folder, "bookworm", "debian", lambda _: "bpftool")
    return next(folder.rglob("sbin/bpftool"))


def _image(work: Path) -> str:
    """The package with the image: its name tells its release."""
    name, part = "linux-image-cloud-amd64", "linux-image-"
    # From the name that never changes to the package of its release and, since 7.2, to the one that has the image.
    while found := re.findall(rf"Depends: ({part}\d\S+)", _apt(work, "apt-cache", "depends", name)):
        name, part = found[0], "linux-binary-"
    if name == "linux-image-cloud-amd64":
        raise KernelMissingError(f"there is no {name}")
    return name


def _fetch(folder: Path, suite: str, archive: str, package: Callable[[Path], str]) -> None:
    """Unpack a package of a suite into a folder."""
    work = folder.with_suffix(f"{folder.suffix}.new")
    shutil.rmtree(work, ignore_errors=True)
    for part in ("state/lists/partial", "cache/archives/partial", "root"):
        (work / part).mkdir(parents=True)
    (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] http://deb.debian.org/{archive} {suite} main\n")
    _apt(work, "apt-get", "-qq", "update")
    _apt(work, "apt-get", "-qq", "download", package(work))
    subprocess.run(["dpkg", "-x", str(next(work.glob("*.deb"))), str(work / "root")], check=True)
    (work / "root").rename(folder)
    shutil.rmtree(work)


def _apt(work: Path, *command: str) -> str:
    """Run apt with lists and a cache of its own below `work`."""
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": work / "state",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "root",
    }
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run([command[0], *given, *command[1:]], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KernelMissingError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
