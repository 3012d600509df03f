"""Finds what LLVM can't take before LLVM would end the process."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sey.backends.ebpf.errors import FunctionTooLong
from sey.binary.errors import SeyError

MAX_FUNCTION = 32_000
"""Instructions of 8 bytes in one function: a jump has 16 bits with a sign, and LLVM aborts where they don't do."""

_SAFE_LINES = 8_000
"""So many lines of LLVM never make more instructions than that: a line takes 4 at most, about 1 on average."""

_FUNCTION_LABEL = re.compile(r"(?!L|\.)(\w+):")
"""Functions of ours; labels of blocks and of debug information start with L."""

_DEFINITION = re.compile(r"define .*? @(\w+)\(")


def long_functions(functions: list[str]) -> tuple[str, ...]:
    """Which functions are so long that their instructions must be counted."""
    return tuple(_name(text) for text in functions if text.count("\n") + text.count(", label") > _SAFE_LINES)


def check_lengths(assembly: str, names: tuple[str, ...]) -> None:
    """Raise SeyError (SEY0511) where one of the functions is too long. `assembly` is LLVM's for the module."""
    problems = [
        FunctionTooLong(name, length, MAX_FUNCTION)
        for name, length in _lengths(assembly)
        if name in names and length > MAX_FUNCTION
    ]
    if problems:
        raise SeyError(*problems)


def _name(text: str) -> str:
    found = _DEFINITION.match(text)
    assert found is not None
    return found[1]


def _lengths(assembly: str) -> Iterator[tuple[str, int]]:
    """The functions of an assembly text and how many instructions each takes."""
    name, length = "", 0
    for line in assembly.splitlines():
        if label := _FUNCTION_LABEL.match(line):
            yield name, length
            name, length = label[1], 0
        elif line.startswith("\t") and not line.startswith(("\t.", "\t#")):
            length += 2 if line.rstrip().endswith(" ll") else 1
    yield name, length
