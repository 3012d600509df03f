"""Drop memories that no code uses: the prelude declares what any program may need.

    buffer @pack 65536 slack 65544
    buffer @out 8 host                  buffer @out 8 host
    func @main() {              =>      func @main() {
      store i64 @out, 1                   store i64 @out, 1
    }                                   }

What is the host's stays: it goes by the names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sey.ir.nodes import Program
from sey.ir.rewrite import walk

_NAMING = ("buffer", "dict", "table", "stash")
"""Fields of operations that name a memory."""


@dataclass(frozen=True)
class DropUnused:
    """The pass."""

    def run(self, program: Program) -> Program:
        """The program without buffers, dicts, tables and stashes that nothing names."""
        ops = (op for function in program.functions for op in walk(function.body))
        used = {getattr(op, field, None) for op in ops for field in _NAMING}
        return replace(
            program,
            buffers=tuple(b for b in program.buffers if b.host or b.name in used),
            dicts=tuple(d for d in program.dicts if d.host or d.name in used),
            tables=tuple(t for t in program.tables if t.name in used),
            stashes=tuple(s for s in program.stashes if s.name in used),
        )
