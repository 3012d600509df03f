"""What can be wrong with an IR program or its text: the problems SEY05xx of this folder."""

from __future__ import annotations

from dataclasses import dataclass

from ..binary.errors import Exit, Problem


@dataclass(frozen=True)
class TextError(Problem):
    """The text of a program doesn't follow the grammar, or names what isn't there; `line`, `column` count from 1."""

    code = "SEY0501"
    exit_status = Exit.BUG
    title = "IR text, line {line}, column {column}: {reason}"

    line: int
    column: int
    reason: str
