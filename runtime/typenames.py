"""Names of the dynamic types that a capture met in interfaces, read from the executable after the pause."""

from __future__ import annotations

import numpy as np

from sey.binary.gobinary import GoBinary
from sey.binary.gotypes import TypeNames
from sey.binary.pclntab import open_pclntab
from sey.ir.plan import Plan
from sey.runtime.pages import Pages


def type_names(binary: GoBinary, plan: Plan, pages: Pages, bias: int) -> dict[int, str]:
    """Names by the first word of an interface (an itab's or a type's address), and of what channels carry by its type's
    address; what can't be named is left out.

    Types that the program made while it ran (reflect.StructOf and the like) are not in its executable.
    """
    streams = {stream.name: pages.records(stream) for stream in plan.streams if stream.name in ("typeword", "channel")}
    types = dict[int, int]()
    if "channel" in streams:
        types |= {int(address): int(address) for address in np.unique(streams["channel"]["elem_type"]) if address}
    if "typeword" in streams:
        types |= {int(met["word"]): int(met["type"]) for met in streams["typeword"] if met["type"]}
    if not types:
        return {}
    names = TypeNames(binary.elf, open_pclntab(binary).module)
    found = {word: names.name(address - bias) for word, address in types.items()}
    return {word: name for word, name in found.items() if name is not None}
