"""Problems of the language server itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sey.binary.errors import Exit, Problem


@dataclass(frozen=True)
class NoSuchBinary(Problem):
    """In an editor a spec is checked against the binaries that it or the workspace names, and one isn't there."""

    code: ClassVar[str] = "SEY0251"
    exit_status: ClassVar[Exit] = Exit.USAGE
    title: ClassVar[str] = "no binary `{pattern}` to check the spec against"
    help: ClassVar[str | None] = "build it, or change {where}"
    pattern: str
    where: str
