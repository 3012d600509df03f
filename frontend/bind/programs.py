"""Which programs of a spec a binary can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from sey.frontend import ast


def may_be(program: ast.Program, binary: str, module: str | None) -> bool:
    """Whether the binary can run as that program, as far as a file can tell.

    `binary` is its path, `module` its main module's path (None: unknown). A binary is often built elsewhere than
    where it runs, so of an `executable` rule only the last element counts; `command`, `env` and `pid` are known of
    processes only.
    """
    return all(_holds(rule, binary, module) for rule in program.rules)


def _holds(rule: ast.Rule, binary: str, module: str | None) -> bool:
    pattern = str(rule.value.value)
    match rule.kind.name:
        case "executable":
            return _matches(PurePosixPath(pattern).name, PurePosixPath(binary).name)
        case "module":
            return module is None or module_matches(pattern, module)
    return True


def module_matches(pattern: str, module: str) -> bool:
    """Go's package patterns: `...` stands for any run of characters, and a final `/...` for nothing as well."""
    stem = pattern.removesuffix("/...")
    expression = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", stem))
    return re.fullmatch(expression + ("(/.*)?" if stem != pattern else ""), module) is not None


def _matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches; `*` stands for any run of characters."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None


def fitting(programs: Sequence[ast.Program], binary: str, module: str | None) -> set[str]:
    """The names of the programs that the binary can be."""
    return {p.name.name for p in programs if may_be(p, binary, module)}
