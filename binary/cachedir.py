"""Where things that can be made again are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path | None:
    """The folder `name` in $SEY_CACHE_DIR, else in $XDG_CACHE_HOME/sey, else in ~/.cache/sey; None without a home."""
    if own := os.environ.get("SEY_CACHE_DIR"):
        return Path(own) / name
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "sey" / name
    try:
        return Path.home() / ".cache" / "sey" / name
    except RuntimeError:
        return None
