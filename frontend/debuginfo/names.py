"""How Go's stack traces spell function names, and which type names are those of defined types."""

from __future__ import annotations

import re

_COMPOSITE = re.compile(r"[*\[.]|(map\[|chan |chan<-|<-chan |func\(|struct \{|interface \{|noalg\.|go\.shape\.)")
_RUNTIME_MADE = re.compile(r"[A-Za-z]+<")


def stack_name(linkage: str) -> str:
    """A function's name as stack traces and pclntab have it: `main.gen[go.shape.int]` is `main.gen[...]`.

    From the first `[` to the last `]`, as runtime.funcNameForPrint and the linker (cmd/link/internal/ld/pcln.go) do.
    """
    start, end = linkage.find("["), linkage.rfind("]")
    return linkage if start < 0 or end <= start else f"{linkage[:start]}[...]{linkage[end + 1 :]}"


_ESCAPES = re.compile(r'"(?:[^"\\]|\\.)*"|((?:%[0-9a-f]{2})+)')


def source_name(linkage: str) -> str:
    """A type's or variable's name with its import path as sources have it: `gopkg.in/yaml%2ev3.Node` is `….v3.Node`.

    The linker's escapes are those of objabi.PathToPrefix. Function names keep them, as stack traces do; so do struct
    tags, which are quoted.
    """
    if "%" not in linkage:
        return linkage
    return _ESCAPES.sub(lambda m: _unescaped(m[1]) if m[1] else m[0], linkage)


def _unescaped(escapes: str) -> str:
    return bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "replace")


def is_defined_type(name: str) -> bool:
    """Whether a type's name is that of a predeclared or defined type.

    False for the likes of `*T`, `[]T` and `func()`, and for the types that the compiler makes (`noalg.map.group[…]`,
    `hchan<…>`, shapes).
    """
    return not _COMPOSITE.match(name) and not _RUNTIME_MADE.match(name) and "go.shape." not in name
