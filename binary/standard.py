"""Go's own packages, by release: which import paths can be of nobody else.

The table beside this module, `standard.json`, was made by `tools/standard.py` from `go list std` of each release: by
path the first and the last minor release that has the package.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files

from sey.binary.buildinfo import BuildInfo

FILE = "standard.json"


@functools.cache
def standard_packages() -> Mapping[str, tuple[int, int]]:
    """By import path the first and the last minor release of Go 1 that has the package."""
    read = json.loads(files("sey.binary").joinpath(FILE).read_text())
    return {path: (first, last) for path, (first, last) in read.items()}


def is_standard(package: str, build: BuildInfo) -> bool:
    """Whether a package of a program is certain to be Go's own, and not of a module with a name like that.

    Of releases after the last one in the table only that is certain which the last one has.
    """
    known = standard_packages()
    if package not in known or build.version.major != 1:
        return False
    first, last = known[package]
    release = min(build.version.minor, max(end for _, end in known.values()))
    return first <= release <= last and not any(_is_in(package, module) for module in _modules(build))


def _modules(build: BuildInfo) -> Iterator[str]:
    yield build.module
    for module in build.dependencies:
        yield module.path


def _is_in(package: str, module: str) -> bool:
    return bool(module) and f"{package}/".startswith(f"{module}/")
