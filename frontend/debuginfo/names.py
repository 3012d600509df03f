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


def is_defined_type(name: str) -> bool:
    """Whether a type's name is that of a predeclared or defined type.

    False for the likes of `*T`, `[]T` and `func()`, and for the types that the compiler makes (`noalg.map.group[…]`,
    `hchan<…>`, shapes).
    """
    return not _COMPOSITE.match(name) and not _RUNTIME_MADE.match(name) and "go.shape." not in name
