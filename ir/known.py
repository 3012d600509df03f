"""What a text of the IR is read with: what is declared, in it or elsewhere, when a function is parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sey.ir.nodes import Function, Stream, Table, Type

_HEAD = re.compile(r"(?<![\w@%$])func\s+@(\w+)\s*\(([^)]*)\)\s*(?:->\s*(\w+))?")
_COMMENT = re.compile(r"[#;][^\n]*")
TYPES = {kind.value: kind for kind in Type}
_LOCAL = re.compile(r"%(\w+)")


class Signature(NamedTuple):
    """The types of a function."""

    parameters: tuple[Type, ...]
    result: Type | None


@dataclass
class Known:
    """What is declared so far, by name; settles the types of calls and literals."""

    streams: dict[str, Stream]
    tables: dict[str, Table]
    signatures: dict[str, Signature]
    locals: frozenset[str]
    """The names of values that the text uses anywhere."""


def signature_of(function: Function) -> Signature:
    """The signature of a function."""
    return Signature(tuple(p.type for p in function.parameters), function.result)


def scan_locals(text: str) -> frozenset[str]:
    """The names of values that a text uses anywhere."""
    return frozenset(_LOCAL.findall(text))


def scan_signatures(text: str) -> dict[str, Signature]:
    """The signatures of all functions of a text, without parsing it; heads that don't parse are left out."""
    found: dict[str, Signature] = {}
    for name, parameters, result in _HEAD.findall(_COMMENT.sub("", text)):
        words = [part.split()[-1] for part in parameters.split(",") if part.strip()]
        if all(word in TYPES for word in [*words, *([result] if result else [])]):
            found[name] = Signature(tuple(map(Type, words)), Type(result) if result else None)
    return found
