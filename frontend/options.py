"""How to compile a spec: light to import, for commands that may find it compiled already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """`allow_missing`: what the binary lacks is a warning. `debug_file`: where debug information is, if not in the
    binary. `cache_dir`: where indexes are kept, if not in the user's cache. `runs_as`: the name under which the binary
    ran, if its file has another."""

    allow_missing: bool = False
    debug_file: str | None = None
    cache_dir: Path | None = None
    runs_as: str | None = None


DEFAULT_OPTIONS = Options()
