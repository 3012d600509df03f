"""The walk over a Go process, written once, in IR text.

The texts are templates: `$name` stands for an offset, an address or a number that lowering takes from the binary and
from the contracts of `ir/plan.py`. Lowering adds the functions `row`, `global_values` and the tables they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files

from sey.ir.nodes import Program, Stream, Table, Type, layout_stream
from sey.ir.parser import Signature, parse_program, scan_signatures
from sey.ir.plan import STREAMS

PARTS = (
    "inputs", "memory", "pclntab", "walk", "stacks", "fetch", "maps", "pack", "redact", "chase", "shares", "lookup",
    "labels", "race", "waits", "goroutines",
)  # fmt: skip
"""The parts of a snapshot."""
EVENT_PARTS = ("events", "memory", "fetch", "maps", "pack", "redact", "chase", "lookup")


def prelude_streams() -> tuple[Stream, ...]:
    """The streams that every snapshot has, in their order: those of the plan's `STREAMS`, and `bytes`."""
    kinds = {"i32": Type.I32, "i64": Type.I64}
    records = [layout_stream(name, [(f, kinds[t]) for f, t in members]) for name, members in STREAMS.items()]
    return (*records, Stream("bytes"))


def prelude(
    constants: Mapping[str, int],
    tables: Iterable[Table],
    signatures: Mapping[str, Signature],
    first_file: int,
    parts: Sequence[str] = PARTS,
    streams: tuple[Stream, ...] = (),
) -> Program:
    """The prelude with its constants filled in; its texts are files `first_file` and on. `streams` are those of the
    program where the prelude uses more than its own.

    `tables` and `signatures` are those that the prelude uses and lowering supplies. Raises SeyError (SEY0501) naming
    a constant that is missing.
    """
    texts = {part: files(__package__).joinpath(f"{part}.ir").read_text() for part in parts}
    known = dict(signatures)
    for text in texts.values():
        known.update(scan_signatures(text))
    whole = Program(files=tuple(f"prelude/{part}.ir" for part in parts), streams=streams or prelude_streams())
    for number, text in enumerate(texts.values()):
        part = parse_program(
            text,
            constants=constants,
            file_index=first_file + number,
            stamp=True,
            streams=whole.streams,
            tables=tuple(tables),
            signatures=known,
        )
        whole = replace(
            whole,
            buffers=whole.buffers + part.buffers,
            dicts=whole.dicts + part.dicts,
            stashes=whole.stashes + part.stashes,
            functions=whole.functions + part.functions,
        )
    return whole
