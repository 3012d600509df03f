"""Which lines of a spec the kernel's verifier was at when it refused a load.

Before each run of instructions from one line the kernel's log has the text of that line, which is ours (`Debug`):
`; shop.sey:12 request`, and from 6.10 on also its place, ` @ shop.sey:12`, with the file's base name alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sey.ir.nodes import Location

_COMMENT = re.compile(r"^; (.*?):(\d+)(?: |$)", re.MULTILINE)


def lines_of_log(log: str, files: Sequence[str]) -> tuple[Location, ...]:
    """The places named in a verifier's log, each once, the last one first: there the kernel gave up.

    `files` are the program's. Code without a place, and text that is no place of ours, are left out.
    """
    numbers = {name: number for number, name in enumerate(files)}
    found: dict[Location, None] = {}
    for match in reversed(list(_COMMENT.finditer(log))):
        if match[1] in numbers:
            found.setdefault(Location(numbers[match[1]], int(match[2])))
    return tuple(found)
